package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
)

func newCheck(a *app) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say what a configuration or a policy means, or where it is wrong",
		Long: text(`
			check reads a configuration as "serve --config" does, certificates and keys
			included, and prints what would be in force: each listener and how it is protected,
			and each limit, with those marked that the file leaves at their default.

			Of a policy, in a configuration or in a file of its own, it prints the rules and
			what they come to for each principal that is named in it, or for those named with
			--as; it warns of rules that never decide anything, because others say the same,
			deny all that they allow, or allow nothing of what they deny; and it runs the
			policy's own cases.

			What is wrong, failed cases included, is told as FILE:LINE: reason, and the exit
			code is 1; with --strict warnings count as mistakes.`),
		Example: text(`
			  gosig check gosig.toml
			  gosig check gosig.toml -o json
			  gosig check policy.toml --strict          # for CI
			  gosig check policy.toml --as ops/anna

			  # a file to begin with
			  name = "plant"
			  drain = "10s"
			  policy = "policy.toml"  # who may do what

			  [log]
			  level = "info"          # debug, info, warn, error
			  format = "text"         # text, json

			  [[listen]]
			  url = "tcp://127.0.0.1:7465"

			  [[listen]]
			  url = "tls://0.0.0.0:7466"
			  tls = {cert = "router.pem", key = "router.key", ca = "clients-ca.pem"}

			  [[listen]]
			  url = "dtls://0.0.0.0:7467"
			  psk_file = "keys.psk"   # a line NAME:KEY for each device

			  [uplink]                # makes this an edge router
			  urls = ["tls://central:7466", "tls://spare:7466"]
			  return = "30s"          # to the first when it answers again

			  [limits]                # docs/limits.md
			  frame = "1MiB"
			  keepalive = "15s"

			  [[limits_for]]
			  principals = ["plant/*"]
			  rate = 200              # a second

			  [end]                   # the last line: nothing was cut off

			  # policy.toml, to begin with
			  [[group]]
			  name = "operators"
			  members = ["ops/*"]             # IDs, see "gosig ca --help"

			  [[rule]]
			  label = "devices report"
			  allow = ["emit"]
			  principals = ["plant/*"]
			  sender = "{self}"               # their own name: plant/press is plant~2Fpress
			  name = "**"

			  [[rule]]
			  label = "operators read"
			  allow = ["subscribe"]
			  groups = ["operators"]
			  sender = "**"
			  name = "**"

			  [[expect]]                      # must hold, or the policy is not taken
			  principal = "plant/press"
			  deny = ["subscribe"]
			  sender = "**"
			  name = "**"

			  [end]                           # the last line: nothing was cut off`),
		Args: args(1, 1, "one: the file"),
		RunE: func(_ *cobra.Command, args []string) error { return runCheck(a, &f, args[0]) },
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&f.as, "as", nil, "principal whose rights to print; repeated: of each (default those that the policy names)")
	fs.StringVar(&f.method, "method", "", "how those of --as were proved")
	fs.BoolVar(&f.strict, "strict", false, "rules that never decide anything are mistakes")
	outputFlag(cmd, &f.output, outText)
	return cmd
}

// checkFlags are what "check" can be told.
type checkFlags struct {
	as     []string
	method string
	strict bool
	output string
}

func runCheck(a *app, f *checkFlags, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if config.IsPolicy(data) {
		access, err := config.ParsePolicy(file, data)
		if err != nil {
			return err
		}
		return f.print(a, file, nil, access)
	}
	c, err := config.Load(file)
	if err != nil {
		return err
	}
	return f.print(a, file, c, c.Access())
}

// print prints what a file means, and returns what is wrong with its policy.
func (f *checkFlags) print(a *app, file string, c *config.Config, access *config.Access) error {
	var policy *checkedPolicy
	if access != nil {
		var asked []acl.Principal
		for _, id := range f.as {
			asked = append(asked, access.Principal(principalOf(id, f.method, nil)))
		}
		policy = examine(access, asked)
	} else if len(f.as) > 0 {
		return usagef("--as has no effect: %s has no policy", file)
	}
	if err := f.write(a.std.Out, file, c, policy); err != nil {
		return err
	}
	if err := checkAccess(a, file, c); err != nil || policy == nil {
		return err
	}
	for _, w := range policy.Findings {
		a.notice("warning: %s: %s", w.At, w.Text)
	}
	if err := access.Check(); err != nil {
		return err
	}
	if f.strict && len(policy.Findings) > 0 {
		return fmt.Errorf("%s: %d warnings, and --strict", access.File(), len(policy.Findings))
	}
	return nil
}

// checkAccess looks at what a configuration says beside its policy: serve would
// refuse it as well.
func checkAccess(a *app, file string, c *config.Config) error {
	if c == nil {
		return nil
	}
	switch open := c.Exposed(); {
	case len(open) > 0 && c.Insecure:
		a.notice("warning: %s: insecure = true, and everybody can connect to %s", file, strings.Join(open, ", "))
	case len(open) > 0:
		return &config.Error{File: file, Text: exposed(open) + ", say so: insecure = true"}
	}
	if c.ShadowFile == "" {
		return nil
	}
	shadow, err := config.LoadPolicy(c.ShadowFile)
	if err != nil {
		return err
	}
	return shadow.Check()
}

func (f *checkFlags) write(w io.Writer, file string, c *config.Config, policy *checkedPolicy) error {
	switch {
	case f.output == outJSON && c == nil:
		_, err := fmt.Fprintf(w, "%s\n", toJSON(policy))
		return err
	case f.output == outJSON:
		all := effective(c)
		all.Policy = policy
		_, err := fmt.Fprintf(w, "%s\n", toJSON(all))
		return err
	case c == nil:
		fmt.Fprintf(w, "%s is a policy\n\n", file)
		return describePolicy(w, policy)
	}
	if err := describe(w, file, effective(c)); err != nil || policy == nil {
		return err
	}
	fmt.Fprintf(w, "\npolicy  %s\n\n", policy.File)
	return describePolicy(w, policy)
}
