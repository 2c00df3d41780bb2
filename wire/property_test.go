package wire_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gosig/gosig/wire"
	"pgregory.net/rapid"
)

// TestRoundTrip draws every envelope with random fields, encodes, decodes and
// compares.
func TestRoundTrip(t *testing.T) {
	for _, typ := range allTypes() {
		t.Run(typ.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				sent := drawEnvelope(t, typ)
				prefix := []byte("before")
				frame := sent.Append(prefix)
				if !bytes.HasPrefix(frame, prefix) {
					t.Fatalf("Append changed what was there: %x", frame)
				}
				frame = frame[len(prefix):]
				if got, _ := wire.TypeOf(frame); got != typ {
					t.Fatalf("type %s", got)
				}
				got := newEnvelope(typ)
				if err := got.Decode(frame); err != nil {
					t.Fatalf("%+v as %x: %v", sent, frame, err)
				}
				if !equal(sent, got) {
					t.Fatalf("\nsent %+v\n got %+v", sent, got)
				}
				if again := got.Append(nil); !bytes.Equal(again, frame) {
					t.Fatalf("encoded again %x, first %x", again, frame)
				}
			})
		})
	}
}

// drawEnvelope fills an envelope field by field; the rules that concern more
// than one field are put right afterwards.
func drawEnvelope(t *rapid.T, typ wire.Type) envelope {
	e := newEnvelope(typ)
	v := reflect.ValueOf(e).Elem()
	for i := range v.NumField() {
		drawField(t, v.Type().Name(), v.Type().Field(i).Name, v.Field(i))
	}
	switch e := e.(type) {
	case *wire.Hello:
		e.MinVersion, e.Role = 1, wire.RoleClient
		e.MaxVersion = max(e.MaxVersion, 1)
	case *wire.Welcome:
		e.Version = 1
	case *wire.Connect:
		e.Route = min(e.Route, maxU32-uint32(len(e.Events)))
	case *wire.Challenge:
		e.Methods = append(e.Methods, "token")
	case *wire.Refused:
		e.About = wire.TypeSubscribe
	case *wire.Want:
		if !e.On {
			e.Turn, e.Lossy = 0, false
		}
	case *wire.Route:
		e.Seq = max(e.Seq, 1)
		if !e.Begin {
			e.Turn = 0
		}
	case *wire.Lost:
		e.Reason = max(e.Reason, 1)
	case *wire.Credit:
		e.Count = max(e.Count, 1)
	case *wire.Numbered:
		e.Seq = max(e.Seq, 1)
	case *wire.Lossy:
		slices.Sort(e.Events)
		e.Events = append(slices.Compact(e.Events), maxU32)
		e.Events = slices.Compact(e.Events)
	case *wire.Fragment:
		e.Data = append(e.Data, 1)
	case *wire.Reply:
		if e.Code == wire.CodeOK {
			e.App, e.Text = 0, ""
		} else {
			e.Payload = nil
		}
	}
	return e
}

func drawField(t *rapid.T, envelope, field string, v reflect.Value) {
	switch value := v.Addr().Interface().(type) {
	case *bool:
		*value = rapid.Bool().Draw(t, field)
	case *string:
		*value = drawString(t, envelope, field)
	case *[]string:
		for range rapid.IntRange(0, 5).Draw(t, field) {
			*value = append(*value, drawString(t, envelope, field))
		}
	case *wire.NodeID:
		*value = drawID(t, field)
	case *wire.Nonce:
		copy(value[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, field))
	case *wire.Token:
		if rapid.Bool().Draw(t, "has token") {
			*value = wire.Token(drawID(t, field))
		}
	case *[]wire.NodeID:
		for range rapid.IntRange(0, 4).Draw(t, field) {
			*value = append(*value, drawID(t, field))
		}
	case *[]wire.Node:
		for range rapid.IntRange(0, 4).Draw(t, field) {
			*value = append(*value, wire.Node{ID: drawID(t, field), Name: drawString(t, "Node", "Name")})
		}
	case *[]uint32:
		*value = rapid.SliceOfN(rapid.Uint32(), 0, 5).Draw(t, field)
	case *[]byte:
		*value = rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, field)
	case *wire.Limits:
		bound := rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32Min(wire.MinMaxFrame))
		*value = wire.Limits{bound.Draw(t, "frame"), bound.Draw(t, "requests"), bound.Draw(t, "keepalive"), bound.Draw(t, "events"), bound.Draw(t, "bytes")}
	default:
		drawNumber(t, field, v)
	}
}

