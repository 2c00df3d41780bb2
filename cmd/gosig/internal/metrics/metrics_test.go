package metrics

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func source(st router.Stats) Source {
	return Source{Stats: func() router.Stats { return st }, Schemes: []string{"tcp", "tls"}, Version: `v1 "x"` + "\n\\", Since: time.UnixMilli(1500)}
}

// TestTextIsWhatPrometheusReads: its own parser reads every line, and finds the
// numbers.
func TestTextIsWhatPrometheusReads(t *testing.T) {
	st := router.Stats{
		Usage: router.Usage{EventsIn: 1, EventsOut: 2, RequestsIn: 3, RequestsOut: 4, BytesIn: 5, BytesOut: 1 << 60, Outbound: 7, Inbound: 8},
		Open:  map[string]int{"tcp": 9, "mem": 10}, Opening: 11, MostOutbound: 12, Connections: 13, HandshakesFailed: 14,
		Violations: 15, AuthFailures: 16, Denials: 17, AuditDropped: 18, Panics: 19,
		Limits: map[router.Limit]uint64{router.LimitSenders: 20}, Lost: map[sig.LossReason]uint64{sig.LossSlowPeer: 21},
	}
	st.RequestTimes.Counts[0], st.RequestTimes.Counts[3], st.RequestTimes.Counts[len(router.HistogramBounds)] = 1, 2, 4
	st.RequestTimes.Sum = 1500 * time.Millisecond
	s := source(st)
	s.Uplink = func() bool { return true }
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(s.Text()))
	require.NoError(t, err)
	got := map[string]float64{}
	for name, f := range families {
		assert.True(t, strings.HasPrefix(name, "gosig_"), name)
		assert.NotEmpty(t, f.GetHelp(), name)
		for _, m := range f.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				key += "/" + l.GetValue()
			}
			got[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for key, want := range map[string]float64{
		"gosig_events_total/in": 1, "gosig_events_total/out": 2, "gosig_requests_total/in": 3, "gosig_requests_total/out": 4,
		"gosig_bytes_total/in": 5, "gosig_bytes_total/out": 1 << 60, "gosig_outbound_bytes": 7, "gosig_inbound_bytes": 8,
		"gosig_connections/tcp": 9, "gosig_connections/tls": 0, "gosig_connections/other": 10, "gosig_handshakes": 11,
		"gosig_outbound_most_bytes": 12, "gosig_connections_total": 13, "gosig_handshakes_failed_total": 14,
		"gosig_violations_total": 15, "gosig_auth_failures_total": 16, "gosig_denials_total": 17, "gosig_audit_dropped_total": 18,
		"gosig_panics_total": 19, "gosig_limit_hits_total/senders": 20, "gosig_limit_hits_total/rate": 0,
		"gosig_events_lost_total/slow_peer": 21, "gosig_events_lost_total/queue_full": 0,
		"gosig_uplink_connected": 1, "gosig_start_time_seconds": 1.5,
	} {
		v, ok := got[key]
		assert.True(t, ok, "%s is missing", key)
		assert.Equal(t, want, v, key)
	}
	assert.Positive(t, got["gosig_heap_bytes"])
	require.Equal(t, `v1 "x"`+"\n\\", families["gosig_build_info"].GetMetric()[0].GetLabel()[0].GetValue())

	h := families["gosig_request_seconds"].GetMetric()[0].GetHistogram()
	assert.EqualValues(t, 7, h.GetSampleCount())
	assert.Equal(t, 1.5, h.GetSampleSum())
	require.Len(t, h.GetBucket(), len(router.HistogramBounds)+1)
	assert.EqualValues(t, 1, h.GetBucket()[0].GetCumulativeCount())
	assert.EqualValues(t, 3, h.GetBucket()[3].GetCumulativeCount())
	assert.Equal(t, 0.00005, h.GetBucket()[0].GetUpperBound())
}

