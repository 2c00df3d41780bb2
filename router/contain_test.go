package router

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// broken is a conn that panics when it is written to.
type broken struct{ carrier.Conn }

func (broken) Send(context.Context, ...[]byte) error { panic("broken") }
func (broken) CanTry() bool                          { return true }
func (broken) TrySend([]byte) (int, error)           { panic("broken") }

// TestPanicOfOurOwn: whatever works for one connection alone and panics costs this
// connection, is counted, and leaves the process and all others alone.
func TestPanicOfOurOwn(t *testing.T) {
	for name, provoke := range map[string]func(s *session){
		"writing": func(s *session) {
			s.conn = broken{s.conn}
			s.link.send(s, wire.Ping{}.Append(nil))
			s.writer.Wait()
		},
		"writing at once": func(s *session) {
			s.direct = broken{}
			s.queue(20, byCaller, wire.Pong{}.Append)
			s.writer.Wait()
		},
		"an envelope": func(s *session) {
			s.queue(20, byWriter, func([]byte) []byte { panic("broken") })
		},
		"telling where idle routes stand": func(s *session) {
			s.tails = map[*outRoute]tail{nil: {}}
			s.tellIdle()
			s.tails = nil
		},
		"the patrol of requests": func(s *session) {
			s.inline = &inline{of: s, on: true, inside: true, next: 3} // three of none have begun
			s.inline.look()
			s.inline = nil
		},
		"the keepalive": func(s *session) {
			k := &keepalive{sess: s, after: time.Hour, every: time.Millisecond} // no timer to set
			k.look()
		},
		"a task of the handlers": func(s *session) {
			done := make(chan struct{})
			s.link.inbound.task(func() { panic("broken") })
			s.link.inbound.task(func() { close(done) })
			<-done // what comes behind it is done
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s, _ := r.open()
			s.writer.Wait()
			provoke(s)
			<-s.ctx.Done()
			require.ErrorContains(t, s.cause(), "panic: ")
			require.ErrorIs(t, s.cause(), sig.ErrConnectionLost)
			require.EqualValues(t, 1, r.link.stats.panics.Load())
			next, c := r.openAnother(s)
			r.link.send(next, wire.Ping{Nonce: 1}.Append(nil)) // no lock is held
			require.Contains(t, types(r.sent(next, c)), wire.TypePing)
		})
	}
}

// openAnother opens a connection in the place of one that has ended.
func (r *rig) openAnother(s *session) (*session, *taker) {
	r.t.Helper()
	r.close(s)
	return r.open()
}

// patienceInside is how long what must happen may take.
const patienceInside = time.Minute

// TestPanicInAHandshake: costs whoever is not let in yet, and no more.
func TestPanicInAHandshake(t *testing.T) {
	reg := sig.New(nil)
	defer reg.Close()
	network := mem.New()
	srv, err := NewServerRouter(reg, &ServerOptions{
		Carriers: []carrier.Carrier{network}, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
		LimitsFor: func(who ClientInfo) Limits {
			if who.Name == "bad" {
				panic("a mistake of the program's")
			}
			return Limits{}
		},
	})
	require.NoError(t, err)
	defer srv.Close()
	_, err = srv.Listen(t.Context(), "mem://hub")
	require.NoError(t, err)
	for _, name := range []string{"bad", "good"} {
		conn, err := network.Dial(t.Context(), &url.URL{Scheme: "mem", Host: "hub"})
		require.NoError(t, err)
		defer conn.Close()
		hello := wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.Version, ID: wire.NodeID{name[0]}, Name: name, Codecs: []string{"json"}}
		require.NoError(t, conn.Send(t.Context(), carrier.AppendFrame(nil, hello.Append(nil))))
		batch, err := conn.Receive(t.Context(), nil)
		require.NoError(t, err)
		frame, _, err := carrier.Next(batch)
		require.NoError(t, err)
		var abort wire.Abort
		var welcome wire.Welcome
		if name == "bad" {
			require.NoError(t, abort.Decode(frame))
			require.NotContains(t, abort.Reason, "mistake", "what went wrong is none of its business")
		} else {
			require.NoError(t, welcome.Decode(frame))
		}
	}
	require.EqualValues(t, 1, srv.Stats().Panics)
	require.Len(t, srv.Clients(), 1)
	require.Eventually(t, func() bool { return srv.Stats().Opening == 0 }, patienceInside, time.Millisecond, "its place is free again")
}

