// Package metrics shows what a router counts: in the text format that Prometheus
// reads, by HTTP, with an answer to whether the process lives and whether it is
// ready. There is nothing else behind that address: no profiles, no variables of
// the process, no names of clients. The values of labels are known beforehand, so
// that nobody who connects can make the answer longer.
//
//	h := metrics.Handler(metrics.Source{Stats: srv.Stats, Schemes: schemes, Ready: func() error { return nil }})
package metrics

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// Source is where the numbers come from.
type Source struct {
	Stats   func() router.Stats
	Uplink  func() (connected bool)        // nil: there is none
	Ready   func() error                   // nil: it is
	Policy  func() (taken, refused uint64) // how often one was read; nil: there is none
	Schemes []string                       // of the addresses that listeners may have
	Version string
	Since   time.Time
}

// Text is what /metrics answers.
func (s *Source) Text() string {
	var w writer
	st := s.Stats()
	s.process(&w)
	s.connections(&w, &st)
	traffic(&w, &st)
	trouble(&w, &st)
	if s.Policy != nil {
		taken, refused := s.Policy()
		w.head("gosig_policy_loads_total", "counter", "How often a policy was read, and whether it was taken.")
		w.value("gosig_policy_loads_total", float64(taken), label{"result", "taken"})
		w.value("gosig_policy_loads_total", float64(refused), label{"result", "refused"})
	}
	w.histogram("gosig_request_seconds", "Time from a request's arrival to its answer's, of those that are passed on.", st.RequestTimes)
	w.histogram("gosig_write_seconds", "Time that a write to a peer took.", st.WriteTimes)
	return w.b.String()
}

func (s *Source) process(w *writer) {
	w.head("gosig_build_info", "gauge", "1, with the version as a label.")
	w.value("gosig_build_info", 1, label{"version", s.Version}, label{"go", runtime.Version()})
	w.gauge("gosig_start_time_seconds", "When the router started, in seconds since 1970.", float64(s.Since.UnixMilli())/1000)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.gauge("gosig_heap_bytes", "Memory of the heap in use.", float64(m.HeapInuse))
	w.gauge("gosig_memory_bytes", "Memory that the process got from the system.", float64(m.Sys-m.HeapReleased))
	w.gauge("gosig_goroutines", "Goroutines of the process.", float64(runtime.NumGoroutine()))
}

func (s *Source) connections(w *writer, st *router.Stats) {
	w.head("gosig_connections", "gauge", "Open connections by the carrier of their listener.")
	other := 0
	for _, n := range st.Open {
		other += n
	}
	for _, scheme := range s.Schemes {
		w.value("gosig_connections", float64(st.Open[scheme]), label{"carrier", scheme})
		other -= st.Open[scheme]
	}
	w.value("gosig_connections", float64(other), label{"carrier", "other"})
	w.gauge("gosig_handshakes", "Connections still in their handshake.", float64(st.Opening))
	w.counter("gosig_connections_total", "Connections that were opened.", st.Connections)
	w.counter("gosig_handshakes_failed_total", "Connections that came to nothing.", st.HandshakesFailed)
	if s.Uplink != nil {
		w.gauge("gosig_uplink_connected", "1 while this router is joined to its uplink.", map[bool]float64{true: 1}[s.Uplink()])
	}
}

func traffic(w *writer, st *router.Stats) {
	w.both("gosig_events_total", "Events from clients (in), and to clients (out: once for each that gets it).", st.EventsIn, st.EventsOut)
	w.both("gosig_requests_total", "Requests by clients (in), and to clients (out).", st.RequestsIn, st.RequestsOut)
	w.both("gosig_bytes_total", "Bytes of frames from clients (in), and to clients (out).", st.BytesIn, st.BytesOut)
	w.gauge("gosig_outbound_bytes", "Bytes that wait to be written to clients.", float64(st.Outbound))
	w.gauge("gosig_outbound_most_bytes", "Bytes that wait for the client for which most do.", float64(st.MostOutbound))
	w.gauge("gosig_inbound_bytes", "Bytes that wait for handlers of this process.", float64(st.Inbound))
}

// lossReasons are the labels of gosig_events_lost_total. Reasons of newer peers
// are counted by the router as unknown.
var lossReasons = map[sig.LossReason]string{
	0: "unknown", sig.LossQueueFull: "queue_full", sig.LossSlowPeer: "slow_peer", sig.LossInbound: "inbound",
	sig.LossConnection: "connection", sig.LossBadPayload: "bad_payload", sig.LossOffline: "offline", sig.LossReentry: "reentry",
	sig.LossDatagram: "datagram",
}

func trouble(w *writer, st *router.Stats) {
	w.head("gosig_events_lost_total", "counter", "Events that were announced as lost, by the reason.")
	for r := range sig.LossReason(len(lossReasons)) {
		w.value("gosig_events_lost_total", float64(st.Lost[r]), label{"reason", lossReasons[r]})
	}
	w.head("gosig_limit_hits_total", "counter", "How often a limit was reached (docs/limits.md).")
	for _, l := range router.AllLimits() {
		w.value("gosig_limit_hits_total", float64(st.Limits[l]), label{"limit", l.String()})
	}
	w.counter("gosig_violations_total", "Connections ended for what the peer sent.", st.Violations)
	w.counter("gosig_auth_failures_total", "Connections refused for want of a proof who they are.", st.AuthFailures)
	w.counter("gosig_denials_total", "Things that a rule, or the want of one, has forbidden.", st.Denials)
	w.counter("gosig_audit_dropped_total", "Audit records for which there was no room.", st.AuditDropped)
	w.counter("gosig_panics_total", "Panics of the router itself: always 0, or a bug.", st.Panics)
}

// Handler answers /metrics, /healthz and /readyz.
func Handler(s Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write([]byte(s.Text())) // whoever asked is gone otherwise
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.Ready != nil {
			if err := s.Ready(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		fmt.Fprintln(w, "ready")
	})
	return mux
}

// Server serves a handler on an address of its own until Close.
type Server struct {
	listener net.Listener
	http     http.Server
	done     chan struct{} // closed when serving has ended
}

// maxConns is how many may ask at a time; more wait in the backlog.
const maxConns = 32

// Listen serves s at an address, "127.0.0.1:9465". Where the address is one of
// this host alone, a request must name it or localhost: a page in a browser on
// this host, whose name was made to lead here, gets nothing.
func Listen(ctx context.Context, address string, s Source) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	h := Handler(s)
	if Loopback(address) {
		h = named(h)
	}
	srv := &Server{listener: newCrowd(l, maxConns), done: make(chan struct{}), http: http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10,
	}}
	go func() { // Close ends it, and waits
		defer close(srv.done)
		_ = srv.http.Serve(srv.listener) // says that it was closed
	}()
	return srv, nil
}

// Addr is where it listens, with the real port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends it at once, and waits until it has ended. Safe to call twice.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// Loopback reports whether an address is one of this host alone.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && isLoopback(host)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func named(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if only, _, err := net.SplitHostPort(host); err == nil {
			host = only
		}
		if !isLoopback(host) {
			http.Error(w, "this address answers to its own name only", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}
