package cli

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
)

// Every scheme of every carrier is described, and the parameters it is said to
// have are those it looks at, no more and no fewer.
func TestEverySchemeIsDescribed(t *testing.T) {
	wired := (&securityFlags{}).carriers(quiet())
	var schemes []string
	for _, c := range append(wired, mem.New()) {
		for _, s := range carrier.Describe(c) {
			schemes = append(schemes, s.Scheme)
			t.Run(s.Scheme, func(t *testing.T) {
				assert.True(t, strings.HasPrefix(s.Syntax, s.Scheme+"://"), "the syntax shows a URL: %q", s.Syntax)
				assert.NotEmpty(t, s.Protects)
				for _, p := range s.Params {
					assert.NotEmpty(t, p.Meaning, p.Name)
					assert.NotZero(t, p.Use, p.Name)
				}
				assert.ElementsMatch(t, s.Names(carrier.Dialing), known(t, func(u *url.URL) error {
					conn, err := c.Dial(t.Context(), u)
					if err == nil {
						conn.Close()
					}
					return err
				}, s.Scheme), "dialling")
				assert.ElementsMatch(t, s.Names(carrier.Listening), known(t, func(u *url.URL) error {
					ln, err := c.Listen(t.Context(), u)
					if err == nil {
						ln.Close()
					}
					return err
				}, s.Scheme), "listening")
			})
		}
	}
	schemes = slices.DeleteFunc(schemes, func(s string) bool { return s == "mem" }) // within one process
	assert.ElementsMatch(t, config.Schemes, schemes, "what --connect and --listen take is what carriers lists")
}

// known asks for a parameter that nobody has: the error names those there are.
func known(t *testing.T, use func(*url.URL) error, scheme string) []string {
	u := &url.URL{Scheme: scheme, Host: "127.0.0.1:1", RawQuery: "nobody_has_this=1"}
	if scheme == "unix" {
		u.Host, u.Path = "", t.TempDir()+"/s"
	}
	err := use(u)
	require.ErrorContains(t, err, `unknown parameter "nobody_has_this"`)
	_, names, some := strings.Cut(err.Error(), "knows ")
	if !some {
		return nil
	}
	return strings.Split(names, ", ")
}
