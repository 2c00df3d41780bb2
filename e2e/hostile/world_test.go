package hostile

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/carrier/quic"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var silent = slog.New(slog.DiscardHandler)

// What a stranger may use, and what all may.
const (
	strangerSenders  = 8
	strangerEvents   = 8
	strangerPatterns = 8
	strangerPending  = 8
	strangerFrame    = 64 << 10
	highestRoute     = 1 << 16
)

// world is a router on every carrier, with honest clients.
type world struct {
	t        testing.TB
	hub      hub
	srv      *router.ServerRouter // nil: it is a process of its own
	people   *people
	network  *mem.Network
	carriers *carrier.Set      // of strangers
	addrs    map[string]string // by scheme, with what a client needs
	schemes  []string
	honest   []*honest
	stop     chan struct{} // closed when the honest may end
	wg       sync.WaitGroup
	twin     *stranger // see replay
	before   uint64    // bytes of heap when all were there
}

// hub is the router that strangers are let loose on.
type hub interface {
	// open is how many connections there are, and how many are to become some.
	open() (connections, opening int)
	failed() uint64 // handshakes
	panics() uint64
	describe() string
	end()
}

// here is a router in the test's own process.
type here struct {
	t   testing.TB
	srv *router.ServerRouter
	reg *sig.Registry
}

func (h *here) open() (connections, opening int) {
	return len(h.srv.Clients()), h.srv.Stats().Opening
}
func (h *here) failed() uint64 { return h.srv.Stats().HandshakesFailed }
func (h *here) panics() uint64 { return h.srv.Stats().Panics }

func (h *here) describe() string {
	st := h.srv.Stats()
	return fmt.Sprintf("%d connections, %d failed handshakes, %d of them for want of a proof, %d violations, %d denials, %d limits reached",
		st.Connections, st.HandshakesFailed, st.AuthFailures, st.Violations, st.Denials, st.LimitHits)
}

func (h *here) end() {
	assert.NoError(h.t, h.srv.Close())
	assert.NoError(h.t, h.reg.Close())
}

// limitsFor are those of a stranger, whoever it is.
func limitsFor(who router.ClientInfo) router.Limits {
	if strings.HasPrefix(who.Principal.ID, "honest/") || who.Name != "stranger" {
		return router.Limits{}
	}
	limits := router.Limits{
		Senders: strangerSenders, EventsPerSender: strangerEvents, Subscriptions: strangerPatterns,
		PendingRequests: strangerPending, MaxFrame: strangerFrame, Nodes: 4,
	}
	if who.Principal.ID == "few" {
		limits.ConnectionsPerID = 2
	}
	return limits
}

// newWorld is one in which whoever proves nothing is let in as a stranger.
func newWorld(t testing.TB, clients int, schemes ...string) *world {
	w := prepareWorld(t, clients, schemes...)
	w.listenHere(true)
	w.settle()
	return w
}

// prepareWorld is one without a router yet.
func prepareWorld(t testing.TB, clients int, schemes ...string) *world {
	w := &world{t: t, addrs: map[string]string{}, schemes: schemes, stop: make(chan struct{}), network: mem.New()}
	dir, err := os.MkdirTemp("", "hostile") // short enough for a socket
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	w.people = meet(t, dir, clients, schemes)
	w.carriers, err = carrier.NewSet(w.clients("", "", "device")...)
	require.NoError(t, err)
	return w
}

// clients are the carriers of a client with a certificate, or a pre-shared key.
func (w *world) clients(cert, key, psk string) []carrier.Carrier {
	ca := w.people.ca.File
	return []carrier.Carrier{
		w.network, tcp.New(&tcp.Options{CAFile: ca, CertFile: cert, KeyFile: key, Logger: silent}),
		quic.New(&quic.Options{CAFile: ca, CertFile: cert, KeyFile: key, Logger: silent}),
		dtls.New(&dtls.Options{PSKFile: w.people.keys, PSKIdentity: psk, Logger: silent}), ws.New(&ws.Options{CAFile: ca, Logger: silent}),
	}
}