// TestLabelsAreBounded: whatever the router has counted, the rows are the same.
func TestLabelsAreBounded(t *testing.T) {
	few, many := source(router.Stats{}), source(router.Stats{
		Open: map[string]int{"a": 1, "b": 1, "c": 1}, Lost: map[sig.LossReason]uint64{1: 1, 200: 1}, Limits: map[router.Limit]uint64{250: 1},
	})
	require.Equal(t, strings.Count(few.Text(), "\n"), strings.Count(many.Text(), "\n"))
	require.Len(t, router.AllLimits(), strings.Count(few.Text(), "\ngosig_limit_hits_total{"))
}

func start(t *testing.T, s Source) *Server {
	t.Helper()
	srv, err := Listen(t.Context(), "127.0.0.1:0", s)
	require.NoError(t, err)
	t.Cleanup(func() { srv.Close() })
	return srv
}

// ask sends one request as it is written here.
func ask(t *testing.T, srv *Server, method, path, host string) (code int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Addr())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path, host)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// TestNothingElseIsServed: no profiles, no variables, no other method, no other
// name.
func TestNothingElseIsServed(t *testing.T) {
	s := source(router.Stats{})
	var notReady error
	s.Ready = func() error { return notReady }
	srv := start(t, s)
	for _, row := range []struct {
		method, path, host string
		code               int
		body               string
	}{
		{"GET", "/metrics", "127.0.0.1:1", 200, "# TYPE gosig_panics_total counter\ngosig_panics_total 0\n"},
		{"GET", "/metrics", "localhost", 200, "gosig_panics_total 0"},
		{"GET", "/metrics", "[::1]:9465", 200, "gosig_panics_total 0"},
		{"GET", "/metrics", "rebound.example", 421, "its own name"},
		{"GET", "/healthz", "127.0.0.1", 200, "ok\n"},
		{"GET", "/readyz", "127.0.0.1", 200, "ready\n"},
		{"POST", "/metrics", "127.0.0.1", 405, ""},
		{"GET", "/", "127.0.0.1", 404, ""},
		{"GET", "/debug/pprof/", "127.0.0.1", 404, ""},
		{"GET", "/debug/vars", "127.0.0.1", 404, ""},
	} {
		code, body := ask(t, srv, row.method, row.path, row.host)
		assert.Equal(t, row.code, code, "%+v", row)
		assert.Contains(t, body, row.body)
	}
	notReady = errors.New("draining")
	code, body := ask(t, srv, "GET", "/readyz", "127.0.0.1")
	assert.Equal(t, 503, code)
	assert.Equal(t, "draining\n", body)
}

// TestCrowdWaitsOutside: more than a number of connections are not accepted, and
// one that ends lets the next one in.
func TestCrowdWaitsOutside(t *testing.T) {
	srv := start(t, source(router.Stats{}))
	var silent []net.Conn
	for range maxConns {
		c, err := net.Dial("tcp", srv.Addr())
		require.NoError(t, err)
		defer c.Close()
		silent = append(silent, c)
	}
	crowd := srv.listener.(*crowd)
	require.Eventually(t, func() bool { return len(crowd.places) == maxConns }, time.Minute, time.Millisecond)
	answered := make(chan int, 1)
	go func() { code, _ := ask(t, srv, "GET", "/healthz", "localhost"); answered <- code }()
	require.Never(t, func() bool { return len(answered) > 0 }, 20*time.Millisecond, time.Millisecond)
	silent[0].Close()
	require.Equal(t, 200, <-answered)
	require.NoError(t, srv.Close())
	require.NoError(t, srv.Close())
}

func TestPolicyLoadsAreCounted(t *testing.T) {
	s := Source{Stats: func() router.Stats { return router.Stats{} }}
	assert.NotContains(t, s.Text(), "gosig_policy_loads_total", "without a policy there is nothing to count")
	s.Policy = func() (taken, refused uint64) { return 3, 2 }
	assert.Contains(t, s.Text(), "gosig_policy_loads_total{result=\"taken\"} 3\n")
	assert.Contains(t, s.Text(), "gosig_policy_loads_total{result=\"refused\"} 2\n")
}
