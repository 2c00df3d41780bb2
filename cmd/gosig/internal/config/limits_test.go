package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

var update = flag.Bool("update", false, "write the generated parts of docs/limits.md anew")

// TestLimitsPage: the tables of the page are what the code has.
func TestLimitsPage(t *testing.T) {
	const file = "../../../../docs/limits.md"
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	page := string(raw)
	page = replacePart(t, page, "limits", limitTable())
	page = replacePart(t, page, "constants", constantTable())
	if page == string(raw) {
		return
	}
	if !*update {
		t.Fatalf("the tables in docs/limits.md are not what the code has\nhint: go test ./cmd/gosig/internal/config -run TestLimitsPage -update")
	}
	require.NoError(t, os.WriteFile(file, []byte(page), 0o644))
}

func replacePart(t *testing.T, page, name, text string) string {
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end of "+name+" -->"
	before, rest, ok := strings.Cut(page, begin)
	_, after, ok2 := strings.Cut(rest, end)
	require.True(t, ok && ok2, "no part %q", name)
	return before + begin + text + end + after
}

func limitTable() string {
	var b strings.Builder
	b.WriteString("| limit | default | what it bounds | where | what becomes of who reaches it |\n|---|---|---|---|---|\n")
	for _, l := range new(Limits).Describe() {
		value := l.Value
		switch l.Key {
		case router.LimitOutboundTotal.String():
			value = "a quarter of `GOMEMLIMIT`"
		case router.LimitBurst.String():
			value = "twice `rate`"
		case router.LimitProcessors.String():
			value = "all but one"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", l.Key, value, l.About, l.Scope, l.Reached)
	}
	return b.String()
}

func constantTable() string {
	var b strings.Builder
	b.WriteString("| bound | value | what becomes of who is over it |\n|---|---|---|\n")
	row := func(what string, n int, then string) { fmt.Fprintf(&b, "| %s | %d | %s |\n", what, n, then) }
	row("bytes of a name or a pattern", sig.MaxNameBytes, "bad name (14), or the connection ends: protocol (17)")
	row("segments of a name or a pattern", sig.MaxNameSegments, "bad name (14)")
	row("bytes of a reason or an error's text", wire.MaxText, "the connection ends: protocol (17)")
	row("elements of a list in an envelope", wire.MaxList, "the connection ends: protocol (17)")
	return b.String()
}

// TestSpecialLimits: a listener's before the router's, and those of somebody
// before the listener's; later ones before earlier ones.
func TestSpecialLimits(t *testing.T) {
	c, err := Parse("f", []byte(`
[limits]
keepalive = "20s"
[[listen]]
url = "tcp://127.0.0.1:1"
[[listen]]
url = "tcp://127.0.0.1:2"
limits = {rate = 100, senders = 5, connections = 7}
[[limits_for]]
principals = ["plant/*"]
groups = ["sensor"]
rate = 10
burst = 11
[[limits_for]]
principals = ["plant/press"]
rate = 12
keepalive = "30s"
[[limits_for]]
principals = ["{anonymous}"]
rate = 5
[end]
`))
	require.NoError(t, err)
	here := router.Limits{Rate: 100, Senders: 5, Connections: 7}
	assert.Equal(t, router.Limits{}, c.Special(0, nil))
	assert.Equal(t, here, c.Special(1, nil), "as long as nobody knows who it is")
	assert.Equal(t, router.Limits{Rate: 5}, c.Special(0, &acl.Principal{}), "the anonymous")
	assert.Equal(t, here, c.Special(1, &acl.Principal{ID: "other"}))
	assert.Equal(t, router.Limits{Rate: 10, Burst: 11}, c.Special(0, &acl.Principal{ID: "plant/saw"}))
	assert.Equal(t, router.Limits{Rate: 10, Burst: 11, Senders: 5, Connections: 7}, c.Special(1, &acl.Principal{ID: "other", Groups: []string{"sensor"}}))
	assert.Equal(t, router.Limits{Rate: 12, Burst: 11, Keepalive: 30 * time.Second}, c.Special(-1, &acl.Principal{ID: "plant/press"}))
}

// TestPayloadLimits are for codecs, and for all of the router.
func TestPayloadLimits(t *testing.T) {
	c, err := Parse("f", []byte("[limits]\npayload_depth = 3\npayload_elements = 5\n[end]\n"))
	require.NoError(t, err)
	assert.Equal(t, codec.Limits{Depth: 3, Elements: 5}, c.Limits.Codec())
	assert.Equal(t, router.Limits{}, c.Limits.Router())
	assert.Equal(t, codec.Limits{}, new(Limits).Codec())
	for text, want := range map[string]string{
		"[limits]\npayload_depth = 0\n":                                              "f:2: limits.payload_depth: 0 is no limit",
		"[limits]\npayload_depth = 1001\n":                                           "f:2: payload_depth: 1001 is more than 1000",
		"[[listen]]\nurl = \"tcp://127.0.0.1:1\"\nlimits = {payload_elements = 2}\n": "payload_elements is a limit of the whole router",
	} {
		_, err := Parse("f", []byte(text+"[end]\n"))
		assert.ErrorContains(t, err, want)
	}
}
