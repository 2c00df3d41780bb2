package hostile

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/wire"
)

// envelope is one of package wire.
type envelope interface{ Append(dst []byte) []byte }

// stranger is one connection of somebody who does what it should not. It
// announces itself properly first: a sender "x/..." with the number 1 and the
// routes 0 and 1, and one pattern.
type stranger struct {
	w      *world
	ctx    context.Context
	cancel context.CancelFunc
	conn   carrier.Conn
	batch  []byte
	name   string
	seen   map[string]uint32 // the router's numbers of senders, by their names
	routes map[string]uint32 // and of their first routes
	baited int               // events that it was to hear
}

// marker is in the nonce of the PING that follows what a stranger does.
const marker = 0x5afe5afe

func hello(features wire.Features) wire.Hello {
	h := wire.Hello{
		MinVersion: wire.MinVersion, MaxVersion: wire.Version, Name: "stranger", Codecs: []string{"cbor"}, Features: features,
		Limits: wire.Limits{MaxFrame: strangerFrame},
	}
	_, _ = rand.Read(h.ID[:]) // never fails
	return h
}

// knock is a stranger that has said nothing yet.
func (w *world) knock(scheme string) (*stranger, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute+5**late)
	conn, err := w.dial(ctx, scheme)
	for try := 1; errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && try < 3; try++ {
		conn, err = w.dial(ctx, scheme) // a machine that is busy with the others of the campaign
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return &stranger{w: w, ctx: ctx, cancel: cancel, conn: conn, seen: map[string]uint32{}, routes: map[string]uint32{}}, nil
}

// enter is a stranger that has been let in, and has proved nothing but what its
// carrier proves.
func (w *world) enter(scheme string, features wire.Features) (*stranger, error) {
	return w.enterAs(scheme, features, nil)
}

// enterAs is enter by one who proves who it is.
func (w *world) enterAs(scheme string, features wire.Features, who auth.Credential) (*stranger, error) {
	s, err := w.knock(scheme)
	if err != nil {
		return nil, err
	}
	if who != nil {
		features |= wire.FeatureAuth
	}
	h := hello(features)
	s.name = fmt.Sprintf("x/%x", h.ID[:6])
	s.send(h)
	frame, err := s.next()
	if err == nil && who != nil {
		if err = s.prove(who, h, frame); err == nil {
			frame, err = s.next()
		}
	}
	var welcome wire.Welcome
	if err == nil {
		err = welcome.Decode(frame)
	}
	if err != nil {
		s.leave()
		return nil, fmt.Errorf("not let in: %w", err)
	}
	s.send(
		wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: s.name, Events: []string{"e", "f"}, Requests: []string{"m"}, Fresh: true},
		wire.Subscribe{Sender: s.name, Event: "e"}, wire.Subscribe{Sender: bait, Event: "**"},
	)
	a, err := s.round()
	if err == nil && a.leaked != "" {
		err = fmt.Errorf("it was shown %s", a.leaked)
	}
	if err != nil {
		s.leave()
		return nil, fmt.Errorf("announcing itself: %w", err)
	}
	return s, nil
}

// prove answers a CHALLENGE.
func (s *stranger) prove(who auth.Credential, h wire.Hello, challenge []byte) error {
	proof, err := who.Prove(s.challenge(h, challenge))
	if err == nil {
		s.send(wire.Auth{Method: who.Method(), Proof: proof})
	}
	return err
}

// challenge is what a proof is made for.
func (s *stranger) challenge(h wire.Hello, frame []byte) *auth.Challenge {
	c := &auth.Challenge{Hello: sha256.Sum256(h.Append(nil)), Asked: sha256.Sum256(frame), Private: true}
	c.Binding, _ = carrier.ChannelBindingOf(s.conn)
	return c
}

func (s *stranger) leave() {
	s.conn.Close()
	s.cancel()
}

