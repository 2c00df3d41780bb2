package wire_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gosig/gosig/wire"
)

// step is one frame of the worked example in protocol.md §14, or, without an
// envelope, something that happens without one.
type step struct {
	conn string // A: desk, B: pi, C: pi again; as in the drawing of §14
	from wire.Role
	env  envelope
	note string
}

const (
	fromClient = wire.RoleClient
	fromServer = wire.RoleServer
)

var (
	idPi        = wire.NodeID{0x91, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x03}
	tokenPi     = wire.Token{0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf}
	nextTokenPi = wire.Token{0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf}
	epoch       = uint64(0x1122334455667788)
	kitchen     = wire.Connect{Epoch: epoch, Name: "kitchen", Events: []string{"temp", "humidity"}, Requests: []string{"set"}}
)

// numbered returns the CONNECT of the kitchen under the announcing side's numbers.
func numbered(sender, route uint32) *wire.Connect {
	c := kitchen
	c.Sender, c.Route = sender, route
	return &c
}

// fresh is numbered before anything was emitted.
func fresh(sender, route uint32) *wire.Connect {
	c := numbered(sender, route)
	c.Fresh = true
	return c
}

var transcript = []step{
	{"A", fromClient, &wire.Hello{
		MinVersion: 1, MaxVersion: 1, ID: idDesk, Name: "desk", Features: wire.FeatureHeld,
		Codecs: []string{"json", "cbor"}, Limits: wire.DefaultLimits,
	}, "desk offers version 1, held-back events, json before cbor"},
	{"A", fromServer, &wire.Welcome{
		Version: 1, ID: idServer, Name: "hub", Features: wire.FeatureHeld, Codec: "json", Limits: wire.DefaultLimits, Token: token,
	}, "hub has json; nobody is connected yet"},
	{"A", fromClient, &wire.Subscribe{Sender: "kitchen", Event: "temp"}, "the sender need not exist yet"},
	{"A", fromClient, &wire.Sync{ID: 1}, "desk wants to know when that is in force"},
	{"A", fromServer, &wire.Synced{ID: 1}, "nobody else had to be told: at once"},

	{"B", fromClient, &wire.Hello{
		MinVersion: 1, MaxVersion: 1, ID: idPi, Name: "pi", Features: wire.FeatureHeld,
		Codecs: []string{"json"}, Limits: wire.Limits{MaxFrame: 4096, MaxRequests: 8, KeepaliveMS: 5000, WindowEvents: 16, WindowBytes: 4096},
	}, "pi is small"},
	{"B", fromServer, &wire.Welcome{
		Version: 1, ID: idServer, Name: "hub", Features: wire.FeatureHeld, Codec: "json",
		Limits: wire.Limits{MaxFrame: 4096, MaxRequests: 8, KeepaliveMS: 5000, WindowEvents: 16, WindowBytes: 4096}, Token: tokenPi,
	}, "the smaller limits hold"},
	{"B", fromClient, fresh(1, 0), "pi numbers its sender 1, its events 0 (temp) and 1 (humidity); nothing has been emitted"},
	{"B", fromClient, &event{Route: 0, Payload: []byte("21.5")}, "temp 21.5; pi does not wait for CONNECTED"},
	{"A", fromServer, fresh(4, 10), "hub announces the kitchen to desk, under numbers of its own"},
	{"B", fromServer, &wire.Connected{Sender: 1, Wanted: []uint32{0}}, "accepted; somebody wants temp, nobody humidity"},
	{"A", fromServer, &wire.Route{Route: 10, Seq: 1, Begin: true}, "the sender's count, handed on"},
	{"A", fromServer, &event{Route: 10, Payload: []byte("21.5")}, "the payload is the same, the route number hub's"},

	{"B", fromClient, &event{Held: true, Route: 0, Payload: []byte("21.6")}, "held back: pi has 1 of 16 outstanding"},
	{"A", fromServer, &event{Held: true, Route: 10, Payload: []byte("21.6")}, "hub has 1 of 256 outstanding"},
	{"A", fromClient, &wire.Credit{Route: 10, Count: 1}, "desk's handlers have taken it"},
	{"B", fromServer, &wire.Credit{Route: 0, Count: 1}, "so have all targets of hub: pi has none outstanding"},

	{"A", fromClient, &wire.Request{ID: 1, Sender: 4, TimeoutMS: 2000, Method: "set", Payload: []byte(`{"to":19}`)}, "to sender 4, which is hub's number for the kitchen"},
	{"B", fromServer, &wire.Request{ID: 1, Sender: 1, TimeoutMS: 1999, Method: "set", Payload: []byte(`{"to":19}`)}, "to sender 1, pi's number; hub's own request ID; a millisecond has gone"},
	{"B", fromClient, &wire.Reply{ID: 1, Payload: []byte("true")}, "the answer"},
	{"A", fromServer, &wire.Reply{ID: 1, Payload: []byte("true")}, "handed on"},
	{"A", fromClient, &wire.Request{ID: 2, Sender: 4, Method: "bake", Payload: []byte("null")}, "no deadline"},
	{"A", fromServer, &wire.Reply{ID: 2, Code: wire.CodeNoMethod, Text: `"kitchen" has no "bake"; it has "set"`}, "hub knows that from CONNECT"},

	{"A", fromClient, &wire.Connect{Sender: 0, Route: 0, Epoch: 7, Name: "kitchen", Events: []string{"temp"}}, "desk claims the same name"},
	{"A", fromServer, &wire.Connected{Sender: 0, Code: wire.CodeNameTaken, Text: `"kitchen" belongs to node "pi"`}, "refused; pi does not notice"},
	{"A", fromClient, &wire.Disconnect{Sender: 0}, "desk gives its numbers free"},

	{"B", fromServer, &wire.Ping{Nonce: 1}, "hub has heard nothing of pi for 5 s"},
	{"B", fromClient, &wire.Pong{Nonce: 1}, "pi is alive"},

	{"B", fromClient, nil, "the line breaks; pi emits temp twice meanwhile and keeps nothing"},
	{"A", fromServer, &wire.Disconnect{Sender: 4, Code: wire.CodeConnectionLost, Reason: "connection lost"}, "#disconnect at desk, which remembers: kitchen, this epoch, temp, 3 expected"},
	{"C", fromClient, &wire.Hello{
		MinVersion: 1, MaxVersion: 1, ID: idPi, Name: "pi", Features: wire.FeatureHeld, Token: tokenPi,
		Codecs: []string{"json"}, Limits: wire.Limits{MaxFrame: 4096, MaxRequests: 8, KeepaliveMS: 5000, WindowEvents: 16, WindowBytes: 4096},
	}, "pi comes back and shows its token"},
	{"C", fromServer, &wire.Welcome{
		Version: 1, ID: idServer, Name: "hub", Features: wire.FeatureHeld, Codec: "json",
		Limits: wire.Limits{MaxFrame: 4096, MaxRequests: 8, KeepaliveMS: 5000, WindowEvents: 16, WindowBytes: 4096}, Token: nextTokenPi,
	}, "hub would have closed connection B first, were it still there"},
	{"C", fromClient, numbered(1, 0), "the same life of the kitchen: the same epoch"},
	{"C", fromClient, &wire.Route{Route: 0, Seq: 5}, "temp's next event is its fifth"},
	{"C", fromClient, &wire.Route{Route: 1, Seq: 1, Begin: true}, "humidity has not been wanted before the break: it begins"},
	{"A", fromServer, numbered(5, 12), "hub takes new numbers"},
	{"C", fromServer, &wire.Connected{Sender: 1, Wanted: []uint32{0}}, "desk's subscription is still in force"},
	{"A", fromServer, &wire.Route{Route: 12, Seq: 5, Begin: true}, "new to this number; but desk expected 3 under the old one: two were lost, #lost"},
	{"C", fromClient, &event{Route: 0, Payload: []byte("22.0")}, "temp 22.0"},
	{"A", fromServer, &event{Route: 12, Payload: []byte("22.0")}, "and goes on"},

	{"A", fromClient, &wire.Unsubscribe{Sender: "kitchen", Event: "temp"}, "desk has seen enough"},
	{"C", fromServer, &wire.Want{Route: 0}, "nobody wants temp any more"},
	{"C", fromClient, &wire.Disconnect{Sender: 1, Reason: "done"}, "the kitchen leaves"},
	{"A", fromServer, &wire.Disconnect{Sender: 5, Reason: "done"}, "desk is told"},
	{"A", fromServer, &wire.Goodbye{Code: wire.CodeClosed, Reason: "shutting down"}, "hub drains and ends"},
	{"A", fromClient, &wire.Goodbye{}, "desk closes"},
	{"C", fromServer, &wire.Goodbye{Code: wire.CodeClosed, Reason: "shutting down"}, ""},
	{"C", fromClient, &wire.Goodbye{}, ""},
}