// clumsy is a network whose first dialling panics, and whose next connection.
type clumsy struct {
	*mem.Network
	dials int
}

func (c *clumsy) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	c.dials++
	if c.dials == 1 {
		panic("a mistake of the carrier's")
	}
	conn, err := c.Network.Dial(ctx, addr)
	if err == nil && c.dials == 2 {
		conn = broken{conn}
	}
	return conn, err
}

// steadyHub is a server at mem://hub that does nothing wrong, until the test ends.
func steadyHub(t *testing.T, network *mem.Network) *ServerRouter {
	t.Helper()
	hub := sig.New(nil)
	t.Cleanup(func() { hub.Close() })
	srv, err := NewServerRouter(hub, &ServerOptions{Carriers: []carrier.Carrier{network}, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { srv.Close() })
	_, err = srv.Listen(t.Context(), "mem://hub")
	require.NoError(t, err)
	return srv
}

// TestPanicWhileConnecting: costs a client the attempt, and no more.
func TestPanicWhileConnecting(t *testing.T) {
	network, codecs := &clumsy{Network: mem.New()}, []codec.Codec{json.New()}
	reg, srv := sig.New(nil), steadyHub(t, network.Network)
	defer reg.Close()
	var said []string
	client, err := NewClientRouter(reg, []string{"mem://hub"}, &ClientOptions{
		Carriers: []carrier.Carrier{network}, Codecs: codecs, Logger: slog.New(slog.DiscardHandler), MinBackoff: time.Millisecond,
		OnState: func(st State) {
			if st.Phase == Connecting && st.Err != nil {
				said = append(said, st.Err.Error())
			}
		},
	})
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patienceInside)
	defer cancel()
	require.NoError(t, client.WaitConnected(ctx))
	require.EqualValues(t, 2, client.Stats().Panics)
	require.Len(t, said, 2)
	for _, text := range said {
		require.Equal(t, "connection lost: connecting to mem://hub has failed on this side; the log says how", text)
	}
	require.Eventually(t, func() bool { return srv.Stats().Opening == 0 && len(srv.Clients()) == 1 }, patienceInside, time.Millisecond)
}

// clumsyOfOne is a network on which dialling one address fails at first, and panics then.
type clumsyOfOne struct {
	*mem.Network
	dials atomic.Int32
}

func (c *clumsyOfOne) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	switch {
	case addr.Host != "better":
		return c.Network.Dial(ctx, addr)
	case c.dials.Add(1) == 1:
		return nil, errors.New("not yet")
	}
	panic("a mistake of the carrier's")
}

// TestPanicWhileLooking: one while a client looks whether a better address answers
// costs that look.
func TestPanicWhileLooking(t *testing.T) {
	network, codecs := &clumsyOfOne{Network: mem.New()}, []codec.Codec{json.New()}
	reg, srv := sig.New(nil), steadyHub(t, network.Network)
	defer reg.Close()
	client, err := NewClientRouter(reg, []string{"mem://better", "mem://hub"}, &ClientOptions{
		Carriers: []carrier.Carrier{network}, Codecs: codecs, Logger: slog.New(slog.DiscardHandler),
		Return: 10 * time.Millisecond, MinBackoff: time.Millisecond,
	})
	require.NoError(t, err)
	defer client.Close()
	require.Eventually(t, func() bool { return client.Stats().Panics >= 3 }, patienceInside, time.Millisecond, "it goes on looking")
	require.Len(t, srv.Clients(), 1, "and is still connected")
}