// listenHere opens a router in this process.
func (w *world) listenHere(anonymous bool) {
	t, p := w.t, w.people
	cert, key := p.ca.Server()
	carriers := []carrier.Carrier{
		w.network, tcp.New(&tcp.Options{CertFile: cert, KeyFile: key, CAFile: p.ca.File, ClientAuth: certs.Verify, Logger: silent}),
		quic.New(&quic.Options{CertFile: cert, KeyFile: key, CAFile: p.ca.File, ClientAuth: certs.Verify, Logger: silent}),
		dtls.New(&dtls.Options{PSKFile: p.keys, Logger: silent}), ws.New(&ws.Options{CertFile: cert, KeyFile: key, Logger: silent}),
	}
	reg := sig.New(&sig.Options{Name: "hub", OnWarning: func(sig.Warning) {}})
	srv, err := router.NewServerRouter(reg, &router.ServerOptions{
		Carriers: carriers, Codecs: []codec.Codec{cbor.New(), raw.New()}, Logger: silent, LimitsFor: limitsFor,
		Limits: router.Limits{RoutesPerPeer: highestRoute, ConnectionsPerID: 1 << 14},
		Access: router.AccessOptions{
			Authenticator: p.store(t), Authorizer: p.policy(t, rules), AdmitAnonymous: anonymous, Identify: identify,
			Audit: func(router.AuditRecord) {},
		},
	})
	require.NoError(t, err)
	w.srv, w.hub = srv, &here{t, srv, reg}
	for _, scheme := range w.schemes {
		w.addrs[scheme], err = srv.Listen(context.Background(), w.listenURL(scheme))
		require.NoError(t, err)
	}
}

func (w *world) listenURL(scheme string) string {
	switch scheme {
	case "mem":
		return "mem://hub"
	case "unix":
		return "unix://" + filepath.Join(w.people.dir, "s")
	}
	return scheme + "://127.0.0.1:0"
}

// settle brings the honest in.
func (w *world) settle() {
	for i := range w.people.honest {
		w.honest = append(w.honest, w.welcome(i))
	}
	for _, h := range w.honest {
		h.begin(w)
	}
	for _, h := range w.honest {
		w.wg.Go(func() { h.emit(w) }) // both end with w.stop
		w.wg.Go(func() { h.ask(w) })
	}
	w.wg.Go(w.layBait) // ends with w.stop
	w.before = heap()
}

// layBait has the first of the honest say something that strangers may hear, behind
// what they must not.
func (w *world) layBait() {
	sender, err := w.honest[0].reg.Connect(bait, sig.Spec{Events: []sig.Name{said, hushed}})
	if err != nil {
		w.honest[0].complain("cannot lay the bait: %v", err)
		return
	}
	for w.goesOn(20 * time.Millisecond) {
		for _, event := range []sig.Name{hushed, said} {
			if err := sender.Emit(event, []byte(event)); err != nil {
				w.honest[0].complain("%s: %v", event, err)
				return
			}
		}
	}
}

// honest is a client that emits and asks all the time, and hears its neighbour.
type honest struct {
	reg    *sig.Registry
	cr     *router.ClientRouter
	name   sig.Name
	next   sig.Name // whom it hears and asks
	sender *sig.Sender

	emitted, asked atomic.Uint64
	heard          atomic.Uint64
	wrong          atomic.Pointer[string] // what went wrong first
	latest         atomic.Int64           // the longest an event took, in ns
}

func (h *honest) complain(format string, args ...any) {
	text := fmt.Sprintf("%s: ", h.name) + fmt.Sprintf(format, args...)
	h.wrong.CompareAndSwap(nil, &text)
}

// welcome brings one of the honest in.
func (w *world) welcome(i int) *honest {
	h := &honest{name: nameOf(i)}
	h.reg = sig.New(&sig.Options{Name: string(h.name), OnWarning: func(sig.Warning) {}})
	cert, key, home, psk := "", "", w.people.homes[i], ""
	switch home {
	case "tls", "quic":
		cert = filepath.Join(w.people.ca.Dir, fmt.Sprintf("honest-%d.pem", i))
		key = strings.TrimSuffix(cert, "pem") + "key"
	case "dtls":
		psk = fmt.Sprintf("honest/%d", i)
	}
	var creds []auth.Credential
	if c := w.people.honest[i]; c != nil {
		creds = append(creds, c)
	}
	var err error
	h.cr, err = router.NewClientRouter(h.reg, []string{w.addrs[home]}, &router.ClientOptions{
		Carriers: w.clients(cert, key, psk), Codecs: []codec.Codec{[]codec.Codec{cbor.New(), raw.New()}[i%2]}, Logger: silent, Credentials: creds,
		OnState: func(st router.State) {
			if st.Err != nil && h.emitted.Load() > 0 {
				select {
				case <-w.stop:
				default:
					h.complain("lost its connection: %v", st.Err)
				}
			}
		},
	})
	require.NoError(w.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(w.t, h.cr.WaitConnected(ctx))
	h.sender, err = h.reg.Connect(h.name, sig.Spec{
		Events: []sig.Name{"n"},
		Requests: map[sig.Name]sig.RequestHandler{
			"echo":  func(_ context.Context, r *sig.Request) (any, error) { return sig.Data[[]byte](r.Data) },
			"never": func(ctx context.Context, _ *sig.Request) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
		},
	})
	require.NoError(w.t, err)
	return h
}

// begin hears the neighbour, when it returns.
func (h *honest) begin(w *world) {
	for i, o := range w.honest {
		if o == h {
			h.next = w.honest[(i+1)%len(w.honest)].name
		}
	}
	hear := func(ev sig.Event) {
		if ev.Name == sig.EventLost {
			h.complain("has lost events: %v", ev.Data)
			return
		}
		b, err := sig.Data[[]byte](ev.Data)
		if err != nil || len(b) != 16 || ev.Sender != h.next {
			h.complain("heard %q of %q: %v", ev.Name, ev.Sender, err)
			return
		}
		if n := h.heard.Add(1); binary.BigEndian.Uint64(b) != n {
			h.complain("heard number %d, want %d", binary.BigEndian.Uint64(b), n)
		}
		took := time.Now().UnixNano() - int64(binary.BigEndian.Uint64(b[8:]))
		for old := h.latest.Load(); took > old && !h.latest.CompareAndSwap(old, took); old = h.latest.Load() {
		}
	}
	for _, event := range []sig.Name{"n", sig.EventLost} {
		sub, err := sig.Subscribe(h.reg, h.next, event, hear, nil)
		require.NoError(w.t, err)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		require.NoError(w.t, sub.InForce(ctx))
		cancel()
	}
}

func (h *honest) emit(w *world) {
	for n := uint64(1); w.goesOn(2 * time.Millisecond); n++ {
		b := binary.BigEndian.AppendUint64(nil, n)
		b = binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixNano()))
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		err := h.sender.EmitWait(ctx, "n", b)
		cancel()
		if err != nil {
			h.complain("cannot emit: %v", err)
			return
		}
		h.emitted.Store(n)
	}
}

