package hostile

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// frameOf is a frame of a type: a whole one where the type has any.
func frameOf(t wire.Type) []byte {
	for _, s := range samples() {
		if got, _ := wire.TypeOf(s.bytes); got == t {
			return s.bytes
		}
	}
	return []byte{byte(t), 1, 2, 3}
}

// TestGrammarIsWhole: there is a whole envelope of every type that package wire
// has, and a decoder that takes it.
func TestGrammarIsWhole(t *testing.T) {
	for typ := range wire.Type(32) {
		if strings.HasPrefix(typ.String(), "reserved") {
			assert.False(t, sampled(typ), "%v", typ)
			continue
		}
		assert.True(t, sampled(typ), "%v: samples has none", typ)
		if typ == wire.TypeEvent {
			_, _, _, err := wire.ParseEvent(frameOf(typ))
			assert.NoError(t, err)
		} else if d := decoder(typ); assert.NotNil(t, d, "%v: decoder has none", typ) {
			assert.NoError(t, d.Decode(frameOf(typ)), "%v", typ)
		}
	}
}

// sampled reports whether there is a whole envelope of the type.
func sampled(t wire.Type) bool {
	return slices.ContainsFunc(samples(), func(s sample) bool { got, _ := wire.TypeOf(s.bytes); return got == t })
}

// TestAllPairs sends an envelope of each type in each state, on each carrier. The
// table of states says which of them end the connection.
func TestAllPairs(t *testing.T) {
	w := newWorld(t, *honestClients, everywhere()...)
	var group sync.WaitGroup
	for _, scheme := range everywhere() {
		group.Go(func() { // ends with the last answer
			for typ := range wire.Type(32) {
				w.inStart(t, scheme, typ)
				w.inAsked(t, scheme, typ)
				w.inOpen(t, scheme, typ)
				w.inClosing(t, scheme, typ)
			}
		})
	}
	group.Wait()
	w.end()
}

// inStart: nothing has passed yet.
func (w *world) inStart(t *testing.T, scheme string, typ wire.Type) {
	s, err := w.knock(scheme)
	if !assert.NoError(t, err) {
		return
	}
	defer s.leave()
	s.write(framed(bytesOf(frameOf(typ))))
	frame, err := s.next()
	if typ == wire.TypeHello {
		var welcome wire.Welcome
		if assert.NoError(t, err) {
			assert.NoError(t, welcome.Decode(frame), "start, %s", scheme)
		}
		return
	}
	var a wire.Abort
	if assert.NoError(t, err, "start, %v, %s", typ, scheme) && assert.NoError(t, a.Decode(frame), "start, %v, %s", typ, scheme) {
		assert.EqualValues(t, sig.CodeProtocol, a.Code, "start, %v, %s: %s", typ, scheme, a.Reason)
	}
}

// inAsked: the stranger is asked who it is.
func (w *world) inAsked(t *testing.T, scheme string, typ wire.Type) {
	s, err := w.knock(scheme)
	if !assert.NoError(t, err) {
		return
	}
	defer s.leave()
	s.send(hello(wire.FeatureAuth))
	frame, err := s.next()
	if asked, _ := wire.TypeOf(frame); !assert.NoError(t, err) || !assert.Equal(t, wire.TypeChallenge, asked) {
		return
	}
	s.write(framed(bytesOf(frameOf(typ))))
	a := s.hear()
	assert.True(t, a.ended && !a.timeout, "asked, %v, %s: let in", typ, scheme)
	switch typ {
	case wire.TypeAuth: // of nobody
		assert.EqualValues(t, sig.CodeDenied, a.code, "asked, %v, %s: %s", typ, scheme, a.reason)
	case wire.TypeAbort: // whatever the last word is
	default:
		assert.EqualValues(t, sig.CodeProtocol, a.code, "asked, %v, %s: %s", typ, scheme, a.reason)
	}
}

// inOpen: the stranger has been let in.
func (w *world) inOpen(t *testing.T, scheme string, typ wire.Type) {
	s, err := w.enter(scheme, wire.FeatureHeld|wire.FeatureNodes)
	if !assert.NoError(t, err) {
		return
	}
	defer s.leave()
	s.write(framed(bytesOf(frameOf(typ))))
	s.send(wire.Ping{Nonce: marker})
	a := s.hear()
	if typ == wire.TypeGoodbye || typ == wire.TypeAbort {
		a = s.hearEnd(a)
	}
	legal := wire.Legal(wire.Open, wire.RoleClient, typ)
	switch {
	case !legal:
		assert.True(t, a.ended && !a.timeout, "open, %v, %s: the connection goes on", typ, scheme)
		assert.EqualValues(t, sig.CodeProtocol, a.code, "open, %v, %s: %s", typ, scheme, a.reason)
	case typ == wire.TypeGoodbye, typ == wire.TypeAbort:
		assert.True(t, a.ended && !a.timeout, "open, %v, %s: the connection goes on", typ, scheme)
	case typ == wire.TypeReply, typ == wire.TypeSynced, // legal, but of nothing that is under way,
		typ == wire.TypeFragment, typ == wire.TypeNumbered, typ == wire.TypeLossy: // or without the feature
		assert.True(t, a.ended && !a.timeout, "open, %v, %s: the connection goes on", typ, scheme)
		assert.EqualValues(t, sig.CodeProtocol, a.code, "open, %v, %s: %s", typ, scheme, a.reason)
	default:
		assert.False(t, a.ended, "open, %v, %s: %d %s", typ, scheme, a.code, a.reason)
	}
	assert.Empty(t, a.leaked)
}

