package e2e

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/wire"
)

// TestMetrics: what passes "gosig serve", and what it refuses, is in its metrics,
// as Prometheus's own parser reads them; while it drains it lives and is not
// ready.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p := serve(t, append(configured(t, impatientLimits+"\nsubscriptions = 1\n"), "--listen", "tcp://127.0.0.1:0", "--listen", socket(t, "router"), "--metrics", ":0", "--drain", "2m")...)
	m := regexp.MustCompile(`(?m)^metrics (http://127\.0\.0\.1:\d+)/metrics$`).FindStringSubmatch(p.stdout.String())
	require.NotNil(t, m, p.stdout.String())
	url := m[1]
	beside := honest(t, p.addrs[0])
	s := callRaw(t, p.addrs[1])
	s.admitted()
	s.send(wire.Subscribe{Sender: "a", Event: "e"}, wire.Subscribe{Sender: "b", Event: "e"})
	beside.moves(t)

	got := scrape(t, url)
	assert.Equal(t, 1.0, got["gosig_connections/unix"])
	assert.GreaterOrEqual(t, got["gosig_connections/tcp"], 1.0)
	assert.Positive(t, got["gosig_events_total/in"])
	assert.Positive(t, got["gosig_events_total/out"])
	assert.Positive(t, got["gosig_bytes_total/in"])
	assert.Equal(t, 1.0, got["gosig_limit_hits_total/subscriptions"])
	assert.Equal(t, 0.0, got["gosig_violations_total"])
	s.write([]byte{0, 0, 0, 1, 31})
	_, _ = s.lastWord()
	got = scrape(t, url)
	assert.Equal(t, 1.0, got["gosig_violations_total"])
	assert.Equal(t, 0.0, got["gosig_panics_total"])

	code, _ := get(t, url+"/readyz")
	require.Equal(t, http.StatusOK, code)
	waits := callRaw(t, p.addrs[0]) // does not hang up when it is told goodbye
	waits.admitted()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	await(t, "the router not to be ready", func() bool {
		resp, err := http.Get(url + "/readyz")
		if err != nil {
			return p.hasEnded()
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	waits.conn.Close()
	await(t, "the router to end", p.hasEnded)
}

// get asks for a page.
func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// scrape reads metrics as Prometheus does: a value by the metric's name and those
// of its labels.
func scrape(t *testing.T, url string) map[string]float64 {
	t.Helper()
	code, text := get(t, url+"/metrics")
	require.Equal(t, http.StatusOK, code)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(t, err)
	values := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				key += "/" + l.GetValue()
			}
			values[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}
