package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

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

// checked is what "check -o json" prints.
type checked struct {
	Name      string            `json:"name"`
	Codecs    []string          `json:"codecs"`
	Drain     string            `json:"drain"`
	Log       checkedLog        `json:"log"`
	Listen    []checkedListener `json:"listen"`
	Uplink    []checkedListener `json:"uplink"`
	Return    string            `json:"uplink_return"` // "0s": never
	Limits    []checkedLimit    `json:"limits"`
	LimitsFor []checkedSpecial  `json:"limits_for"`
	Metrics   string            `json:"metrics"` // where they are served; "": nowhere
	Shadow    string            `json:"shadow_policy"`
	Audit     string            `json:"audit"`
	Policy    *checkedPolicy    `json:"policy"` // null: everybody may do everything

	hasPolicy bool
}

type checkedLog struct {
	Level  string `json:"level"`
	Format string `json:"format"`
}

type checkedListener struct {
	URL        string         `json:"url"`
	Protection string         `json:"protection"`
	Limits     []checkedLimit `json:"limits"` // those that the router's are replaced by
}

// checkedSpecial are limits of some clients.
type checkedSpecial struct {
	Principals []string       `json:"principals"`
	Groups     []string       `json:"groups"`
	Limits     []checkedLimit `json:"limits"`
}

type checkedLimit struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Default bool   `json:"default"`
	About   string `json:"about"`
	Scope   string `json:"scope"`
	Reached string `json:"reached"`
}

// effective is the configuration with everything filled in.
func effective(c *config.Config) checked {
	out := checked{
		Metrics: c.Metrics.Address(),
		Name:    routerName(c.Name), Drain: c.DrainTime().String(),
		Log:    checkedLog{cmp.Or(string(c.Log.Level), "info"), cmp.Or(string(c.Log.Format), "text")},
		Listen: []checkedListener{}, Uplink: []checkedListener{}, LimitsFor: []checkedSpecial{}, hasPolicy: c.Access() != nil,
		Shadow: c.ShadowFile, Audit: c.AuditFile,
	}
	codecs := c.Codecs
	if len(codecs) == 0 {
		codecs = config.Codecs
	}
	for _, id := range codecs {
		out.Codecs = append(out.Codecs, string(id))
	}
	for _, l := range c.Listen {
		out.Listen = append(out.Listen, checkedListener{l.URL, protection(l), limitsOf(l.Limits.Stated())})
	}
	out.Return = "0s"
	if c.Uplink != nil {
		out.Return = c.Uplink.Return.String()
		for _, u := range c.Uplink.URLs {
			out.Uplink = append(out.Uplink, checkedListener{u, uplinkProtection(u, c.Uplink), limitsOf(nil)})
		}
	}
	out.Limits = limitsOf(c.Limits.Describe())
	for i := range c.LimitsFor {
		s := &c.LimitsFor[i]
		out.LimitsFor = append(out.LimitsFor, checkedSpecial{some(s.Principals), some(s.Groups), limitsOf(s.Stated())})
	}
	return out
}

func limitsOf(from []config.Limit) []checkedLimit {
	all := []checkedLimit{}
	for _, l := range from {
		all = append(all, checkedLimit(l))
	}
	return all
}

// protection says who can read along and who can connect.
func protection(l config.Listener) string {
	scheme, _ := config.SchemeOf(l.URL) // it has been checked
	if scheme == "unix" {
		return "this machine only, mode 0600: this user"
	}
	if scheme == "serial" {
		return "whatever is at the other end of the line"
	}
	if !config.Encrypted(scheme) {
		return "not encrypted, anybody who can reach it"
	}
	var clients []string
	switch {
	case l.TLS.CA != "":
		clients = append(clients, fmt.Sprintf("certificate %s, clients need one of %s", l.TLS.Cert, l.TLS.CA))
	case l.TLS.Cert != "":
		clients = append(clients, fmt.Sprintf("certificate %s, any client", l.TLS.Cert))
	}
	if l.PSKFile != "" {
		clients = append(clients, "clients with a key of "+l.PSKFile)
	}
	if len(clients) == 0 {
		clients = append(clients, "as its address says")
	}
	return version(scheme) + ", " + strings.Join(clients, ", or ")
}