// inClosing: the stranger has said goodbye. What it sends then means nothing any
// more, whatever it is; the connection ends.
func (w *world) inClosing(t *testing.T, scheme string, typ wire.Type) {
	s, err := w.enter(scheme, 0)
	if !assert.NoError(t, err) {
		return
	}
	defer s.leave()
	s.write(append(framed(wire.Goodbye{Reason: "enough"}), framed(bytesOf(frameOf(typ)), wire.Ping{Nonce: marker})...))
	a := s.hearEnd(s.hear())
	assert.True(t, a.ended && !a.timeout, "closing, %v, %s: the connection goes on", typ, scheme)
	assert.Empty(t, a.leaked)
}

// TestBeforeTheDoor: what must not let anybody in, each with its code.
func TestBeforeTheDoor(t *testing.T) {
	w := newWorld(t, *honestClients, everywhere()...)
	inside, err := w.enter("tcp", 0)
	if err != nil {
		t.Fatal(err)
	}
	h := hello(0)
	twin := h // a replay: the same node again
	for _, row := range []struct {
		name string
		send []byte
		code sig.Code
	}{
		{"a version of tomorrow", edited(func(h *wire.Hello) { h.MinVersion, h.MaxVersion = 200, 201 }), sig.CodeVersion},
		{"no codec", edited(func(h *wire.Hello) { h.Codecs = []string{"klingon"} }), sig.CodeNoCodec},
		{"no node", edited(func(h *wire.Hello) { h.ID = wire.NodeID{} }), sig.CodeProtocol},
		{"two at once", append(framed(hello(0)), framed(wire.Ping{})...), sig.CodeProtocol},
		{"half a one", framed(bytesOf(hello(0).Append(nil)[:20])), sig.CodeProtocol},
		{"another magic", framed(bytesOf(append([]byte{1}, "gsix\x01\x01\x00"...))), sig.CodeProtocol},
		{"a name that is no text", edited(func(h *wire.Hello) { h.Name = "a\xff" }), sig.CodeProtocol},
		{"too long", edited(func(h *wire.Hello) { h.Codecs = strings.Split(strings.Repeat("codec-codec ", 400), " ") }), sig.CodeTooLarge},
		{"the node that is in already", nil, sig.CodeRing},
	} {
		for _, scheme := range everywhere() {
			s, err := w.knock(scheme)
			if !assert.NoError(t, err, scheme) {
				continue
			}
			if row.send == nil {
				row.send = w.replay(t, twin)
			}
			s.write(row.send)
			a := s.hear()
			assert.True(t, a.ended && !a.timeout, "%s by %s: let in", row.name, scheme)
			assert.Equal(t, row.code, sig.Code(a.code), "%s by %s: %s", row.name, scheme, a.reason)
			s.leave()
		}
	}
	_, err = inside.round()
	assert.NoError(t, err, "who is in is not thrown out by them")
	inside.leave()
	w.twin.leave()
	w.end()
}

func edited(edit func(*wire.Hello)) []byte {
	h := hello(0)
	edit(&h)
	return framed(h)
}

// replay lets somebody in by a HELLO, and returns the same one again.
func (w *world) replay(t *testing.T, h wire.Hello) []byte {
	s, err := w.knock("tcp")
	if err != nil {
		t.Fatal(err)
	}
	s.send(h)
	if _, err := s.next(); err != nil {
		t.Fatal(err)
	}
	w.twin = s
	return framed(h)
}

// TestTrickle: handshakes that never end, by a byte at a time, take no longer
// than a handshake may; frames that never end, in an open connection, cost
// themselves what they have sent.
func TestTrickle(t *testing.T) {
	w := newWorld(t, 4, everywhere()...)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { // ends when the router hangs up
			conn, err := dialRaw(w.addrs["tcp"])
			if !assert.NoError(t, err) {
				return
			}
			defer conn.Close()
			start := time.Now()
			for _, b := range framed(hello(0)) {
				if _, err := conn.Write([]byte{b}); err != nil {
					break
				}
				time.Sleep(time.Second / 4)
				if time.Since(start) > 30*time.Second {
					t.Error("a handshake of 30 s")
					return
				}
			}
		})
	}
	group.Wait()
	assert.GreaterOrEqual(t, w.hub.failed(), uint64(20))
	w.end()
}
