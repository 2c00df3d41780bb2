package router_test

import (
	"context"
	"log/slog"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// doorman is a server that lets a client in, or not, and sends it away.
type doorman struct {
	t       *testing.T
	ctx     context.Context
	network *mem.Network
}

func (d *doorman) listen(name string) carrier.Listener {
	d.t.Helper()
	ln, err := d.network.Listen(d.ctx, &url.URL{Scheme: "mem", Host: name})
	require.NoError(d.t, err)
	return ln
}

// client dials the addresses until the test is over.
func (d *doorman) client(addresses ...string) (end func()) {
	d.t.Helper()
	reg := sig.New(nil)
	cr, err := router.NewClientRouter(reg, addresses, &router.ClientOptions{
		Carriers: []carrier.Carrier{d.network}, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(d.t, err)
	return func() { cr.Close(); reg.Close() }
}

// greet takes the next connection and its HELLO.
func (d *doorman) greet(ln carrier.Listener) (carrier.Conn, wire.Hello) {
	d.t.Helper()
	conn, err := ln.Accept(d.ctx)
	require.NoError(d.t, err)
	batch, err := conn.Receive(d.ctx, nil)
	require.NoError(d.t, err)
	frame, _, err := carrier.Next(batch)
	require.NoError(d.t, err)
	var hello wire.Hello
	require.NoError(d.t, hello.Decode(frame))
	return conn, hello
}

func (d *doorman) say(conn carrier.Conn, e envelope) {
	d.t.Helper()
	require.NoError(d.t, conn.Send(d.ctx, carrier.AppendFrame(nil, e.Append(nil))))
}

// TestPauseBeforeDialingAgain: a client comes back at once to a server that went
// away, and keeps its distance from one that throws it out (P9).
func TestPauseBeforeDialingAgain(t *testing.T) {
	for _, row := range []struct {
		name     string
		lived    time.Duration
		last     envelope // instead of the WELCOME if it is an ABORT
		min, max time.Duration
	}{
		{"a goodbye", time.Second, wire.Goodbye{Code: wire.CodeClosed}, 0, 0},
		{"a goodbye at once", time.Millisecond, wire.Goodbye{}, 50 * time.Millisecond, 100 * time.Millisecond},
		{"over a limit", time.Second, wire.Goodbye{Code: wire.CodeLimit}, 50 * time.Millisecond, 100 * time.Millisecond},
		{"denied", time.Second, wire.Goodbye{Code: wire.CodeDenied}, 1600 * time.Millisecond, 3200 * time.Millisecond},
		{"a violation", time.Second, wire.Goodbye{Code: wire.CodeProtocol}, 1600 * time.Millisecond, 3200 * time.Millisecond},
		{"a ring", time.Second, wire.Goodbye{Code: wire.CodeRing}, 1600 * time.Millisecond, 3200 * time.Millisecond},
		{"a ring at once", 0, wire.Abort{Code: wire.CodeRing}, 1600 * time.Millisecond, 3200 * time.Millisecond},
		{"no place", 0, wire.Abort{Code: wire.CodeLimit}, 50 * time.Millisecond, 100 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &doorman{t: t, ctx: t.Context(), network: mem.New()}
				ln := d.listen("hub")
				defer ln.Close()
				defer d.client("mem://hub")()
				throwOut := func() (pause time.Duration) {
					conn, _ := d.greet(ln)
					if _, abort := row.last.(wire.Abort); !abort {
						d.say(conn, wire.Welcome{Version: wire.Version, ID: wire.NodeID{1}, Codec: "json"})
					}
					time.Sleep(row.lived)
					d.say(conn, row.last)
					begun := time.Now()
					next, _ := d.greet(ln)
					next.Close()
					conn.Close()
					return time.Since(begun)
				}
				pause := throwOut()
				require.GreaterOrEqual(t, pause, row.min)
				require.LessOrEqual(t, pause, row.max)
			})
		})
	}
}

// TestPauseGrows as long as no connection stands for a while.
func TestPauseGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &doorman{t: t, ctx: t.Context(), network: mem.New()}
		ln := d.listen("hub")
		defer ln.Close()
		defer d.client("mem://hub")()
		ended := time.Now()
		for n := range 12 {
			conn, _ := d.greet(ln)
			if n > 0 {
				require.GreaterOrEqual(t, time.Since(ended), min(50*time.Millisecond<<(n-1), 15*time.Second))
			}
			d.say(conn, wire.Welcome{Version: wire.Version, ID: wire.NodeID{1}, Codec: "json"})
			time.Sleep(time.Millisecond)
			d.say(conn, wire.Goodbye{})
			conn.Close()
			ended = time.Now()
		}
	})
}

// TestTokenIsForItsServer alone: it is what proves there who the client is.
func TestTokenIsForItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &doorman{t: t, ctx: t.Context(), network: mem.New()}
		a, b := d.listen("a"), d.listen("b")
		defer a.Close()
		defer b.Close()
		defer d.client("mem://a", "mem://b")()
		visit := func(ln carrier.Listener, id byte) (shown wire.Token) {
			conn, hello := d.greet(ln)
			d.say(conn, wire.Welcome{Version: wire.Version, ID: wire.NodeID{id}, Codec: "json", Token: wire.Token{id}})
			time.Sleep(time.Second)
			conn.Close()
			return hello.Token
		}
		require.Zero(t, visit(a, 1))
		conn, hello := d.greet(a)
		require.Equal(t, wire.Token{1}, hello.Token)
		d.say(conn, wire.Abort{Code: wire.CodeLimit})
		require.Zero(t, visit(b, 2), "the other server is told nothing")
		require.Equal(t, wire.Token{1}, visit(a, 3), "the first one knows the client still")
		require.Equal(t, wire.Token{3}, visit(a, 3), "or the one that has taken its place")
	})
}