// version is what encrypts the connections of a scheme.
func version(scheme string) string {
	if scheme == "dtls" {
		return "DTLS 1.2"
	}
	return "TLS 1.3"
}

func uplinkProtection(url string, u *config.Uplink) string {
	scheme, _ := config.SchemeOf(url) // it has been checked
	switch {
	case scheme == "unix":
		return "this machine only"
	case scheme == "serial":
		return "whatever is at the other end of the line"
	case !config.Encrypted(scheme):
		return "not encrypted"
	case config.TakesKeys(scheme) && u.PSKFile != "":
		return version(scheme) + ", with a key of " + u.PSKFile
	case u.TLS.CA == "":
		return version(scheme) + ", verified by the system's CAs"
	}
	return version(scheme) + ", verified by " + u.TLS.CA
}

// describe prints it for people.
func describe(w io.Writer, file string, c checked) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "%s is a valid configuration\n\n", file)
	fmt.Fprintf(tw, "name\t%s\n", c.Name)
	fmt.Fprintf(tw, "codecs\t%s\n", strings.Join(c.Codecs, ", "))
	fmt.Fprintf(tw, "drain\t%s\n", c.Drain)
	fmt.Fprintf(tw, "log\t%s, %s\n", c.Log.Level, c.Log.Format)
	if len(c.Listen) == 0 {
		fmt.Fprintf(tw, "listen\tnowhere: give --listen to serve\n")
	}
	for _, l := range c.Listen {
		fmt.Fprintf(tw, "listen\t%s\t%s\n", l.URL, l.Protection)
		if len(l.Limits) > 0 {
			fmt.Fprintf(tw, "\t  limits\t%s\n", brief(l.Limits))
		}
	}
	for _, l := range c.Uplink {
		fmt.Fprintf(tw, "uplink\t%s\t%s\n", l.URL, l.Protection)
	}
	if c.Return != "0s" {
		fmt.Fprintf(tw, "return\tto an earlier uplink, looked for every %s\n", c.Return)
	}
	if !c.hasPolicy {
		fmt.Fprintf(tw, "policy\tnone: everybody who gets a connection may do everything\n")
	}
	if c.Metrics != "" {
		fmt.Fprintf(tw, "metrics\thttp://%s/metrics\n", c.Metrics)
	}
	if c.Shadow != "" {
		fmt.Fprintf(tw, "shadow\t%s: decides nothing\n", c.Shadow)
	}
	if c.Audit != "" {
		fmt.Fprintf(tw, "audit\t%s\n", c.Audit)
	}
	fmt.Fprintf(tw, "\nlimits\n")
	for _, l := range c.Limits {
		mark := ""
		if l.Default {
			mark = "(default)"
		}
		fmt.Fprintf(tw, "  %s\t%s\t%s\t%s\n", l.Key, l.Value, mark, l.About)
	}
	for _, s := range c.LimitsFor {
		who := append(slices.Clone(s.Principals), prefixed("group ", s.Groups)...)
		fmt.Fprintf(tw, "limits of %s\t%s\n", strings.Join(who, ", "), brief(s.Limits))
	}
	return tw.Flush()
}

// brief lists limits in one line.
func brief(all []checkedLimit) string {
	texts := make([]string, len(all))
	for i, l := range all {
		texts[i] = l.Key + " " + l.Value
	}
	return strings.Join(texts, ", ")
}

func prefixed(prefix string, words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = prefix + w
	}
	return out
}

// routerName is how a router introduces itself: its host's name if it has no
// other.
func routerName(name string) string {
	if name != "" {
		return name
	}
	host, err := os.Hostname()
	if err != nil {
		return "gosig"
	}
	return host
}
