package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// silent is for routers whose log nobody reads.
var silent = slog.New(slog.DiscardHandler)

// codecs by their names.
var codecs = map[codec.ID]codec.Codec{"json": json.New(), "cbor": cbor.New(), "raw": raw.New()}

// client is a registry that is joined to a router.
type client struct {
	*sig.Registry
	router   *router.ClientRouter
	warnings *warnings

	mu     sync.Mutex
	states []router.State
}

// warnings collects what a registry warns of.
type warnings struct {
	mu   sync.Mutex
	list []sig.Warning
}

func (w *warnings) add(one sig.Warning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, one)
}

func (w *warnings) all() []sig.Warning {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]sig.Warning(nil), w.list...)
}

// patient returns a context that ends with the test or after patience.
func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// join makes a client and does not wait for it to be connected.
func join(t testing.TB, c codec.ID, addrs []string, edit func(*router.ClientOptions)) *client {
	t.Helper()
	cl := &client{warnings: &warnings{}}
	cl.Registry = sig.New(&sig.Options{Name: t.Name(), OnWarning: cl.warnings.add})
	opts := &router.ClientOptions{
		Codecs: []codec.Codec{codecs[c]}, Carriers: wired(),
		Logger: silent, OnState: cl.onState, MinBackoff: 5 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
	}
	if edit != nil {
		edit(opts)
	}
	var err error
	cl.router, err = router.NewClientRouter(cl.Registry, addrs, opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = cl.router.Close()
		_ = cl.Registry.Close()
		if n := cl.router.Stats().Panics; n != 0 {
			t.Errorf("%d panics in a client router", n)
		}
		if t.Failed() {
			t.Logf("what has ended connections to %v: %v", addrs, cl.failures())
		}
	})
	return cl
}

// dial makes a client and waits until it is connected.
func dial(t testing.TB, c codec.ID, addrs []string) *client {
	t.Helper()
	cl := join(t, c, addrs, nil)
	require.NoError(t, cl.router.WaitConnected(patient(t)))
	return cl
}

func (c *client) onState(st router.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states = append(c.states, st)
}

// failures are the reasons for which there was no connection, in order.
func (c *client) failures() (errs []error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, st := range c.states {
		if st.Err != nil {
			errs = append(errs, st.Err)
		}
	}
	return errs
}

// refused waits for the first failure to connect.
func (c *client) refused(t testing.TB) error {
	t.Helper()
	await(t, "a connection to be refused", func() bool { return len(c.failures()) > 0 })
	return c.failures()[0]
}

// connect adds a sender.
func (c *client) connect(t testing.TB, name sig.Name, spec sig.Spec) *sig.Sender {
	t.Helper()
	s, err := c.Connect(name, spec)
	require.NoError(t, err)
	return s
}

// knows waits until the client knows of a sender.
func (c *client) knows(t testing.TB, name sig.Name) {
	t.Helper()
	await(t, fmt.Sprintf("sender %q", name), func() bool {
		return slices.ContainsFunc(c.Senders(), func(p sig.Presence) bool { return p.Sender == name })
	})
}

// hub is a ServerRouter of this process.
type hub struct {
	*sig.Registry
	router *router.ServerRouter
	addrs  []string
}

// listen makes a hub that speaks all codecs.
func listen(t testing.TB, limits router.Limits, network *mem.Network, urls ...string) *hub {
	t.Helper()
	h := &hub{Registry: sig.New(&sig.Options{Name: "hub"})}
	opts := &router.ServerOptions{
		Name: "hub", Codecs: []codec.Codec{cbor.New(), json.New(), raw.New()}, Limits: limits, Logger: silent,
		Carriers: []carrier.Carrier{tcp.New(&tcp.Options{Logger: silent})},
	}
	if network != nil {
		opts.Carriers = append(opts.Carriers, network)
	}
	var err error
	h.router, err = router.NewServerRouter(h.Registry, opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = h.router.Close()
		_ = h.Registry.Close()
		if n := h.router.Stats().Panics; n != 0 {
			t.Errorf("%d panics in the server router", n)
		}
	})
	for _, url := range urls {
		addr, err := h.router.Listen(context.Background(), url)
		require.NoError(t, err)
		h.addrs = append(h.addrs, addr)
	}
	return h
}

// number is a payload that every codec has, with a number in it.
func number(c codec.ID, n uint64) any {
	if c == "raw" {
		return binary.BigEndian.AppendUint64(nil, n)
	}
	return n
}

// numberIn returns the number in a payload that number made.
func numberIn(data any) (uint64, error) {
	if b, ok := data.([]byte); ok {
		if len(b) < 8 {
			return 0, fmt.Errorf("%d bytes", len(b))
		}
		return binary.BigEndian.Uint64(b), nil
	}
	return sig.Data[uint64](data)
}
