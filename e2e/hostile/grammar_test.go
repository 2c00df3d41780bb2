package hostile

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// grammar makes envelopes for one connection. It knows what has been announced
// on it, and so which are nuisances, that the router puts up with, and which are
// violations.
type grammar struct {
	r    *rand.Rand
	s    *stranger
	id   uint64 // of the latest request
	next uint32
}

// nuisances are about n envelopes, none of which ends the connection.
func (g *grammar) nuisances(n int) (batch []byte, count int) {
	for count < n {
		for _, e := range g.nuisance() {
			batch = carrier.AppendFrame(batch, e.Append(nil))
			count++
		}
	}
	return batch, count
}

func (g *grammar) nuisance() []envelope {
	r := g.r
	honest, _ := g.s.honestNumber()
	switch r.IntN(18) {
	case 0:
		return []envelope{wire.Subscribe{Sender: g.badPattern(), Event: "e"}}
	case 1:
		return []envelope{wire.Subscribe{Sender: "x/q", Event: g.badPattern()}}
	case 2:
		return []envelope{wire.Unsubscribe{Sender: g.text(), Event: g.text()}}
	case 3:
		return g.refusedSender(badNames[r.IntN(len(badNames))])
	case 4:
		return g.refusedSender(string(g.s.w.honest[r.IntN(len(g.s.w.honest))].name))
	case 5:
		g.id++
		return []envelope{wire.Request{ID: g.id, Sender: uint32(1<<30 + r.IntN(1000)), Method: g.text(), Payload: g.noise()}}
	case 6:
		g.id++
		return []envelope{wire.Request{ID: g.id, Sender: honest, Method: "steal", TimeoutMS: r.Uint64() >> r.IntN(64)}, wire.Cancel{ID: g.id}}
	case 7:
		return []envelope{wire.Cancel{ID: r.Uint64()}}
	case 8:
		return []envelope{wire.Pong{Nonce: r.Uint64()}}
	case 9:
		return []envelope{wire.Credit{Route: uint32(1<<30 + r.IntN(1000)), Count: r.Uint32() >> 1}}
	case 10:
		return []envelope{event(uint32(r.IntN(2))), bytesOf(wire.AppendEvent(nil, 0, 0, g.noise()))}
	case 11:
		return []envelope{wire.Route{Route: uint32(r.IntN(2)), Seq: 1 + r.Uint64N(1<<40)}, event(1)}
	case 12:
		return []envelope{wire.Lost{Route: uint32(r.IntN(2)), Count: 1 + r.Uint64N(1000), Reason: 1 + uint8(r.IntN(255))}}
	case 13: // what no rule allows
		return []envelope{wire.Subscribe{Sender: string(nameOf(r.IntN(len(g.s.w.honest)))), Event: "n"}}
	case 14:
		return g.refusedSender(string(nameOf(neighbor)))
	case 15:
		g.id++
		return []envelope{wire.Request{ID: g.id, Sender: honest, Method: "echo", Payload: g.noise()}}
	case 16:
		g.id++
		return []envelope{wire.Request{ID: g.id, Sender: math.MaxUint32, Method: []string{"connections", "reload", g.text()}[r.IntN(3)]}}
	default:
		return g.comesAndGoes()
	}
}

// refusedSender announces one that is not accepted, lets it emit, and leave.
func (g *grammar) refusedSender(name string) []envelope {
	g.next++
	number, route := 100+g.next, 100+4*g.next%1000
	return []envelope{connectAs(number, route, name, "n"), event(route), wire.Disconnect{Sender: number}}
}

func (g *grammar) comesAndGoes() []envelope {
	g.next++
	number, route := 100+g.next, 100+4*g.next%1000
	name := fmt.Sprintf("%s/%d", g.s.name, g.r.IntN(10))
	pattern := wire.Subscribe{Sender: name + "/q", Event: "e"}
	return []envelope{
		connectAs(number, route, name, "a", "b"), event(route), pattern,
		wire.Disconnect{Sender: number, Reason: g.text()},
		wire.Unsubscribe{Sender: pattern.Sender, Event: pattern.Event},
	}
}

