package routertest

import (
	"bytes"
	"math/rand/v2"
	"slices"

	"github.com/gosig/gosig/router"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

var badInput = []promise{
	{name: "P11/before the handshake", where: connections, run: badHandshakes},
	{name: "P11/after the handshake", where: connections, run: badFrames},
	{name: "P11/random frames", where: connections, run: randomFrames},
}

// badHandshakes: what cannot be a client is told so.
func badHandshakes(k *kit) {
	srv := k.serve("hub", options{})
	others := k.pair(srv, options{})
	old := hello()
	old.MinVersion, old.MaxVersion = 200, 201
	strange := hello()
	strange.Codecs = []string{"morse"}
	magic := hello().Append(nil)
	copy(magic[1:], "http")
	wordy := hello()
	for range 30 {
		wordy.Codecs = append(wordy.Codecs, string(bytes.Repeat([]byte("c"), 200)))
	}
	cases := []struct {
		name  string
		frame []byte
		want  error
	}{
		{"no HELLO", wire.Sync{ID: 1}.Append(nil), sig.ErrProtocol},
		{"text", []byte("GET / HTTP/1.1\r\n\r\n"), sig.ErrProtocol},
		{"other magic", magic, sig.ErrProtocol},
		{"cut HELLO", hello().Append(nil)[:20], sig.ErrProtocol},
		{"longer HELLO", append(hello().Append(nil), 0), sig.ErrProtocol},
		{"version", old.Append(nil), sig.ErrVersion},
		{"codec", strange.Append(nil), sig.ErrNoCodec},
		{"HELLO over the limit", wordy.Append(nil), sig.ErrTooLarge},
	}
	for _, c := range cases {
		p := k.raw(srv.addr)
		k.must(p.sendFrames(c.frame), "send")
		k.is(p.lastWord(), c.want, "P11: "+c.name)
	}
	others.undisturbed()
	if n := srv.router.Stats().HandshakesFailed; n != uint64(len(cases)) {
		k.Errorf("P11: %d failed handshakes were counted, want %d", n, len(cases))
	}
}

// badFrames: a violation ends that connection, with a code and a reason.
func badFrames(k *kit) {
	srv := k.serve("hub", options{})
	others := k.pair(srv, options{})
	connect := wire.Connect{Sender: 1, Route: 1, Epoch: 1, Name: "x", Events: []string{"t"}}
	subscribe := wire.Subscribe{Sender: "a", Event: "b"}.Append(nil)
	cases := []struct {
		name   string
		frames [][]byte
		want   error
	}{
		{"second HELLO", [][]byte{hello().Append(nil)}, sig.ErrProtocol},
		{"reserved type", [][]byte{{31, 0}}, sig.ErrProtocol},
		{"unknown flag", [][]byte{{0x80 | byte(wire.TypeSync), 1}}, sig.ErrProtocol},
		{"server's envelope", [][]byte{wire.Want{Route: 1, On: true}.Append(nil)}, sig.ErrProtocol},
		{"cut envelope", [][]byte{subscribe[:2]}, sig.ErrProtocol},
		{"longer envelope", [][]byte{append(bytes.Clone(subscribe), 1)}, sig.ErrProtocol},
		{"same SUBSCRIBE twice", [][]byte{subscribe, subscribe}, sig.ErrProtocol},
		{"number that is in use", [][]byte{connect.Append(nil), connect.Append(nil)}, sig.ErrProtocol},
		{"CREDIT that nobody owes", [][]byte{
			connect.Append(nil), wire.Credit{Route: 0, Count: 5}.Append(nil), wire.AppendEvent(nil, 0, 9, nil),
		}, sig.ErrProtocol},
		{"SYNCED to no SYNC", [][]byte{wire.Synced{ID: 77}.Append(nil)}, sig.ErrProtocol},
		{"route beyond the limit", [][]byte{wire.Connect{Sender: 1, Route: 1 << 30, Epoch: 1, Name: "x", Events: []string{"t"}}.Append(nil)}, sig.ErrLimit},
		{"frame over the limit", [][]byte{wire.AppendEvent(nil, 0, 1, make([]byte, 2<<20))}, sig.ErrTooLarge},
	}
	piece := wire.Fragment{More: true, Data: wire.AppendEvent(nil, 0, 1, make([]byte, 1000))}.Append(nil)
	cases = append(cases, []struct {
		name   string
		frames [][]byte
		want   error
	}{
		{"pieces of what may not come in any", [][]byte{wire.Fragment{More: true, Data: connect.Append(nil)}.Append(nil)}, sig.ErrProtocol},
		{"pieces within pieces", [][]byte{wire.Fragment{More: true, Data: piece}.Append(nil)}, sig.ErrProtocol},
		{"an empty piece", [][]byte{piece, {byte(wire.TypeFragment)}}, sig.ErrProtocol},
		{"pieces without end", slices.Repeat([][]byte{piece}, 2000), sig.ErrTooLarge},
		{"NUMBERED of an event that is not lossy", [][]byte{connect.Append(nil), wire.Numbered{Route: 1, Seq: 1}.Append(nil)}, sig.ErrProtocol},
		{"NUMBERED of no route", [][]byte{wire.Numbered{Route: 1, Seq: 1}.Append(nil)}, sig.ErrProtocol},
		{"LOSSY twice", [][]byte{wire.Lossy{Events: []uint32{0}}.Append(nil), wire.Lossy{Events: []uint32{0}}.Append(nil)}, sig.ErrProtocol},
		{"LOSSY of an event that there is not", [][]byte{wire.Lossy{Events: []uint32{1}}.Append(nil), connect.Append(nil)}, sig.ErrProtocol},
		{"pieces of a malformed envelope", [][]byte{
			connect.Append(nil), wire.Fragment{More: true, Data: []byte{byte(wire.TypeEvent), 0x81}}.Append(nil), wire.Fragment{Data: []byte{0}}.Append(nil),
		}, sig.ErrProtocol},
	}...)
	for _, c := range cases {
		p := k.greet(srv.addr)
		_ = p.sendFrames(c.frames...) // the server may hang up in the middle of it
		k.is(p.lastWord(), c.want, "P11: "+c.name)
		others.goesOn()
	}
	others.undisturbed()
	if n := srv.router.Stats().Violations; n != uint64(len(cases)) {
		k.Errorf("P11: %d violations were counted, want %d", n, len(cases))
	}
}

// randomFrames: whatever comes, the server stands.
func randomFrames(k *kit) {
	srv := k.serve("hub", options{limits: router.Limits{ConnectionsPerID: 1000}})
	others := k.pair(srv, options{})
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		p := k.greet(srv.addr)
		var frames [][]byte
		for range 20 {
			frame := make([]byte, 1+random.IntN(40))
			for i := range frame {
				frame[i] = byte(random.Uint32())
			}
			frame[0] &= 0x3f // more often something that has a meaning
			frames = append(frames, frame)
		}
		_ = p.sendFrames(frames...) // as above
		p.conn.Close()
	}
	others.undisturbed()
	if n := srv.router.Stats().Panics; n > 0 {
		k.Errorf("P11: %d panics", n)
	}
}
