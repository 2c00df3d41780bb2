package routertest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// patience is how long a case waits for what must happen.
const patience = time.Minute

// kit is what a case works with.
type kit struct {
	*testing.T
	world    World
	setup    Setup
	far      *Setup          // of the subscribers' side; nil: the same
	ctx      context.Context // ends with the case, or with patience
	warnings journal[sig.Warning]
	log      logBuffer

	mu      sync.Mutex
	allowed []func(error) bool // warnings that are expected
}

// run runs one case.
func run(t *testing.T, w World, p promise) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel() // before anything is closed: what waits for ctx is waited for
	k := &kit{T: t, world: w, ctx: ctx}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the routers:\n%s", k.log.String())
		}
	})
	if w.Setup != nil {
		k.setup = w.Setup(t)
	}
	if w.Far != nil {
		far := w.Far(t)
		k.far = &far
	}
	p.run(k)
	for _, warning := range k.warnings.all() {
		if !k.allows(warning.Err) {
			t.Errorf("unexpected warning: %v", warning)
		}
	}
}

// allow says that warnings that match err are no failure.
func (k *kit) allow(err error) {
	k.allowIf(func(got error) bool { return errors.Is(got, err) })
}

func (k *kit) allowIf(expected func(error) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.allowed = append(k.allowed, expected)
}

func (k *kit) allows(err error) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.ContainsFunc(k.allowed, func(expected func(error) bool) bool { return expected(err) })
}

// must ends the test if something that has to work does not.
func (k *kit) must(err error, doing string) {
	k.Helper()
	if err != nil {
		k.Fatalf("%s: %v", doing, err)
	}
}

// is checks an error against the one that is promised.
func (k *kit) is(got, want error, promise string) {
	k.Helper()
	if !errors.Is(got, want) {
		k.Fatalf("%s: got error %v, want one that matches %v", promise, got, want)
	}
}

// receive waits for a value.
func receive[T any](k *kit, c <-chan T, what string) T {
	k.Helper()
	select {
	case v := <-c:
		return v
	case <-k.ctx.Done():
		k.Fatalf("waiting for %s: %v", what, k.ctx.Err())
		panic("not reached")
	}
}

// background runs f beside the test, which waits for it and for its error.
func (k *kit) background(f func() error) (wait func()) {
	done := make(chan error, 1) // one result, also if nobody waits any more
	go func() { done <- f() }() // f ends by itself, or with the registries
	return func() {
		k.Helper()
		k.must(receive(k, done, "what runs beside"), "beside")
	}
}

// registry makes one that lives as long as the test.
func (k *kit) registry(name string) *sig.Registry {
	reg := sig.New(&sig.Options{Name: name, OnWarning: k.warnings.add})
	k.Cleanup(func() { k.must(reg.Close(), "P13: close registry "+name) })
	return reg
}

// options of the routers of one case.
type options struct {
	limits      router.Limits
	offline     router.Offline
	codec       codec.Codec // of a client; default cbor
	dialTimeout time.Duration
	returns     time.Duration     // of a client: how often it tries to return to a better address
	carriers    []carrier.Carrier // of a client, instead of the ones that can fail
	from        *Setup            // of a client: what it dials with; default: the case's
}

func (o options) withCodec(c codec.Codec) options {
	o.codec = c
	return o
}

// server is a registry that others join.
type server struct {
	k       *kit
	reg     *sig.Registry
	router  *router.ServerRouter
	addr    string
	opts    options
	clients journal[router.ClientEvent]
}

// serve starts a server with a registry of its own.
func (k *kit) serve(name string, o options) *server {
	k.Helper()
	return k.serveAt(k.registry(name), k.setup.listen(), o)
}

// serveAt starts a server for a registry at an address.
func (k *kit) serveAt(reg *sig.Registry, url string, o options) *server {
	k.Helper()
	s := &server{k: k, reg: reg, opts: o}
	r, err := router.NewServerRouter(reg, &router.ServerOptions{
		Carriers: k.setup.Carriers, Codecs: []codec.Codec{cbor.New(), json.New(), raw.New()},
		Name: reg.Name(), Limits: o.limits, Logger: k.logger(), OnClient: s.clients.add,
	})
	k.must(err, "new server router")
	k.Cleanup(func() { k.must(r.Close(), "P13: close the server "+reg.Name()) })
	s.router = r
	s.addr = k.listenOn(r, url)
	return s
}