// onStream returns an envelope as it crosses a byte stream (protocol.md §3).
func onStream(e envelope) []byte {
	frame := e.Append(nil)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
}

func (s step) typ() wire.Type {
	typ, _ := wire.TypeOf(s.env.Append(nil))
	return typ
}

// TestTranscript: every frame of the example decodes to itself and is legal
// where it stands, for the side that receives it.
func TestTranscript(t *testing.T) {
	type side struct {
		conn string
		role wire.Role
	}
	at := map[side]wire.State{}
	for i, s := range transcript {
		if s.env == nil {
			continue
		}
		to := side{s.conn, 1 - s.from}
		from := side{s.conn, s.from}
		if !wire.Legal(at[to], s.from, s.typ()) {
			t.Errorf("step %d: %s from the %s in state %s", i+1, s.typ(), s.from, at[to])
		}
		got := newEnvelope(s.typ())
		if err := got.Decode(s.env.Append(nil)); err != nil || !equal(got, s.env) {
			t.Errorf("step %d: decoded %+v, %v\nwant %+v", i+1, got, err, s.env)
		}
		switch s.typ() {
		case wire.TypeHello:
			at[from], at[to] = wire.Greeted, wire.Greeted
		case wire.TypeWelcome:
			at[from], at[to] = wire.Open, wire.Open
		case wire.TypeGoodbye:
			at[from] = wire.Closing
		}
	}
	checkFile(t, filepath.Join("testdata", "vectors", "transcript.json"), marshal(t, transcriptVectors()))
}