func (g *grammar) badPattern() string { return "a/" + badNames[g.r.IntN(len(badNames))] }

func (g *grammar) text() string {
	words := append([]string{"a", "**", "x/*", strings.Repeat("b", 255)}, badNames...)
	return words[g.r.IntN(len(words))]
}

func (g *grammar) noise() []byte {
	b := make([]byte, g.r.IntN(200))
	for i := range b {
		b[i] = byte(g.r.Uint32())
	}
	return b
}

// violation is a frame that ends the connection, with the code that must say so.
func (g *grammar) violation() (frame []byte, want wanted, about string) {
	r := g.r
	whole := samples()
	for {
		i := r.IntN(len(whole))
		b := slices.Clone(whole[i].bytes)
		switch r.IntN(6) {
		case 0: // a single thing of the list
			sh := &shots[r.IntN(len(shots))]
			if sh.want.fatal == 0 || sh.want.either || sh.needs != 0 {
				continue
			}
			batch := sh.bytes(g.s, r)
			frame, rest, err := carrier.Next(batch)
			if err != nil || len(rest) > 0 {
				continue
			}
			return frame, sh.want, sh.name
		case 1: // cut off
			b, about = b[:r.IntN(len(b))], "cut off"
		case 2: // with something behind it
			b, about = append(b, g.noise()...), "continued"
		case 3: // one bit is wrong
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			about = "with a wrong bit"
		case 4: // some bytes are wrong
			for range 1 + r.IntN(4) {
				b[r.IntN(len(b))] = byte(r.Uint32())
			}
			about = "with wrong bytes"
		default: // not of its time, or of no type
			b, about = []byte{byte(r.Uint32())}, "of another type"
			b = append(b, g.noise()...)
		}
		code, bad := illegal(b)
		if t, _ := wire.TypeOf(b); t == wire.TypeFragment || t == wire.TypeNumbered || t == wire.TypeLossy {
			bad = true // the stranger has not the feature
		}
		if len(b) == 0 || !bad {
			continue // may mean something: no violation for certain
		}
		return b, fatal(code), whole[i].name + " " + about
	}
}

// illegal reports whether an open server must refuse a client's frame by what is
// in it alone: the table of states, and the decoders of package wire, say so.
func illegal(frame []byte) (sig.Code, bool) {
	t, _ := wire.TypeOf(frame)
	if !wire.Legal(wire.Open, wire.RoleClient, t) {
		return sig.CodeProtocol, true
	}
	var err error
	if t == wire.TypeEvent {
		_, _, _, err = wire.ParseEvent(frame)
	} else if d := decoder(t); d != nil {
		err = d.Decode(frame)
	}
	var e *wire.Error
	if errors.As(err, &e) {
		return sig.Code(e.Code), true
	}
	return sig.CodeProtocol, err != nil
}

type decodes interface{ Decode([]byte) error }

