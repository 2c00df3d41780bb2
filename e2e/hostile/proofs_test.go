package hostile

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/quic"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// forgery is an answer to a CHALLENGE that must not let anybody in. old is a proof
// by key that has let its owner in before.
type forgery struct {
	name  string
	bytes func(s *stranger, h wire.Hello, challenge []byte, old []byte) []byte
	code  sig.Code
}

func answered(method string, proof []byte) []byte {
	return framed(wire.Auth{Method: method, Proof: proof})
}

// forgeries are tried on every carrier.
var forgeries = []forgery{
	{"a token nobody was given", func(*stranger, wire.Hello, []byte, []byte) []byte {
		return answered(auth.MethodToken, []byte(auth.NewToken().Reveal()))
	}, sig.CodeDenied},
	{"the hash of a token", func(s *stranger, _ wire.Hello, _, _ []byte) []byte {
		return answered(auth.MethodToken, []byte(s.w.people.guests[0].(auth.Token).Hash().String()))
	}, sig.CodeDenied},
	{"a token of yesterday", func(s *stranger, _ wire.Hello, _, _ []byte) []byte {
		return answered(auth.MethodToken, []byte(s.w.people.expired.(auth.Token).Reveal()))
	}, sig.CodeDenied},
	{"a key nobody knows", func(s *stranger, h wire.Hello, challenge, _ []byte) []byte {
		return answered(auth.MethodKey, must(auth.NewKey().Prove(s.challenge(h, challenge))))
	}, sig.CodeDenied},
	{"another's proof, again", func(_ *stranger, _ wire.Hello, _, old []byte) []byte {
		return answered(auth.MethodKey, old)
	}, sig.CodeDenied},
	{"a proof for another HELLO", func(s *stranger, h wire.Hello, challenge, _ []byte) []byte {
		h.Name = "honest/0"
		return answered(auth.MethodKey, must(s.w.people.guests[1].Prove(s.challenge(h, challenge))))
	}, sig.CodeDenied},
	{"a proof with a wrong bit", func(s *stranger, h wire.Hello, challenge, _ []byte) []byte {
		proof := must(s.w.people.guests[1].Prove(s.challenge(h, challenge)))
		proof[len(proof)-1] ^= 1
		return answered(auth.MethodKey, proof)
	}, sig.CodeDenied},
	{"no proof at all", func(*stranger, wire.Hello, []byte, []byte) []byte { return answered(auth.MethodKey, nil) }, sig.CodeDenied},
	{"a method that is not asked for", func(*stranger, wire.Hello, []byte, []byte) []byte {
		return answered("password", []byte("hunter2"))
	}, sig.CodeProtocol},
	{"the challenge, reflected", func(_ *stranger, _ wire.Hello, challenge, _ []byte) []byte {
		return framed(bytesOf(challenge))
	}, sig.CodeProtocol},
	{"business before the proof", func(s *stranger, _ wire.Hello, _, _ []byte) []byte {
		return framed(wire.Subscribe{Sender: bait, Event: said})
	}, sig.CodeProtocol},
	{"a proof, and business behind it", func(s *stranger, h wire.Hello, challenge, _ []byte) []byte {
		proof := must(s.w.people.guests[1].Prove(s.challenge(h, challenge)))
		return framed(wire.Auth{Method: auth.MethodKey, Proof: proof}, wire.Subscribe{Sender: bait, Event: said})
	}, sig.CodeProtocol},
	{"more than fits", func(*stranger, wire.Hello, []byte, []byte) []byte {
		return answered(auth.MethodToken, make([]byte, 5000))
	}, sig.CodeTooLarge},
}

func must(proof []byte, err error) []byte {
	if err != nil {
		panic(err) // a mistake of the test
	}
	return proof
}

// TestForgedProofs: whoever proves something false, or again what another has
// proved, is not let in, whatever its carrier proves.
func TestForgedProofs(t *testing.T) {
	w := newWorld(t, *honestClients, everywhere()...)
	for _, scheme := range everywhere() {
		old := w.overheard(scheme)
		for i := range forgeries {
			f := &forgeries[i]
			s, h, challenge := w.asked(scheme)
			s.write(f.bytes(s, h, challenge, old))
			a := s.hear()
			assert.True(t, a.ended && !a.timeout, "%s by %s: let in", f.name, scheme)
			assert.Equal(t, f.code, sig.Code(a.code), "%s by %s: %s", f.name, scheme, a.reason)
			s.leave()
		}
	}
	w.end()
}

// asked is a stranger who is asked who it is.
func (w *world) asked(scheme string) (*stranger, wire.Hello, []byte) {
	w.t.Helper()
	s, err := w.knock(scheme)
	require.NoError(w.t, err)
	h := hello(wire.FeatureAuth)
	s.send(h)
	challenge, err := s.next()
	require.NoError(w.t, err)
	return s, h, challenge
}

// overheard is a proof by which a guest has come in.
func (w *world) overheard(scheme string) []byte {
	w.t.Helper()
	s, h, challenge := w.asked(scheme)
	defer s.leave()
	proof := must(w.people.guests[1].Prove(s.challenge(h, challenge)))
	s.write(answered(auth.MethodKey, proof))
	frame, err := s.next()
	require.NoError(w.t, err)
	var welcome wire.Welcome
	require.NoError(w.t, welcome.Decode(frame))
	require.Equal(w.t, "guest/key", welcome.Identity)
	return proof
}