func transcriptVectors() (list []map[string]any) {
	for i, s := range transcript {
		v := map[string]any{"nr": i + 1, "connection": s.conn, "note": s.note}
		if s.env != nil {
			v["from"], v["envelope"] = s.from.String(), s.typ().String()
			v["stream"], v["fields"] = hex.EncodeToString(onStream(s.env)), toJSON(reflect.ValueOf(s.env))
		}
		list = append(list, v)
	}
	return list
}

// transcriptText is the example as protocol.md shows it.
func transcriptText() string {
	var b strings.Builder
	b.WriteString("```\n")
	for i, s := range transcript {
		arrow := map[wire.Role]string{fromClient: "-->", fromServer: "<--"}[s.from]
		if s.env == nil {
			fmt.Fprintf(&b, "%2d  %s -X-  %s\n", i+1, s.conn, s.note)
			continue
		}
		fmt.Fprintf(&b, "%s\n", strings.TrimRight(fmt.Sprintf("%2d  %s %s  %-11s %s", i+1, s.conn, arrow, s.typ(), s.note), " "))
		stream := onStream(s.env)
		for line := 0; line < len(stream); line += 24 {
			fmt.Fprintf(&b, "             % x\n", stream[line:min(line+24, len(stream))])
		}
	}
	return b.String() + "```\n"
}
