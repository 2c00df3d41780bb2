package router_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestClientsGoAtEveryStage: clients of every carrier that vanish, are reset or
// close after the first piece that they send, the second and so on: in the
// handshakes of the carrier, before HELLO, before WELCOME, and inside of an event.
// The router gives each up in its time, keeps neither goroutines nor memory, and
// serves the others as if nothing were.
func TestClientsGoAtEveryStage(t *testing.T) {
	t.Cleanup(awaitFlushed)
	media := []medium{{"tcp", overTCP}, {"tls", overTLS}, {"quic", overQUIC}, {"dtls", overDTLS}, {"wss", overWSS}}
	server := router.ServerOptions{
		Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
		Limits: router.Limits{Keepalive: time.Second, Dead: 5 * time.Second, Unauthenticated: 1000, UnauthenticatedBytes: 1 << 30},
	}
	var dialers []*carrier.Set
	var clients [][]carrier.Carrier
	var listen []string
	for i, c := range media {
		setup := c.setup(t)
		if setup.Clients == nil {
			setup.Clients = setup.Carriers
		}
		set, err := carrier.NewSet(setup.Clients...)
		require.NoError(t, err)
		dialers, listen = append(dialers, set), append(listen, setup.Listen)
		clients = append(clients, setup.Clients)
		if i > 0 { // that of tls:// speaks tcp:// as well
			server.Carriers = append(server.Carriers, setup.Carriers...)
		}
	}
	reg := quietRegistry(t)
	srv, err := router.NewServerRouter(reg, &server)
	require.NoError(t, err)
	t.Cleanup(func() { srv.Close() })
	beside := newBeside(t, reg)
	for i := range listen {
		listen[i], err = srv.Listen(t.Context(), listen[i])
		require.NoError(t, err)
		beside.join(t, clients[i], listen[i])
	}
	beside.hears(t)
	goroutines := runtime.NumGoroutine() + 2   // timers'; a connection has three
	everyStage(t, srv, media, dialers, listen) // what Go itself keeps is there from now on
	settled(t, goroutines, math.MaxUint64)
	memory := heapInUse()
	everyStage(t, srv, media, dialers, listen)
	settled(t, goroutines, memory+4<<20) // names of senders that were here, and positions
	beside.hears(t)
}

// everyStage has a client of each medium go at each stage, in each way, and waits
// until the router has noticed all of it.
func everyStage(t *testing.T, srv *router.ServerRouter, media []medium, dialers []*carrier.Set, addrs []string) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	var relays []*relay
	reached := map[string][]string{} // by medium
	places := make(chan struct{}, 8) // so many under way at once: more have to wait for the processor
	for _, after := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30} {
		for _, how := range []ending{vanishes, resets, closes} {
			for i, c := range media {
				places <- struct{}{}
				all.Go(func() {
					defer func() { <-places }()
					on, stage := comesSoFar(t, dialers[i], addrs[i], after, how)
					mu.Lock()
					defer mu.Unlock()
					relays = append(relays, on...)
					reached[c.name] = append(reached[c.name], stage)
				})
			}
		}
	}
	all.Wait()
	require.Eventually(t, func() bool {
		s, open := srv.Stats(), 0
		for _, n := range s.Open {
			open += n
		}
		return s.Opening == 0 && open == len(media)
	}, patience, 10*time.Millisecond, "only the honest ones are left")
	for _, r := range relays {
		r.close()
	}
	for _, c := range media {
		stages := slices.Compact(slices.Sorted(slices.Values(reached[c.name])))
		t.Log(c.name, "clients went in:", strings.Join(stages, ", "))
		assert.Contains(t, stages, inMessage, c.name)
		if c.name != "tcp" { // which has none
			assert.Contains(t, stages, inHandshake, c.name)
		}
	}
}

// comesSoFar has a client go at a stage, and another one where it has not come so far:
// on a busy machine the time for a handshake runs out.
func comesSoFar(t *testing.T, dialer *carrier.Set, addr string, after int, how ending) (on []*relay, stage string) {
	for range 5 {
		r, through := newRelay(t, addr, after, how)
		stage = goes(r, dialer, through)
		on = append(on, r)
		select {
		case <-r.over:
			return on, stage
		default:
		}
	}
	t.Errorf("%s: a client that %s after %d pieces has not come so far: %s", addr, how, after, stage)
	return on, stage
}

// Where a client was when it went.
const (
	inHandshake = "the carrier's handshake"
	inHello     = "HELLO"
	inMessage   = "an event"
)

// goes connects over a relay, shakes hands and sends events until the relay has
// come to its end, and returns where that was. Its connection ends with it.
func goes(r *relay, dialer *carrier.Set, addr string) (stage string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ended := make(chan struct{}) // closed when the goroutine has ended
	go func() {                  // ends with the relay's client, or ctx
		defer close(ended)
		select {
		case <-r.over:
			cancel()
		case <-ctx.Done():
		}
	}()
	defer func() { cancel(); <-ended }()
	conn, err := dialer.Dial(ctx, addr)
	if err != nil {
		return inHandshake
	}
	defer conn.Close()
	if carrier.Handshake(ctx, conn) != nil {
		return inHandshake
	}
	h := wire.Hello{MinVersion: 1, MaxVersion: 1, Codecs: []string{"json"}}
	_, _ = rand.Read(h.ID[:]) // never fails
	if conn.Send(ctx, carrier.AppendFrame(nil, h.Append(nil))) != nil {
		return inHello
	}
	if _, err := conn.Receive(ctx, nil); err != nil {
		return inHello
	}
	announced := wire.Connect{Sender: 1, Route: 1, Epoch: 1, Name: fmt.Sprintf("guest/%x", h.ID), Events: []string{"n"}, Fresh: true}
	batch := carrier.AppendFrame(nil, announced.Append(nil))
	event := carrier.AppendFrame(nil, wire.AppendEvent(nil, 0, 1, []byte(`"`+strings.Repeat("x", 60_000)+`"`)))
	for err == nil {
		err = conn.Send(ctx, batch, event)
		batch = nil
	}
	return inMessage
}

// beside are honest clients, one for each medium, of a sender of the server's.
type beside struct {
	sender *sig.Sender
	heard  []chan int
	said   int
}

func newBeside(t *testing.T, reg *sig.Registry) *beside {
	s, err := reg.Connect("hub", sig.Spec{Events: []sig.Name{"n"}})
	require.NoError(t, err)
	return &beside{sender: s}
}

func (b *beside) join(t *testing.T, clients []carrier.Carrier, addr string) {
	reg := quietRegistry(t)
	heard := make(chan int, 10) // more than are said
	_, err := sig.Subscribe(reg, "hub", "n", func(ev sig.EventOf[int]) { heard <- ev.Data }, nil)
	require.NoError(t, err)
	client, err := router.NewClientRouter(reg, []string{addr}, &router.ClientOptions{
		Carriers: clients, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	require.NoError(t, client.WaitConnected(t.Context()))
	b.heard = append(b.heard, heard)
}

// hears says something, and wants each to hear it, and nothing that was said
// before.
func (b *beside) hears(t *testing.T) {
	t.Helper()
	b.said++
	require.NoError(t, b.sender.Emit("n", b.said))
	for _, heard := range b.heard {
		select {
		case n := <-heard:
			require.Equal(t, b.said, n)
		case <-time.After(patience):
			t.Fatal("an honest client hears nothing")
		}
	}
}
