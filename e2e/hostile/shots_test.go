package hostile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// shot is one thing that a stranger does to a router that has let it in, and what
// must come of it.
type shot struct {
	name  string
	needs wire.Features
	bytes func(s *stranger, r *rand.Rand) []byte // frames with their lengths
	want  wanted
}

// wanted is the answer: fatal ends the connection with a code; refusal and reply
// name what is refused; none of them: it goes on.
type wanted struct {
	fatal  sig.Code
	about  wire.Type // CONNECTED, REFUSED or REPLY
	code   sig.Code  // in it
	either bool      // the connection may also go on
}

func fatal(c sig.Code) wanted                { return wanted{fatal: c} }
func refused(t wire.Type, c sig.Code) wanted { return wanted{about: t, code: c} }
func of(e ...envelope) func(*stranger, *rand.Rand) []byte {
	return func(*stranger, *rand.Rand) []byte { return framed(e...) }
}

// bytesOf is a frame as an envelope.
type bytesOf []byte

func (b bytesOf) Append(dst []byte) []byte { return append(dst, b...) }

func connectAs(number, route uint32, name string, events ...string) wire.Connect {
	return wire.Connect{Sender: number, Route: route, Epoch: 1, Name: name, Events: events}
}

func event(route uint32) bytesOf { return wire.AppendEvent(nil, 0, route, []byte{1}) }

func held(route uint32) bytesOf { return wire.AppendEvent(nil, wire.FlagHeld, route, []byte{1}) }

func many(n int, one func(i int) envelope) []byte {
	var all []envelope
	for i := range n {
		all = append(all, one(i))
	}
	return framed(all...)
}

// badNames are none, and badPatterns no patterns either, or only one of the two.
var badNames = []string{
	"/", "a/", "/a", "a//b", "#connect", "#router", "a/#b", "a b", "a\x00b", "a\nb", "a\r\nb", "..\\x", "é", "\u202e", "a*b", "**x",
	strings.Repeat("a/", 16) + "a", "a/../é", "%2e%2e/", "${jndi}", "a;b", "a'b", `a"b`, "<a>",
}

