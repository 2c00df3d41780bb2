package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gosig/gosig/cmd/gosig/internal/config"
)

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