func framed(envelopes ...envelope) (batch []byte) {
	for _, e := range envelopes {
		batch = carrier.AppendFrame(batch, e.Append(nil))
	}
	return batch
}

// send sends envelopes; that the router has hung up is no error of the stranger's.
func (s *stranger) send(envelopes ...envelope) { s.write(framed(envelopes...)) }

func (s *stranger) write(batch []byte) { _ = s.conn.Send(s.ctx, batch) }

// next returns the next frame of the router's.
func (s *stranger) next() ([]byte, error) {
	if len(s.batch) == 0 {
		batch, err := s.conn.Receive(s.ctx, nil)
		if err != nil {
			return nil, err
		}
		s.batch = append([]byte(nil), batch...)
	}
	frame, rest, err := carrier.Next(s.batch)
	s.batch = rest
	return frame, err
}

// answer is what the router says to a stranger before it has taken in all of it,
// or has hung up.
type answer struct {
	ended   bool
	last    bool   // the last word has come
	code    uint16 // of the last word; of no meaning otherwise
	reason  string
	frames  [][]byte
	leaked  string // something that was not for it
	timeout bool
}

// round is what the router answers until it has taken in all that was sent.
func (s *stranger) round() (answer, error) {
	s.send(wire.Ping{Nonce: marker})
	a := s.hear()
	if a.timeout {
		return a, errors.New("the router does not answer")
	}
	if a.ended {
		return a, fmt.Errorf("the router has hung up: %d %s", a.code, a.reason)
	}
	return a, nil
}

// hear takes in what comes, up to the answer to the marker, or the end.
func (s *stranger) hear() (a answer) {
	for {
		frame, err := s.next()
		if err != nil {
			a.ended = true
			a.timeout = s.ctx.Err() != nil
			return a
		}
		if s.take(frame, &a) {
			return a
		}
	}
}

// hearEnd goes on to the end of the connection.
func (s *stranger) hearEnd(a answer) answer {
	for !a.ended {
		a = s.hear()
	}
	return a
}

func (s *stranger) take(frame []byte, a *answer) (done bool) {
	t, _ := wire.TypeOf(frame)
	switch t {
	case wire.TypePong:
		var e wire.Pong
		return e.Decode(frame) == nil && e.Nonce == marker && !a.last // else it may have crossed it
	case wire.TypeGoodbye:
		var e wire.Goodbye
		_ = e.Decode(frame) // an empty one shows itself
		a.last, a.code, a.reason = true, e.Code, e.Reason
	case wire.TypeAbort:
		var e wire.Abort
		_ = e.Decode(frame)
		a.last, a.code, a.reason = true, e.Code, e.Reason
	case wire.TypeWelcome:
		return true // somebody who listens for a refusal has been let in
	case wire.TypeConnect:
		var e wire.Connect
		if e.Decode(frame) == nil {
			s.seen[e.Name], s.routes[e.Name] = e.Sender, e.Route
			if !strings.HasPrefix(e.Name, "x/") && e.Name != string(nameOf(0)) {
				a.leaked = fmt.Sprintf("that %s is there", e.Name)
			}
		}
	case wire.TypeEvent:
		_, route, _, err := wire.ParseEvent(frame)
		if first, ok := s.routes[bait]; err != nil || !ok || route != first {
			a.leaked = fmt.Sprintf("an event: %x", frame)
		}
		s.baited++
		return false
	case wire.TypeRequest:
		var e wire.Request
		if e.Decode(frame) == nil && strings.Contains(string(e.Payload), "honest") {
			a.leaked = "a request of an honest client: " + string(e.Payload)
		}
	}
	a.frames = append(a.frames, append([]byte(nil), frame...))
	return false
}

// honestNumber is the router's number of an honest sender, and of its route.
func (s *stranger) honestNumber() (number, route uint32) {
	name := string(s.w.honest[0].name)
	return s.seen[name], s.routes[name]
}