func decoder(t wire.Type) decodes {
	switch t {
	case wire.TypeHello:
		return new(wire.Hello)
	case wire.TypeWelcome:
		return new(wire.Welcome)
	case wire.TypeChallenge:
		return new(wire.Challenge)
	case wire.TypeAuth:
		return new(wire.Auth)
	case wire.TypeConnected:
		return new(wire.Connected)
	case wire.TypeRefused:
		return new(wire.Refused)
	case wire.TypeWant:
		return new(wire.Want)
	case wire.TypeFragment:
		return new(wire.Fragment)
	case wire.TypeNumbered:
		return new(wire.Numbered)
	case wire.TypeLossy:
		return new(wire.Lossy)
	case wire.TypeAbort:
		return new(wire.Abort)
	case wire.TypeConnect:
		return new(wire.Connect)
	case wire.TypeDisconnect:
		return new(wire.Disconnect)
	case wire.TypeSubscribe:
		return new(wire.Subscribe)
	case wire.TypeUnsubscribe:
		return new(wire.Unsubscribe)
	case wire.TypeRoute:
		return new(wire.Route)
	case wire.TypeLost:
		return new(wire.Lost)
	case wire.TypeCredit:
		return new(wire.Credit)
	case wire.TypeRequest:
		return new(wire.Request)
	case wire.TypeReply:
		return new(wire.Reply)
	case wire.TypeCancel:
		return new(wire.Cancel)
	case wire.TypePing:
		return new(wire.Ping)
	case wire.TypePong:
		return new(wire.Pong)
	case wire.TypeSync:
		return new(wire.Sync)
	case wire.TypeSynced:
		return new(wire.Synced)
	case wire.TypeGoodbye:
		return new(wire.Goodbye)
	case wire.TypeNodes:
		return new(wire.Nodes)
	}
	return nil
}

// sample is a whole envelope of a type.
type sample struct {
	name  string
	bytes []byte
}

func samples() []sample {
	var all []sample
	add := func(t wire.Type, e envelope) { all = append(all, sample{t.String(), e.Append(nil)}) }
	add(wire.TypeHello, hello(0))
	add(wire.TypeWelcome, wire.Welcome{Version: 1, ID: wire.NodeID{1}, Codec: "cbor"})
	add(wire.TypeAbort, wire.Abort{Code: 1, Reason: "r"})
	add(wire.TypeChallenge, wire.Challenge{ID: wire.NodeID{1}, Methods: []string{"token"}, Binding: wire.BindingNone})
	add(wire.TypeAuth, wire.Auth{Method: "token", Proof: []byte("gst_")})
	add(wire.TypeConnect, connectAs(50, 500, "x/sample", "e", "f"))
	add(wire.TypeConnected, wire.Connected{Sender: 1, Wanted: []uint32{0}})
	add(wire.TypeDisconnect, wire.Disconnect{Sender: 1, Reason: "r"})
	add(wire.TypeSubscribe, wire.Subscribe{Sender: "x/sample", Event: "e"})
	add(wire.TypeUnsubscribe, wire.Unsubscribe{Sender: "x/sample", Event: "e"})
	add(wire.TypeRefused, wire.Refused{About: wire.TypeSubscribe, Sender: "a", Event: "b", Code: 1, Text: "t"})
	add(wire.TypeWant, wire.Want{Route: 1, On: true, Turn: 1})
	add(wire.TypeRoute, wire.Route{Route: 0, Seq: 5})
	add(wire.TypeEvent, event(0))
	add(wire.TypeLost, wire.Lost{Route: 0, Count: 1, Reason: 2})
	add(wire.TypeCredit, wire.Credit{Route: 1 << 30, Count: 1})
	add(wire.TypeRequest, wire.Request{ID: 1 << 50, Sender: 1 << 30, Method: "m", Payload: []byte{1}})
	add(wire.TypeReply, wire.Reply{ID: 1, Payload: []byte{1}})
	add(wire.TypeCancel, wire.Cancel{ID: 1})
	add(wire.TypePing, wire.Ping{Nonce: 1})
	add(wire.TypePong, wire.Pong{Nonce: 1})
	add(wire.TypeSync, wire.Sync{ID: 1})
	add(wire.TypeSynced, wire.Synced{ID: 1})
	add(wire.TypeGoodbye, wire.Goodbye{Code: 0, Reason: "r"})
	add(wire.TypeNodes, wire.Nodes{Added: []wire.Node{{ID: hello(0).ID, Name: "n"}}})
	add(wire.TypeFragment, wire.Fragment{More: true, Data: event(0)})
	add(wire.TypeNumbered, wire.Numbered{Route: 0, Seq: 1, Payload: []byte{1}})
	add(wire.TypeLossy, wire.Lossy{Events: []uint32{0}})
	return all
}
