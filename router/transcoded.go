package router

import (
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/wire"
)

// transcoded is the payload of the event that a reader is about to forward, in a
// codec other than its own: made once for all peers with that codec.
type transcoded struct {
	codec any    // its ID; nil: nothing is made yet
	data  []byte // in memory that is used again for the next event
	err   error
}

// in returns the payload in the codec of a peer.
func (t *transcoded) in(to *session, from codec.Codec, payload []byte) ([]byte, error) {
	if t.codec == to.codecKey {
		return t.data, t.err
	}
	if cap(t.data) > keepPayload {
		t.data = nil
	}
	t.codec = to.codecKey
	t.data, t.err = codec.Transcode(t.data[:0], from, to.codec, payload)
	return t.data, t.err
}

// transcode forwards to a peer with another codec, or other features. What
// cannot be expressed in the codec is a loss for that peer, and announced.
func (ir *inRoute) transcode(out outRef, to *session, flags wire.Flags, payload []byte) {
	data, err := payload, error(nil)
	if to.codecKey != ir.sess.codecKey {
		data, err = ir.sess.transcoded.in(to, ir.sess.codec, payload)
	}
	if err != nil || len(data)+eventOverhead > to.maxFrame {
		out.g.lost(to, out.or, ir.next-1, 1)
		return
	}
	if !out.g.begin(to, out.or, ir.next-1) {
		return
	}
	start := len(out.g.buf)
	out.g.buf = appendEventFrame(out.g.buf, flags, out.or.id, data)
	out.g.added(out.or, flags, len(data), len(out.g.buf)-start)
}