func (h *honest) ask(w *world) {
	for n := uint64(1); w.goesOn(20 * time.Millisecond); n++ {
		want := fmt.Sprintf("%s asks %d", h.name, n)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		got, err := sig.Call[[]byte](ctx, h.reg, h.next, "echo", []byte(want))
		cancel()
		if err != nil || string(got) != want {
			h.complain("asked %q and got %q: %v", want, got, err)
			return
		}
		h.asked.Store(n)
	}
}

// goesOn waits a moment; false when the world stops.
func (w *world) goesOn(pause time.Duration) bool {
	select {
	case <-w.stop:
		return false
	case <-time.After(pause):
		return true
	}
}

// moves waits until every honest client has heard and been answered once more.
func (w *world) moves() {
	w.t.Helper()
	for _, h := range w.honest {
		heard, asked := h.heard.Load(), h.asked.Load()
		w.await(string(h.name)+" to hear and be answered", func() bool {
			return h.wrong.Load() != nil || h.heard.Load() > heard && h.asked.Load() > asked
		})
	}
	w.unharmed()
}

func (w *world) await(what string, cond func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (w *world) unharmed() {
	w.t.Helper()
	for _, h := range w.honest {
		if wrong := h.wrong.Load(); wrong != nil {
			w.t.Errorf("an honest client was harmed: %s", *wrong)
		}
	}
}

// end looks at what is left when the strangers have gone: the honest have lost
// nothing, nobody else is connected, nothing waits, memory is what it was.
func (w *world) end() {
	t := w.t
	t.Helper()
	w.moves()
	w.await("the strangers to be gone", func() bool {
		connections, opening := w.hub.open()
		return connections == len(w.honest) && opening == 0
	})
	close(w.stop)
	w.wg.Wait()
	var latest time.Duration
	var events, requests uint64
	for i, h := range w.honest {
		from := w.honest[(i+1)%len(w.honest)]
		w.await(string(h.name)+" to hear all", func() bool { return h.wrong.Load() != nil || h.heard.Load() == from.emitted.Load() })
		latest = max(latest, time.Duration(h.latest.Load()))
		events += h.heard.Load()
		requests += h.asked.Load()
	}
	w.unharmed()
	grown := int64(heap()) - int64(w.before)
	t.Logf("honest: %d events, %d requests, none lost, the latest event took %v", events, requests, latest.Round(time.Millisecond))
	t.Logf("router: %s; heap %+d KiB", w.hub.describe(), grown>>10)
	assert.Zero(t, w.hub.panics())
	assert.Less(t, latest, *late, "an honest client's event was late")
	assert.Less(t, grown, int64(64<<20), "the router has grown")
	for _, h := range w.honest {
		assert.NoError(t, h.cr.Close())
		assert.NoError(t, h.reg.Close())
	}
	w.hub.end()
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// dial opens a connection to the router by a carrier.
func (w *world) dial(ctx context.Context, scheme string) (carrier.Conn, error) {
	addr := w.addrs[scheme]
	conn, err := w.carriers.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	if err := carrier.Handshake(ctx, conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
