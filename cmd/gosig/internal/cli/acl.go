package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
	"github.com/gosig/gosig/sig"
)

func newACL(a *app) *cobra.Command {
	return family(&cobra.Command{
		Use:   "acl",
		Short: "Ask a policy what it decides, and why",
		Example: text(`
			  gosig acl explain --policy policy.toml --as ops/bob request plant~2Fpress config/limit`),
	}, newExplain(a))
}

// family is a command that has only further ones.
func family(cmd *cobra.Command, members ...*cobra.Command) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, m := range cmd.Commands() {
			names = append(names, m.Name())
		}
		return usagef("there is no command %q of %s; there is %s", args[0], cmd.CommandPath(), strings.Join(names, ", "))
	}
	cmd.AddCommand(members...)
	return cmd
}

// explainFlags are what "acl explain" can be told.
type explainFlags struct {
	policy string
	as     string
	method string
	groups []string
	output string
}

func newExplain(a *app) *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain --policy FILE --as PRINCIPAL VERB SENDER [NAME]",
		Short: "Say which rule decides, and why",
		Long: text(`
			explain asks a policy, which is a file of its own or a configuration that has one,
			what it decides, and says which rule did and what the others have to do with it.

			VERB, SENDER and NAME are what a denied client was told, word for word:

			  emit       one's own sender, and the event
			  subscribe  whose event, and the event; patterns, too
			  request    the sender that is asked, and the method
			  respond    one's own sender, and the method
			  observe    the sender one may know of; no NAME
			  admin      what the operation is about, or "", and the operation

			PRINCIPAL is an ID; {anonymous} is somebody who has proved nothing. With --method
			it may also be what a carrier proves, as the router's log shows it, like the
			sig:plant/press of a certificate with --method tls.

			The exit code is 0 if it is allowed, and 3 if it is denied. With -o json it is one
			object: "allowed", "decision", "rule", "label", "at", "principal", "method",
			"groups", and "rules" with "rule", "label", "at", "effect", "patterns", "role".`),
		Example: text(`
			  gosig acl explain --policy policy.toml --as ops/bob request plant~2Fpress config/limit
			  gosig acl explain --policy gosig.toml --as press-1 --method dtls-psk emit press-1 temp
			  gosig acl explain --policy policy.toml --as '{anonymous}' subscribe '**' '**'`),
		Args: args(2, 3, "two or three: the verb, the sender and the name"),
		RunE: func(_ *cobra.Command, args []string) error { return runExplain(a, &f, args) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.policy, "policy", "", "file with the policy, or with a configuration that has one")
	fs.StringVar(&f.as, "as", "", "principal that wants it; {anonymous} for one that has proved nothing")
	fs.StringVar(&f.method, "method", "", "how it was proved, for rules that insist on it: tls, dtls-psk, token, ed25519, unix-peercred ...")
	fs.StringSliceVar(&f.groups, "group", nil, "groups beside those that the policy puts it in")
	outputFlag(cmd, &f.output, outText)
	return cmd
}

func runExplain(a *app, f *explainFlags, args []string) error {
	switch {
	case f.policy == "":
		return usagef("--policy is missing: which file has the policy?")
	case f.as == "":
		return usagef("--as is missing: who wants it? {anonymous} is somebody who has proved nothing")
	}
	access, err := loadAccess(f.policy)
	if err != nil {
		return err
	}
	who := access.Principal(principalOf(f.as, f.method, f.groups))
	args = append(args, "")
	x := access.Policy().Explain(who, acl.Verb(args[0]), sig.Name(args[1]), sig.Name(args[2]))
	if x.Decision.Reason == acl.BadName {
		return usagef("%v: see the verbs", x.Decision)
	}
	if f.output == outJSON {
		_, err = fmt.Fprintf(a.std.Out, "%s\n", toJSON(explainedInJSON(access, x)))
	} else {
		err = printExplanation(a.std.Out, access, x)
	}
	if err == nil && !x.Decision.Allowed {
		return fmt.Errorf("%w: %w", errReported, sig.ErrDenied)
	}
	return err
}

func principalOf(id, method string, groups []string) acl.Principal {
	if id == "{anonymous}" {
		return acl.Principal{}
	}
	return acl.Principal{ID: id, Method: method, Groups: groups}
}

// loadAccess reads the policy that a file is or has.
func loadAccess(path string) (*config.Access, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	if config.IsPolicy(data) || len(strings.TrimSpace(string(data))) == 0 {
		return config.ParsePolicy(path, data)
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	if c.Access() == nil {
		return nil, fmt.Errorf("%s has no policy: everybody who gets a connection may do everything", path)
	}
	return c.Access(), nil
}

// printExplanation is Explanation.String with the places of the rules.
func printExplanation(w io.Writer, access *config.Access, x acl.Explanation) error {
	lines := strings.Split(strings.TrimSuffix(x.String(), "\n"), "\n")
	first := len(lines) - len(x.Rules) // the rules are last, one a line
	for i, line := range lines {
		if i >= first {
			line += " (" + access.RuleAt(x.Rules[i-first].Rule) + ")"
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// explanation is what "acl explain -o json" prints.
type explanation struct {
	Allowed   bool               `json:"allowed"`
	Decision  string             `json:"decision"`
	Rule      int                `json:"rule"` // 0: none
	Label     string             `json:"label"`
	At        string             `json:"at"`
	Principal string             `json:"principal"`
	Method    string             `json:"method"`
	Groups    []string           `json:"groups"`
	Rules     []consideredInJSON `json:"rules"`
}

type consideredInJSON struct {
	Rule     int      `json:"rule"`
	Label    string   `json:"label"`
	At       string   `json:"at"`
	Effect   string   `json:"effect"`
	Patterns []string `json:"patterns"`
	Role     string   `json:"role"`
}

func explainedInJSON(access *config.Access, x acl.Explanation) explanation {
	out := explanation{
		Allowed: x.Decision.Allowed, Decision: x.Decision.String(), Rule: x.Decision.Rule, Label: x.Decision.Label,
		Principal: x.Principal.ID, Method: x.Principal.Method, Groups: append([]string{}, x.Groups...), Rules: []consideredInJSON{},
	}
	if out.Rule > 0 {
		out.At = access.RuleAt(out.Rule)
	}
	for _, c := range x.Rules {
		r := consideredInJSON{c.Rule, c.Label, access.RuleAt(c.Rule), effectName(c.Deny), []string{}, c.Role}
		for _, p := range c.Patterns {
			r.Patterns = append(r.Patterns, p.String())
		}
		out.Rules = append(out.Rules, r)
	}
	return out
}

func effectName(deny bool) string {
	if deny {
		return "deny"
	}
	return "allow"
}
