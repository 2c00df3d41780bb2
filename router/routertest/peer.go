package routertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// peer is a client made by hand: it can send what no client would.
type peer struct {
	k       *kit
	conn    carrier.Conn
	batch   []byte // received and not yet looked at
	welcome wire.Welcome
}

// envelope is one that can be written.
type envelope interface{ Append(dst []byte) []byte }

// raw dials a server and says nothing. If the carrier has no patience any more, it dials
// again, as a client does.
func (k *kit) raw(addr string) *peer {
	k.Helper()
	set, err := carrier.NewSet(k.setup.clients()...)
	k.must(err, "carriers")
	for {
		conn, err := set.Dial(k.ctx, addr)
		k.must(err, "dial "+addr)
		k.Cleanup(func() { conn.Close() })
		err = carrier.Handshake(k.ctx, conn)
		if errors.Is(err, context.DeadlineExceeded) && k.ctx.Err() == nil {
			conn.Close()
			continue
		}
		k.must(err, "handshake of the carrier")
		return &peer{k: k, conn: conn}
	}
}

// greet is raw with the handshake done.
func (k *kit) greet(addr string) *peer {
	k.Helper()
	p := k.raw(addr)
	p.send(hello())
	frame := p.receive()
	k.must(p.welcome.Decode(frame), "read the WELCOME")
	return p
}

func hello() wire.Hello {
	h := wire.Hello{
		MinVersion: wire.MinVersion, MaxVersion: wire.Version, Name: "by hand",
		Features: wire.FeatureHeld | wire.FeatureFragments | wire.FeatureDatagrams, Codecs: []string{"cbor", "json"}, Limits: wire.DefaultLimits,
	}
	rand.Read(h.ID[:]) // never fails
	return h
}

// send sends envelopes in one batch.
func (p *peer) send(envelopes ...envelope) {
	p.k.Helper()
	var frames [][]byte
	for _, e := range envelopes {
		frames = append(frames, e.Append(nil))
	}
	p.k.must(p.sendFrames(frames...), "send by hand")
}

func (p *peer) sendFrames(frames ...[]byte) error {
	var batch []byte
	for _, f := range frames {
		batch = carrier.AppendFrame(batch, f)
	}
	return p.conn.Send(p.k.ctx, batch)
}

// receive returns the next frame.
func (p *peer) receive() []byte {
	p.k.Helper()
	frame, err := p.next()
	p.k.must(err, "receive by hand")
	return frame
}

func (p *peer) next() ([]byte, error) {
	if len(p.batch) == 0 {
		batch, err := p.conn.Receive(p.k.ctx, make([]byte, 4096))
		if err != nil {
			return nil, err
		}
		p.batch = batch
	}
	frame, rest, err := carrier.Next(p.batch)
	p.batch = rest
	return frame, err
}

// until skips frames up to one of a type.
func (p *peer) until(t wire.Type) []byte {
	p.k.Helper()
	for {
		frame := p.receive()
		got, _ := wire.TypeOf(frame)
		switch {
		case got == t:
			return frame
		case got == wire.TypePing:
			var ping wire.Ping
			p.k.must(ping.Decode(frame), "read the PING")
			p.send(wire.Pong(ping))
		case got == wire.TypeGoodbye, got == wire.TypeAbort:
			p.k.Fatalf("the connection was ended while waiting for a %v: %q", t, frame)
		}
	}
}

// sync returns when the server has worked off what was sent.
func (p *peer) sync() {
	p.k.Helper()
	p.send(wire.Sync{ID: 1 << 40})
	p.until(wire.TypeSynced)
}

// lastWord skips frames up to the one that ends the connection, and checks that
// nothing follows it.
func (p *peer) lastWord() error {
	var word error
	for {
		frame, err := p.next()
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("the connection goes on: %w", err)
		}
		if err != nil && word == nil {
			return fmt.Errorf("the connection ended without a word: %w", err)
		}
		if err != nil {
			return word
		}
		switch t, _ := wire.TypeOf(frame); t {
		case wire.TypeGoodbye:
			var e wire.Goodbye
			if err := e.Decode(frame); err != nil {
				return err
			}
			word = sig.NewError(sig.Code(e.Code), e.Reason)
		case wire.TypeAbort:
			var e wire.Abort
			if err := e.Decode(frame); err != nil {
				return err
			}
			word = sig.NewError(sig.Code(e.Code), e.Reason)
		}
	}
}