// TestForgedCertificates: a certificate that another CA has signed is worth nothing,
// whatever name is in it; a self-made one neither.
func TestForgedCertificates(t *testing.T) {
	schemes := []string{"tls", "quic"}
	w := newWorld(t, 4, schemes...)
	other := certstest.New(t, "CA") // of the same name
	cert, key := other.Issue("forged", certstest.URIs("sig:honest/0"))
	forgers, err := carrier.NewSet(tcp.New(&tcp.Options{CAFile: w.people.ca.File, CertFile: cert, KeyFile: key, Logger: silent}),
		quic.New(&quic.Options{CAFile: w.people.ca.File, CertFile: cert, KeyFile: key, Logger: silent}))
	require.NoError(t, err)
	w.carriers = forgers
	for _, scheme := range schemes {
		s, err := w.enter(scheme, 0)
		assert.Error(t, err, scheme)
		if err == nil {
			s.leave()
		}
	}
	w.end()
}

// TestNobodyUnknown: a router that asks lets in nobody whom neither a carrier nor a
// proof shows, and a guest.
func TestNobodyUnknown(t *testing.T) {
	schemes := []string{"tcp", "mem"}
	w := prepareWorld(t, 4, schemes...)
	w.listenHere(false)
	w.askedLater()
	w.settle()
	for _, scheme := range schemes {
		for _, features := range []wire.Features{0, wire.FeatureHeld} {
			s, err := w.knock(scheme)
			require.NoError(t, err)
			s.send(hello(features))
			a := s.hear()
			assert.True(t, a.ended && !a.timeout, "by %s: let in", scheme)
			assert.Equal(t, sig.CodeDenied, sig.Code(a.code), "by %s: %s", scheme, a.reason)
			s.leave()
		}
		for _, guest := range w.people.guests {
			s, err := w.enterAs(scheme, 0, guest)
			require.NoError(t, err)
			s.leave()
		}
	}
	w.end()
}

// askedLater: who came in while nobody was asked for a proof does not stay when that
// changes.
func (w *world) askedLater() {
	t := w.t
	w.srv.SetAuthenticator(nil)
	var in []*stranger
	for _, scheme := range w.schemes {
		s, err := w.knock(scheme)
		require.NoError(t, err)
		s.send(hello(0))
		require.False(t, s.hear().ended, "by %s: nobody asks", scheme)
		in = append(in, s)
	}
	w.srv.SetAuthenticator(w.people.store(t))
	for _, s := range in {
		s.send(wire.Ping{Nonce: marker}) // answered, if it may stay
		a := s.hear()
		assert.True(t, a.ended, "it is still connected")
		assert.Equal(t, sig.CodeDenied, sig.Code(a.code), a.reason)
		s.leave()
	}
}

// TestManyOfOneIdentity: connections are counted by who has them, not by where they
// come from.
func TestManyOfOneIdentity(t *testing.T) {
	schemes := []string{"tcp", "mem"}
	w := newWorld(t, 4, schemes...)
	var in []*stranger
	for _, scheme := range schemes {
		s, err := w.enterAs(scheme, 0, w.people.few)
		require.NoError(t, err)
		in = append(in, s)
	}
	for _, scheme := range schemes {
		s, h, challenge := w.asked(scheme)
		require.NoError(t, s.prove(w.people.few, h, challenge))
		a := s.hear()
		assert.Equal(t, sig.CodeLimit, sig.Code(a.code), "a third connection by %s: %s", scheme, a.reason)
		s.leave()
	}
	for _, s := range in {
		_, err := s.round()
		assert.NoError(t, err, "who is in stays")
		s.leave()
	}
	w.end()
}

// TestBait: of a sender that strangers may hear, they hear what they may, and not
// what is said before it each time.
func TestBait(t *testing.T) {
	w := newWorld(t, *honestClients, everywhere()...)
	for n, scheme := range everywhere() {
		s, err := w.enterAs(scheme, 0, w.people.anybody(n))
		require.NoError(t, err)
		for s.baited < 3 {
			a, err := s.round()
			require.NoError(t, err)
			require.Empty(t, a.leaked)
		}
		s.leave()
	}
	w.end()
}

// TestRepliesTwice: an answer counts once, and only if it comes in time from whom
// it was asked of. The asker gets the first one.
func TestRepliesTwice(t *testing.T) {
	w := newWorld(t, 4, "tcp", "mem")
	answers, err := w.enterAs("tcp", 0, w.people.guests[0])
	require.NoError(t, err)
	asks, err := w.enterAs("mem", 0, w.people.guests[1])
	require.NoError(t, err)
	other, err := w.enter("tcp", 0)
	require.NoError(t, err)
	number, ok := asks.seen[answers.name]
	require.True(t, ok)

	asks.send(wire.Request{ID: 1, Sender: number, Method: "m"})
	var request wire.Request
	for request.ID == 0 {
		frame, err := answers.next()
		require.NoError(t, err)
		_ = request.Decode(frame) // others are of no interest
	}
	other.send(wire.Reply{ID: request.ID, Payload: []byte{0x63}})
	assert.Equal(t, sig.CodeProtocol, sig.Code(other.hear().code), "as another")
	for n := range 3 {
		answers.send(wire.Reply{ID: request.ID, Payload: []byte{byte(n)}})
	}
	_, err = answers.round()
	require.NoError(t, err, "what it says again means nothing")
	got := 0
	for range 2 {
		a, err := asks.round()
		require.NoError(t, err)
		for _, frame := range a.frames {
			var r wire.Reply
			if typ, _ := wire.TypeOf(frame); typ == wire.TypeReply && assert.NoError(t, r.Decode(frame)) {
				got++
				assert.Equal(t, fmt.Sprint([]byte{0}), fmt.Sprint(r.Payload))
			}
		}
	}
	assert.Equal(t, 1, got)
	for _, s := range []*stranger{answers, asks, other} {
		s.leave()
	}
	w.end()
}