// shots are all single things. Each row is a check of the router's that somebody
// may forget.
var shots = []shot{
	{"a sender's number twice", 0, of(connectAs(1, 9, "x/y", "e")), fatal(sig.CodeProtocol)},
	{"a route's number twice", 0, of(connectAs(2, 1, "x/y", "e")), fatal(sig.CodeProtocol)},
	{"too many senders", 0, func(*stranger, *rand.Rand) []byte {
		return many(strangerSenders, func(i int) envelope { return connectAs(uint32(10+i), uint32(10+i), fmt.Sprintf("x/many/%d", i), "e") })
	}, fatal(sig.CodeLimit)},
	{"too many events of a sender", 0, of(connectAs(2, 10, "x/y", strings.Split("abcdefghi", "")...)), fatal(sig.CodeLimit)},
	{"too high a route", 0, of(connectAs(2, highestRoute, "x/y", "e")), fatal(sig.CodeLimit)},
	{"the highest route of all", 0, of(connectAs(2, 1<<32-1, "x/y", "e", "f")), fatal(sig.CodeProtocol)},
	{"an event nobody announced", 0, of(event(77)), fatal(sig.CodeProtocol)},
	{"a forged event of another's", 0, func(s *stranger, _ *rand.Rand) []byte {
		_, route := s.honestNumber()
		return framed(event(route + 1000))
	}, fatal(sig.CodeProtocol)},
	{"a number nobody announced", 0, of(wire.Route{Route: 77, Seq: 1}), fatal(sig.CodeProtocol)},
	{"a loss nobody announced", 0, of(wire.Lost{Route: 77, Count: 1, Reason: 2}), fatal(sig.CodeProtocol)},
	{"a held event without the feature", 0, of(held(0)), fatal(sig.CodeProtocol)},
	{"credit that was not taken", 0, func(s *stranger, _ *rand.Rand) []byte {
		_, route := s.honestNumber()
		return framed(wire.Credit{Route: route, Count: 1})
	}, fatal(sig.CodeProtocol)},
	{"a reply to no request", 0, of(wire.Reply{ID: 5}), fatal(sig.CodeProtocol)},
	{"a reply to request 0", 0, of(wire.Reply{}), fatal(sig.CodeProtocol)},
	{"a request twice", 0, func(s *stranger, _ *rand.Rand) []byte {
		number, _ := s.honestNumber()
		r := wire.Request{ID: 7, Sender: number, Method: "never"}
		return framed(r, r)
	}, fatal(sig.CodeProtocol)},
	{"too many requests", 0, func(s *stranger, _ *rand.Rand) []byte {
		number, _ := s.honestNumber()
		return many(strangerPending+1, func(i int) envelope { return wire.Request{ID: uint64(i + 1), Sender: number, Method: "never"} })
	}, refused(wire.TypeReply, sig.CodeBusy)},
	{"a request to nobody", 0, of(wire.Request{ID: 1, Sender: 1 << 30, Method: "m"}), refused(wire.TypeReply, sig.CodeNoSender)},
	{"a request by no method", 0, func(s *stranger, _ *rand.Rand) []byte {
		number, _ := s.honestNumber()
		return framed(wire.Request{ID: 1, Sender: number, Method: "steal"})
	}, wanted{}}, // its answer comes later
	{"a pattern twice", 0, of(wire.Subscribe{Sender: "x/q", Event: "e"}, wire.Subscribe{Sender: "x/q", Event: "e"}), fatal(sig.CodeProtocol)},
	{"too many patterns", 0, func(*stranger, *rand.Rand) []byte {
		return many(strangerPatterns, func(i int) envelope { return wire.Subscribe{Sender: fmt.Sprintf("x/p/%d", i), Event: "e"} })
	}, refused(wire.TypeRefused, sig.CodeLimit)},
	{"a bad pattern", 0, func(_ *stranger, r *rand.Rand) []byte {
		return framed(wire.Subscribe{Sender: "a/" + badNames[r.IntN(len(badNames))], Event: "e"})
	}, refused(wire.TypeRefused, sig.CodeBadName)},
	{"a bad pattern of events", 0, func(_ *stranger, r *rand.Rand) []byte {
		return framed(wire.Subscribe{Sender: "x/q", Event: "a/" + badNames[r.IntN(len(badNames))]})
	}, refused(wire.TypeRefused, sig.CodeBadName)},
	{"a bad sender", 0, func(_ *stranger, r *rand.Rand) []byte {
		return framed(connectAs(2, 10, badNames[r.IntN(len(badNames))], "e"))
	}, refused(wire.TypeConnected, sig.CodeBadName)},
	{"a sender that is a pattern", 0, func(_ *stranger, r *rand.Rand) []byte {
		return framed(connectAs(2, 10, []string{"*", "**", "a/*", "**/a"}[r.IntN(4)], "e"))
	}, refused(wire.TypeConnected, sig.CodeBadName)},
	{"a bad event", 0, func(_ *stranger, r *rand.Rand) []byte {
		return framed(connectAs(2, 10, "x/bad", badNames[r.IntN(len(badNames))]))
	}, refused(wire.TypeConnected, sig.CodeBadName)},
	{"a name that no rule gives it", 0, of(connectAs(2, 10, string(nameOf(neighbor)), "n"), event(10)), refused(wire.TypeConnected, sig.CodeDenied)},
	{"an event that no rule gives it", 0, of(connectAs(2, 10, string(nameOf(0)), "n", "alarm")), refused(wire.TypeConnected, sig.CodeDenied)},
	{"an answer that no rule gives it", 0, of(wire.Connect{Sender: 2, Route: 10, Epoch: 1, Name: string(nameOf(0)), Events: []string{"n"}, Requests: []string{"echo"}}), refused(wire.TypeConnected, sig.CodeDenied)},
	{"what the honest say to each other", 0, of(wire.Subscribe{Sender: string(nameOf(0)), Event: "n"}), refused(wire.TypeRefused, sig.CodeDenied)},
	{"everything there is to hear", 0, of(wire.Subscribe{Sender: "**", Event: "**"}), refused(wire.TypeRefused, sig.CodeDenied)},
	{"what is hushed", 0, of(wire.Subscribe{Sender: bait, Event: hushed}), refused(wire.TypeRefused, sig.CodeDenied)},
	{"a question that no rule allows", 0, func(s *stranger, _ *rand.Rand) []byte {
		number, _ := s.honestNumber()
		return framed(wire.Request{ID: 1, Sender: number, Method: "echo", Payload: []byte("x")})
	}, refused(wire.TypeReply, sig.CodeDenied)},
	{"administration", 0, of(wire.Request{ID: 1, Sender: math.MaxUint32, Method: "connections"}), refused(wire.TypeReply, sig.CodeDenied)},
	{"another's name", 0, func(s *stranger, _ *rand.Rand) []byte {
		return framed(connectAs(2, 10, string(s.w.honest[0].name), "n"), event(10))
	}, refused(wire.TypeConnected, sig.CodeNameTaken)},
	{"a sender of nobody leaves", 0, of(wire.Disconnect{Sender: 77}), fatal(sig.CodeProtocol)},
	{"another's sender leaves", 0, func(s *stranger, _ *rand.Rand) []byte {
		number, _ := s.honestNumber()
		return framed(wire.Disconnect{Sender: number, Yours: true})
	}, fatal(sig.CodeProtocol)},
	{"another's sender leaves, as one's own", 0, func(s *stranger, _ *rand.Rand) []byte {
		number, _ := s.honestNumber()
		return framed(wire.Disconnect{Sender: number + 1000})
	}, fatal(sig.CodeProtocol)},
	{"an answer to no barrier", 0, of(wire.Synced{ID: 9}), fatal(sig.CodeProtocol)},
	{"routers, without the feature", 0, of(wire.Nodes{Added: []wire.Node{{ID: wire.NodeID{1}, Name: "n"}}}), fatal(sig.CodeProtocol)},
	{"too many routers", wire.FeatureNodes, func(_ *stranger, r *rand.Rand) []byte {
		var e wire.Nodes
		for i := range 6 {
			e.Added = append(e.Added, wire.Node{ID: wire.NodeID{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(i + 1)}, Name: "n"})
		}
		return framed(e)
	}, fatal(sig.CodeLimit)},
	{"a piece without the feature", 0, of(wire.Fragment{Data: event(0)}), fatal(sig.CodeProtocol)},
	{"a piece of what is not cut", wire.FeatureFragments, of(wire.Fragment{More: true, Data: wire.Ping{Nonce: 1}.Append(nil)}), fatal(sig.CodeProtocol)},
	{"pieces of too large a frame", wire.FeatureFragments, func(*stranger, *rand.Rand) []byte {
		return many(3, func(int) envelope {
			return wire.Fragment{More: true, Data: append([]byte{byte(wire.TypeEvent), 0}, make([]byte, strangerFrame/2)...)}
		})
	}, fatal(sig.CodeTooLarge)},
	{"events to be lost, without the feature", 0, of(wire.Lossy{Events: []uint32{0}}), fatal(sig.CodeProtocol)},
	{"events to be lost, twice", wire.FeatureDatagrams, of(wire.Lossy{Events: []uint32{0}}, wire.Lossy{Events: []uint32{0}}), fatal(sig.CodeProtocol)},
	{"events to be lost that are not there", wire.FeatureDatagrams, of(wire.Lossy{Events: []uint32{5}}, connectAs(2, 10, "x/lossy", "e")), fatal(sig.CodeProtocol)},
	{"a numbered event nobody announced", wire.FeatureDatagrams, of(wire.Numbered{Route: 77, Seq: 1}), fatal(sig.CodeProtocol)},
	{"a numbered event that must not be lost", wire.FeatureDatagrams, of(wire.Numbered{Route: 0, Seq: 1}), fatal(sig.CodeProtocol)},
	{"too large a frame", 0, func(*stranger, *rand.Rand) []byte { return framed(bytesOf(make([]byte, strangerFrame+1))) }, fatal(sig.CodeTooLarge)},
	{"a frame of 4 GiB", 0, func(*stranger, *rand.Rand) []byte { return []byte{0xff, 0xff, 0xff, 0xff, 14} }, fatal(sig.CodeTooLarge)},
	{"a name of 256 bytes", 0, of(connectAs(2, 10, strings.Repeat("a", 256), "e")), fatal(sig.CodeTooLarge)},
	{"a name that is no text", 0, of(connectAs(2, 10, "a\xff", "e")), fatal(sig.CodeProtocol)},
	{"a list longer than its frame", 0, of(bytesOf{byte(wire.TypeConnected), 1, 0, 0, 0xff, 0xff, 3}), fatal(sig.CodeProtocol)},

	{"more than a ping", 0, of(bytesOf(append(wire.Ping{Nonce: 1}.Append(nil), 0))), fatal(sig.CodeProtocol)},
	{"a ping with a flag", 0, of(bytesOf(append([]byte{byte(wire.TypePing) | 0x80}, make([]byte, 8)...))), fatal(sig.CodeProtocol)},

	{"a cancel of nothing", 0, of(wire.Cancel{ID: 9}), wanted{}},
	{"an unsubscribe of nothing", 0, of(wire.Unsubscribe{Sender: "x/none", Event: "e"}), wanted{}},
	{"a pong nobody asked for", 0, of(wire.Pong{Nonce: 1}), wanted{}},
	{"credit of nobody", 0, of(wire.Credit{Route: 1 << 30, Count: 5}), wanted{}},
	{"events of its own", 0, of(event(0), event(1), event(0)), wanted{}},
	{"a number that goes back", 0, of(wire.Route{Route: 1, Seq: 50}, event(1), wire.Route{Route: 1, Seq: 3}, event(1)), wanted{}},
	{"a loss of everything", 0, of(wire.Lost{Route: 1, Count: 1<<63 - 1, Reason: 200}, event(1)), wanted{either: true, fatal: sig.CodeProtocol}},
	{"barriers", 0, func(*stranger, *rand.Rand) []byte {
		return many(8, func(i int) envelope { return wire.Sync{ID: uint64(i)} })
	}, wanted{}},
}