// drawNumber prefers the ends of the ranges and of the varints' lengths.
func drawNumber(t *rapid.T, field string, v reflect.Value) {
	n := rapid.OneOf(rapid.Uint64Range(0, 300), rapid.SampledFrom([]uint64{127, 128, 16383, 16384, 1<<31 - 1, 1 << 31, maxU64 >> 1, maxU64}), rapid.Uint64()).Draw(t, field)
	if v.CanInt() {
		v.SetInt(int64(n))
		return
	}
	v.SetUint(n & (maxU64 >> (64 - v.Type().Bits())))
}

func drawID(t *rapid.T, field string) (id wire.NodeID) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, field))
	id[0] |= 1 // zero is no ID
	return id
}

func drawString(t *rapid.T, envelope, field string) string {
	least, most := 1, wire.MaxName
	switch {
	case field == "Reason" || field == "Text" || field == "Identity":
		least, most = 0, wire.MaxText
	case field == "Name" && envelope != "Connect":
		least = 0
	}
	return rapid.StringN(least, -1, most).Draw(t, field)
}

// TestAnyText: whatever a text holds, the envelope that carries it is legal,
// and a legal text of at most 1024 bytes arrives as it is.
func TestAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "bytes"))
		text = rapid.StringN(0, -1, 1100).Draw(t, "before") + text + rapid.String().Draw(t, "after")
		var got wire.Goodbye
		if err := got.Decode(wire.Goodbye{Reason: text}.Append(nil)); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if len(text) <= wire.MaxText && utf8.ValidString(text) && got.Reason != text {
			t.Fatalf("%q became %q", text, got.Reason)
		}
	})
}

// TestTextIsCut: between characters, and losing no more than the one cut.
func TestTextIsCut(t *testing.T) {
	for _, char := range []string{"a", "\u00fc", "\u20ac", "\U0001f321", "\xff"} {
		for lead := range 5 {
			text := strings.Repeat("-", lead) + strings.Repeat(char, 1100)
			var got wire.Abort
			if err := got.Decode(wire.Abort{Reason: text}.Append(nil)); err != nil {
				t.Fatalf("%q after %d: %v", char, lead, err)
			}
			if utf8.ValidString(text) && (!strings.HasPrefix(text, got.Reason) || len(got.Reason) <= wire.MaxText-len(char)) {
				t.Errorf("%q after %d: cut to %d bytes: %q", char, lead, len(got.Reason), got.Reason)
			}
		}
	}
}

// TestLimitsMin: 0 is no bound; the order of the sides makes no difference.
func TestLimitsMin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint32Range(0, 3).Draw(t, "a"), rapid.Uint32Range(0, 3).Draw(t, "b")
		got, swapped := (wire.Limits{a, a, a, a, a}).Min(wire.Limits{b, b, b, b, b}), (wire.Limits{b, b, b, b, b}).Min(wire.Limits{a, a, a, a, a})
		want := min(a, b)
		if want == 0 {
			want = max(a, b)
		}
		if got != swapped || got != (wire.Limits{want, want, want, want, want}) {
			t.Fatalf("Min(%d, %d) = %+v and %+v, want %d", a, b, got, swapped, want)
		}
	})
}

// TestDecodeIntoAUsedRequest: what an envelope held before makes no difference,
// also to what is wrong with a frame.
func TestDecodeIntoAUsedRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := drawEnvelope(t, wire.TypeRequest).(*wire.Request)
		second := drawEnvelope(t, wire.TypeRequest).(*wire.Request)
		if rapid.Bool().Draw(t, "same method") {
			second.Method = first.Method
		}
		frame := second.Append(nil)
		for n := range len(frame) + 1 {
			var fresh, used wire.Request
			if err := used.Decode(first.Append(nil)); err != nil {
				t.Fatal(err)
			}
			want, got := fresh.Decode(frame[:n]), used.Decode(frame[:n])
			if (want == nil) != (got == nil) || want != nil && want.Error() != got.Error() {
				t.Fatalf("%d of %d bytes: %v, into a fresh one %v", n, len(frame), got, want)
			}
			if want == nil && !equal(&fresh, &used) {
				t.Fatalf("%d of %d bytes: %+v, into a fresh one %+v", n, len(frame), used, fresh)
			}
		}
	})
}
