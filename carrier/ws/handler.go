package ws

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

// What package websocket reads headers with, and puts them together with on a
// server's side. What is larger than a buffer passes by it, so that small ones
// cost next to nothing under load and save memory while a connection is idle.
const (
	readBuffer  = 2 << 10
	writeBuffer = 512
)

// Handler takes in WebSocket connections of an HTTP server of the user's own,
// and is the [carrier.Listener] that hands them out:
//
//	h, err := ws.NewHandler("wss://app.example/signals", nil)
//	mux.Handle("/signals", h)
//	go http.ListenAndServe(":8080", mux)
//	err = serverRouter.Serve(ctx, h)
//
// How long a client may take to send its request, and how many may try at once,
// is that server's business; set at least its ReadHeaderTimeout.
type Handler struct {
	addr    string
	origins origins
	limit   time.Duration

	accepted chan *Conn    // unbuffered; never closed
	places   chan struct{} // one for each connection that nobody has accepted yet
	quit     chan struct{} // closed by Close

	mu      sync.Mutex
	closed  bool
	failure error          // why it was closed
	wg      sync.WaitGroup // requests being handled; Add under mu
}

// NewHandler returns a Handler. addr is the URL by which clients reach it, for
// messages. Of the options those for listeners count, except for what concerns
// TLS; nil means the defaults.
func NewHandler(addr string, opts *Options) (*Handler, error) {
	o := opts.withDefaults()
	allowed, err := newOrigins(o.Origins)
	if err != nil {
		return nil, err
	}
	return newHandler(addr, allowed, o), nil
}

func newHandler(addr string, allowed origins, o Options) *Handler {
	return &Handler{
		addr: addr, origins: allowed, limit: o.HandshakeTimeout,
		accepted: make(chan *Conn), places: make(chan struct{}, o.HalfOpen), quit: make(chan struct{}),
	}
}

// ServeHTTP makes a connection of a request and waits, not longer than
// [Options.HandshakeTimeout], until Accept takes it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.enter() {
		http.Error(w, "this router is closing", http.StatusServiceUnavailable)
		return
	}
	defer h.wg.Done()
	if code, text := h.refusal(r); code != 0 {
		http.Error(w, text, code)
		return
	}
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	default:
		http.Error(w, "too many connections wait to be accepted: try again", http.StatusServiceUnavailable)
		return
	}
	h.upgrade(w, r)
}

func (h *Handler) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.wg.Add(1)
	return true
}

// refusal returns why a request is none of ours; 0 if it may go on. Whether it
// is a right request for an upgrade, package websocket will say.
func (h *Handler) refusal(r *http.Request) (code int, text string) {
	if !h.origins.allows(r) {
		return http.StatusForbidden, fmt.Sprintf("origin %.200q may not connect: it is not on this router's list of origins", r.Header.Get("Origin"))
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		if _, err := certs.ClientName(r.TLS.PeerCertificates[0]); err != nil {
			return http.StatusForbidden, err.Error()
		}
	}
	if r.Header.Get("Upgrade") != "" && !offers(r.Header, Subprotocol) {
		return http.StatusBadRequest, fmt.Sprintf("this is a gosig router: it needs the WebSocket subprotocol %s", Subprotocol)
	}
	return 0, ""
}

// offers reports whether a request's header lists a subprotocol.
func offers(h http.Header, subprotocol string) bool {
	for _, line := range h.Values("Sec-WebSocket-Protocol") {
		for item := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(item) == subprotocol {
				return true
			}
		}
	}
	return false
}

func (h *Handler) upgrade(w http.ResponseWriter, r *http.Request) {
	identity := carrier.Identity{}
	if r.TLS != nil {
		identity = certs.ClientIdentity(*r.TLS)
	}
	up := &upgrading{ResponseWriter: w}
	c, err := websocket.Accept(up, r, &websocket.AcceptOptions{
		Subprotocols:       []string{Subprotocol},
		InsecureSkipVerify: true, // origins have been looked at, and more strictly
	})
	if err != nil {
		if up.socket != nil {
			up.socket.Close()
		}
		return // it has answered
	}
	conn := newConn(c, up.socket, r.TLS, identity)
	if !h.hand(conn) {
		conn.Close()
	}
	up.door.leave()
}

// hand gives conn to an Accept; false if there was none in time.
func (h *Handler) hand(conn *Conn) bool {
	t := time.NewTimer(h.limit)
	defer t.Stop()
	select {
	case h.accepted <- conn:
		return true
	case <-h.quit:
	case <-t.C:
	}
	return false
}

// Accept returns the next connection, see [carrier.Listener].
func (h *Handler) Accept(ctx context.Context) (carrier.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	select { // a connection that waits is not for a closed listener
	case <-h.quit:
		return nil, h.why()
	default:
	}
	select {
	case conn := <-h.accepted:
		return conn, nil
	case <-h.quit:
		return nil, h.why()
	case <-ctx.Done():
		return nil, fmt.Errorf("accept: %w", ctx.Err())
	}
}

// Close refuses what comes from now on and closes what nobody has accepted, see
// [carrier.Listener]. The HTTP server is not touched.
func (h *Handler) Close() error {
	h.fail(net.ErrClosed)
	h.wg.Wait()
	return nil
}

// fail ends Accept, for the first reason given.
func (h *Handler) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed, h.failure = true, err
		close(h.quit)
	}
}

func (h *Handler) why() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Errorf("accept on %s: %w", h.addr, h.failure)
}

// Addr is the URL to dial.
func (h *Handler) Addr() string { return h.addr }

// upgrading is a ResponseWriter that puts a socket around the connection it
// gives away.
type upgrading struct {
	http.ResponseWriter
	socket *socket
	door   *doorway // nil: the connection did not come in by a gate of ours
}

// Hijack implements [http.Hijacker].
func (u *upgrading) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, brw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, _ := brw.Reader.Peek(brw.Reader.Buffered()) // what is buffered can be peeked
	u.socket = &socket{Conn: nc, early: slices.Clone(early)}
	u.door = doorwayOf(nc)
	if u.door == nc {
		u.socket.Conn = u.door.Conn // it has done its duty
	}
	return u.socket, bufio.NewReadWriter(bufio.NewReaderSize(u.socket, readBuffer), bufio.NewWriterSize(u.socket, writeBuffer)), nil
}