// listenOn has a server listen. A port that was free a moment ago may be in use,
// because it was given to a connection of another test: it comes back soon.
func (k *kit) listenOn(r *router.ServerRouter, url string) (addr string) {
	k.Helper()
	for {
		addr, err := r.Listen(k.ctx, url)
		if !errors.Is(err, syscall.EADDRINUSE) || k.ctx.Err() != nil {
			k.must(err, "listen on "+url)
			return addr
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-k.ctx.Done():
		}
	}
}

// alsoAt has the server listen by the carriers of another setup as well. They may
// be for the schemes of the first, with other options.
func (s *server) alsoAt(setup *Setup) (addr string) {
	k := s.k
	k.Helper()
	set, err := carrier.NewSet(setup.Carriers...)
	k.must(err, "carriers")
	ln, err := set.Listen(k.ctx, setup.listen())
	k.must(err, "listen")
	served := make(chan error, 1)                                      // one result
	go func() { served <- s.router.Serve(context.Background(), ln) }() // ends with the router
	k.Cleanup(func() {
		k.must(s.router.Close(), "P13: close the server")
		k.must(<-served, "serve "+ln.Addr())
	})
	return ln.Addr()
}

// client is a registry that joins a server.
type client struct {
	k      *kit
	reg    *sig.Registry
	router *router.ClientRouter
	net    faults // what it dials through
	states journal[router.State]
}

// dial starts a client router for a registry. It may not be connected yet.
func (k *kit) dial(reg *sig.Registry, o options, addrs ...string) *client {
	k.Helper()
	c := &client{k: k, reg: reg}
	if o.codec == nil {
		o.codec = cbor.New()
	}
	if o.carriers == nil {
		from := cmp.Or(o.from, &k.setup)
		o.carriers = c.net.around(from.clients())
	}
	r, err := router.NewClientRouter(reg, addrs, &router.ClientOptions{
		Carriers: o.carriers, Codecs: []codec.Codec{o.codec}, Name: reg.Name(),
		Limits: o.limits, Logger: k.logger(), OnState: c.states.add, Offline: o.offline,
		MinBackoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond, DialTimeout: o.dialTimeout,
		Return: o.returns,
	})
	k.must(err, "new client router")
	k.Cleanup(func() { k.must(r.Close(), "P13: close the client "+reg.Name()) })
	c.router = r
	return c
}

// join is dial that waits until the client is connected.
func (k *kit) join(name string, o options, addrs ...string) *client {
	k.Helper()
	c := k.dial(k.registry(name), o, addrs...)
	c.awaitConnected(1)
	return c
}

// awaitConnected waits until the client has been connected n times.
func (c *client) awaitConnected(n int) {
	c.k.Helper()
	c.states.await(c.k, fmt.Sprintf("connection %d of %s", n, c.reg.Name()), func(states []router.State) bool {
		return c.times(states) >= n
	})
}

func (c *client) times(states []router.State) (n int) {
	for _, st := range states {
		if st.Phase == router.Connected {
			n++
		}
	}
	return n
}

// connections is how often the client has been connected so far.
func (c *client) connections() int { return c.times(c.states.all()) }

// num is a payload that carries a number in every codec of the world; number
// reads it.
func (k *kit) num(n int) any {
	if k.world.raw() {
		return []byte(strconv.Itoa(n))
	}
	return int64(n)
}

func (k *kit) number(v any) int {
	k.Helper()
	if _, ok := v.([]byte); ok {
		return k.filledNumber(v)
	}
	n, err := sig.Data[int](v)
	if errors.Is(err, sig.ErrTypeMismatch) {
		return k.filledNumber(v)
	}
	k.must(err, "read the number of a payload")
	return n
}

// text is a payload that is no number in any codec.
func (k *kit) text(s string) any {
	if k.world.raw() {
		return []byte(s)
	}
	return s
}

// logBuffer keeps what the routers log, to be shown if the test fails.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (k *kit) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&k.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(b.buf.String())
}
