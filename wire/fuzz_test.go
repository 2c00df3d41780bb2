package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"runtime"
	"testing"
	"unicode/utf8"

	"github.com/gosig/gosig/wire"
)

// checkDecode states what holds for any bytes: a decoder either refuses them
// with a violation that a peer can be told, or took all of them, so that
// encoding what it found gives the same bytes (P11).
func checkDecode(t *testing.T, typ wire.Type, frame []byte) {
	e := newEnvelope(typ)
	if err := e.Decode(frame); err != nil {
		checkViolation(t, err)
		return
	}
	if again := e.Append(nil); !bytes.Equal(again, frame) {
		t.Fatalf("%s: decoded %+v\n from %x\nencoded %x", typ, e, frame, again)
	}
}

func checkViolation(t *testing.T, err error) {
	t.Helper()
	var v *wire.Error
	if !errors.As(err, &v) {
		t.Fatalf("error %v is no *wire.Error", err)
	}
	switch v.Code {
	case wire.CodeProtocol, wire.CodeTooLarge, wire.CodeVersion, wire.CodeLimit:
	default:
		t.Fatalf("code %d is none of a violation's: %v", v.Code, v)
	}
	if v.Text == "" || len(v.Text) > 200 || !utf8.ValidString(v.Text) {
		t.Fatalf("text %q; rule: short, printable, never what the peer sent unquoted", v.Text)
	}
}

// fuzz runs checkDecode; its seeds are the vectors, as files of testdata/fuzz.
func fuzz(f *testing.F, typ wire.Type) {
	f.Fuzz(func(t *testing.T, frame []byte) { checkDecode(t, typ, frame) })
}

func FuzzHello(f *testing.F)       { fuzz(f, wire.TypeHello) }
func FuzzWelcome(f *testing.F)     { fuzz(f, wire.TypeWelcome) }
func FuzzAbort(f *testing.F)       { fuzz(f, wire.TypeAbort) }
func FuzzChallenge(f *testing.F)   { fuzz(f, wire.TypeChallenge) }
func FuzzAuth(f *testing.F)        { fuzz(f, wire.TypeAuth) }
func FuzzConnect(f *testing.F)     { fuzz(f, wire.TypeConnect) }
func FuzzConnected(f *testing.F)   { fuzz(f, wire.TypeConnected) }
func FuzzDisconnect(f *testing.F)  { fuzz(f, wire.TypeDisconnect) }
func FuzzSubscribe(f *testing.F)   { fuzz(f, wire.TypeSubscribe) }
func FuzzUnsubscribe(f *testing.F) { fuzz(f, wire.TypeUnsubscribe) }
func FuzzRefused(f *testing.F)     { fuzz(f, wire.TypeRefused) }
func FuzzWant(f *testing.F)        { fuzz(f, wire.TypeWant) }
func FuzzRoute(f *testing.F)       { fuzz(f, wire.TypeRoute) }
func FuzzEvent(f *testing.F)       { fuzz(f, wire.TypeEvent) }
func FuzzLost(f *testing.F)        { fuzz(f, wire.TypeLost) }
func FuzzCredit(f *testing.F)      { fuzz(f, wire.TypeCredit) }
func FuzzRequest(f *testing.F)     { fuzz(f, wire.TypeRequest) }
func FuzzReply(f *testing.F)       { fuzz(f, wire.TypeReply) }
func FuzzCancel(f *testing.F)      { fuzz(f, wire.TypeCancel) }
func FuzzPing(f *testing.F)        { fuzz(f, wire.TypePing) }
func FuzzPong(f *testing.F)        { fuzz(f, wire.TypePong) }
func FuzzSync(f *testing.F)        { fuzz(f, wire.TypeSync) }
func FuzzSynced(f *testing.F)      { fuzz(f, wire.TypeSynced) }
func FuzzGoodbye(f *testing.F)     { fuzz(f, wire.TypeGoodbye) }
func FuzzNodes(f *testing.F)       { fuzz(f, wire.TypeNodes) }
func FuzzFragment(f *testing.F)    { fuzz(f, wire.TypeFragment) }
func FuzzNumbered(f *testing.F)    { fuzz(f, wire.TypeNumbered) }
func FuzzLossy(f *testing.F)       { fuzz(f, wire.TypeLossy) }

// FuzzFrame lets the frame say what it is, as a router does: the type byte is
// fuzzed with the rest, and what has no envelope is legal in no state.
func FuzzFrame(f *testing.F) {
	for _, typ := range allTypes() {
		f.Add(table[typ].valid[0].env.Append(nil))
	}
	f.Add([]byte{})
	f.Add([]byte{0})
	f.Add([]byte{0x1f})
	f.Fuzz(func(t *testing.T, frame []byte) {
		typ, _ := wire.TypeOf(frame)
		if typ >= wire.TypeHello && typ <= wire.TypeLossy {
			checkDecode(t, typ, frame)
			return
		}
		for _, state := range states {
			if wire.Legal(state, wire.RoleClient, typ) || wire.Legal(state, wire.RoleServer, typ) {
				t.Fatalf("%s is legal in state %s", typ, state)
			}
		}
	})
}

// TestDeclaredCounts: what a frame declares allocates nothing (P11). Each
// frame declares a list as long as can be and ends there.
func TestDeclaredCounts(t *testing.T) {
	hello := bytesOf(helloTo)
	frames := map[wire.Type][]byte{
		wire.TypeHello:     append(bytes.Clone(hello), 0x80, 0x20), // codecs: 4096
		wire.TypeConnect:   bytesOf(connect + "s'k' 8020"),
		wire.TypeConnected: bytesOf("07 01 00 00 8020"),
		wire.TypeNodes:     bytesOf("19 8020"),
		wire.TypeRequest:   bytesOf("11 01 01 00 ff01"),
		wire.TypeAbort:     bytesOf("03 11 8008"),
	}
	for typ, frame := range frames {
		e := newEnvelope(typ)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 100 {
			if e.Decode(frame) == nil {
				t.Fatalf("%s took %x", typ, frame)
			}
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / 100; each > 2048 {
			t.Errorf("%s: %d bytes allocated for a frame of %d bytes", typ, each, len(frame))
		}
	}
}

// TestEveryByteFlipped changes each byte of each vector to values that have
// gone wrong elsewhere; what is checked is what fuzzing checks.
func TestEveryByteFlipped(t *testing.T) {
	for _, typ := range allTypes() {
		for _, v := range readVectors(t, typ).Valid {
			frame := must(hex.DecodeString(v.Hex))
			for i := range min(len(frame), 80) {
				for _, b := range []byte{0x00, 0x01, 0x7f, 0x80, 0xff, frame[i] ^ 1, frame[i] ^ 0x80} {
					changed := bytes.Clone(frame)
					changed[i] = b
					checkDecode(t, typ, changed)
				}
			}
		}
	}
}
