package wire_test

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/gosig/gosig/wire"
)

// envelope is what all envelopes have in common; EVENT joins them by [event].
type envelope interface {
	Append(dst []byte) []byte
	Decode(frame []byte) error
}

// event makes an envelope of the functions that read and write EVENT.
type event struct {
	Held    bool
	Route   uint32
	Payload []byte
}

func (e event) Append(dst []byte) []byte {
	var flags wire.Flags
	if e.Held {
		flags = wire.FlagHeld
	}
	return wire.AppendEvent(dst, flags, e.Route, e.Payload)
}

func (e *event) Decode(frame []byte) error {
	flags, route, payload, err := wire.ParseEvent(frame)
	*e = event{Held: flags&wire.FlagHeld != 0, Route: route, Payload: payload}
	return err
}

// allTypes lists the types that have an envelope.
func allTypes() (types []wire.Type) {
	for t := wire.TypeHello; t <= wire.TypeLossy; t++ {
		types = append(types, t)
	}
	return types
}

// newEnvelope returns an empty envelope of type t.
func newEnvelope(t wire.Type) envelope {
	return [...]envelope{
		wire.TypeHello: &wire.Hello{}, wire.TypeWelcome: &wire.Welcome{}, wire.TypeAbort: &wire.Abort{},
		wire.TypeChallenge: &wire.Challenge{}, wire.TypeAuth: &wire.Auth{},
		wire.TypeConnect: &wire.Connect{}, wire.TypeConnected: &wire.Connected{}, wire.TypeDisconnect: &wire.Disconnect{},
		wire.TypeSubscribe: &wire.Subscribe{}, wire.TypeUnsubscribe: &wire.Unsubscribe{}, wire.TypeRefused: &wire.Refused{},
		wire.TypeWant: &wire.Want{}, wire.TypeRoute: &wire.Route{}, wire.TypeEvent: &event{},
		wire.TypeLost: &wire.Lost{}, wire.TypeCredit: &wire.Credit{},
		wire.TypeRequest: &wire.Request{}, wire.TypeReply: &wire.Reply{}, wire.TypeCancel: &wire.Cancel{},
		wire.TypePing: &wire.Ping{}, wire.TypePong: &wire.Pong{}, wire.TypeSync: &wire.Sync{}, wire.TypeSynced: &wire.Synced{},
		wire.TypeGoodbye: &wire.Goodbye{}, wire.TypeNodes: &wire.Nodes{}, wire.TypeFragment: &wire.Fragment{}, wire.TypeNumbered: &wire.Numbered{}, wire.TypeLossy: &wire.Lossy{},
	}[t]
}

// payloadLast tells the envelopes whose last field takes the rest of the
// frame, so that no frame is too long for them.
func payloadLast(e envelope) bool {
	switch e := e.(type) {
	case *event, *wire.Auth, *wire.Request, *wire.Fragment, *wire.Numbered:
		return true
	case *wire.Reply:
		return e.Code == wire.CodeOK
	}
	return false
}

// toJSON turns an envelope into what the vector files hold: objects with the
// fields' names in snake case, 64-bit numbers as decimal strings (JSON readers
// of other languages keep 53 bits), bytes in hexadecimal.
func toJSON(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		return toJSON(v.Elem())
	case reflect.Struct:
		object := map[string]any{}
		for i := range v.NumField() {
			object[snake(v.Type().Field(i).Name)] = toJSON(v.Field(i))
		}
		return object
	case reflect.Array:
		b := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(b), v)
		return hex.EncodeToString(b)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return hex.EncodeToString(v.Bytes())
		}
		list := []any{}
		for i := range v.Len() {
			list = append(list, toJSON(v.Index(i)))
		}
		return list
	case reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return float64(v.Uint())
	}
	return v.Interface()
}

// fromJSON is the inverse of toJSON; v is settable.
func fromJSON(in any, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Struct:
		object, ok := in.(map[string]any)
		if !ok || len(object) != v.NumField() {
			return fmt.Errorf("%v is no object with the %d fields of %s", in, v.NumField(), v.Type())
		}
		for i := range v.NumField() {
			name := snake(v.Type().Field(i).Name)
			if err := fromJSON(object[name], v.Field(i)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	case reflect.Array:
		b, err := hex.DecodeString(fmt.Sprint(in))
		if err != nil || len(b) != v.Len() {
			return fmt.Errorf("%v is no hexadecimal of %d bytes", in, v.Len())
		}
		reflect.Copy(v, reflect.ValueOf(b))
		return nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b, err := hex.DecodeString(fmt.Sprint(in))
			v.SetBytes(b)
			return err
		}
		list, ok := in.([]any)
		if !ok {
			return fmt.Errorf("%v is no list", in)
		}
		if len(list) > 0 {
			v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		}
		for i := range list {
			if err := fromJSON(list[i], v.Index(i)); err != nil {
				return fmt.Errorf("element %d: %w", i, err)
			}
		}
		return nil
	case reflect.Uint64:
		n, err := strconv.ParseUint(fmt.Sprint(in), 10, 64)
		v.SetUint(n)
		return err
	case reflect.Int64:
		n, err := strconv.ParseInt(fmt.Sprint(in), 10, 64)
		v.SetInt(n)
		return err
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		n, ok := in.(float64)
		if !ok || v.OverflowUint(uint64(n)) {
			return fmt.Errorf("%v is no %s", in, v.Kind())
		}
		v.SetUint(uint64(n))
		return nil
	}
	if in == nil || reflect.TypeOf(in).Kind() != v.Kind() {
		return fmt.Errorf("%v is no %s", in, v.Kind())
	}
	v.Set(reflect.ValueOf(in))
	return nil
}

// snake turns MaxFrame into max_frame, KeepaliveMS into keepalive_ms, ID into id.
func snake(name string) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && unicode.IsUpper(c) && unicode.IsLower(rune(name[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// bytesOf reads the notation of this package's tests: words of hexadecimal;
// 'text' is its bytes; s'text' the same after its length; word*n is n times
// the word.
func bytesOf(notation string) (out []byte) {
	for _, word := range strings.Fields(notation) {
		word, times, repeated := strings.Cut(word, "*")
		n := 1
		if repeated {
			n = must(strconv.Atoi(times))
		}
		var b []byte
		switch text := strings.TrimSuffix(word, "'"); {
		case strings.HasPrefix(word, "s'"):
			b = append([]byte{byte(len(text) - 2)}, text[2:]...)
		case strings.HasPrefix(word, "'"):
			b = []byte(text[1:])
		default:
			b = must(hex.DecodeString(word))
		}
		for range n {
			out = append(out, b...)
		}
	}
	return out
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
