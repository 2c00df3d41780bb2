package router_test

import (
	"context"
	"log/slog"
	"net/url"
	"testing"
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

// envelope is one of package wire, to be sent.
type envelope interface{ Append(dst []byte) []byte }

// peer is a server that says what a test wants it to say, byte by byte, to one
// client router.
type peer struct {
	t     *testing.T
	ctx   context.Context
	ln    carrier.Listener
	conn  carrier.Conn
	batch []byte // received, not yet looked at
	reg   *sig.Registry
	cr    *router.ClientRouter
}

// newPeer has a client connect, and takes in its HELLO.
func newPeer(t *testing.T) *peer { return newPeerWith(t, router.Limits{}) }

// newPeerWith is newPeer with limits of the client's.
func newPeerWith(t *testing.T, limits router.Limits) *peer {
	return newPeerOf(t, router.ClientOptions{Limits: limits})
}

// newPeerOf is newPeer with options of the client's.
func newPeerOf(t *testing.T, opts router.ClientOptions) *peer {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	p := &peer{t: t, ctx: ctx, reg: sig.New(nil)}
	t.Cleanup(func() { p.reg.Close() })
	network := mem.New()
	var err error
	p.ln, err = network.Listen(ctx, &url.URL{Scheme: "mem", Host: "hub"})
	require.NoError(t, err)
	t.Cleanup(func() { p.ln.Close() })
	opts.Carriers, opts.Codecs, opts.Logger = []carrier.Carrier{network}, []codec.Codec{json.New()}, slog.New(slog.DiscardHandler)
	opts.MinBackoff = time.Millisecond
	p.cr, err = router.NewClientRouter(p.reg, []string{"mem://hub"}, &opts)
	require.NoError(t, err)
	t.Cleanup(func() { p.cr.Close() })
	p.accept()
	return p
}

// accept takes the client's connection, the next one if it had one.
func (p *peer) accept() {
	p.t.Helper()
	if p.conn != nil {
		p.conn.Close()
	}
	var err error
	p.conn, err = p.ln.Accept(p.ctx)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { p.conn.Close() })
	p.batch = nil
	p.await(wire.TypeHello)
}

// welcome is the least that lets a client in.
func (p *peer) welcome() wire.Welcome {
	return wire.Welcome{Version: wire.Version, ID: wire.NodeID{1}, Codec: "json"}
}

// send sends envelopes as one batch.
func (p *peer) send(envelopes ...envelope) {
	p.t.Helper()
	var batch []byte
	for _, e := range envelopes {
		batch = carrier.AppendFrame(batch, e.Append(nil))
	}
	require.NoError(p.t, p.conn.Send(p.ctx, batch))
}

// next returns the next frame the client has sent.
func (p *peer) next() []byte {
	p.t.Helper()
	if len(p.batch) == 0 {
		var err error
		p.batch, err = p.conn.Receive(p.ctx, nil)
		require.NoError(p.t, err)
	}
	frame, rest, err := carrier.Next(p.batch)
	require.NoError(p.t, err)
	p.batch = rest
	return frame
}

// await returns the next frame of a type, and forgets those before it.
func (p *peer) await(want wire.Type) []byte {
	p.t.Helper()
	for {
		frame := p.next()
		if got, _ := wire.TypeOf(frame); got == want {
			return frame
		}
	}
}

// round returns when the client has taken in all that was sent.
func (p *peer) round() {
	p.t.Helper()
	p.frames()
}

// frames returns what came until the client had taken in all that was sent.
func (p *peer) frames() (frames [][]byte) {
	p.t.Helper()
	p.send(wire.Ping{Nonce: 1})
	for {
		frame := p.next()
		if got, _ := wire.TypeOf(frame); got == wire.TypePong {
			return frames
		}
		frames = append(frames, frame)
	}
}

// event is an EVENT as an envelope.
type event struct {
	route   uint32
	payload string
}

func (e event) Append(dst []byte) []byte { return wire.AppendEvent(dst, 0, e.route, []byte(e.payload)) }
