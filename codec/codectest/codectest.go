// Package codectest checks that a codec keeps what [codec.Codec] promises.
//
// One call runs the suite; a codec that does not carry every kind of value
// says so, and is then held to refusing them:
//
//	func TestCodec(t *testing.T) {
//		codectest.Test(t, mycodec.New(), &codectest.Options{
//			Refuses: []codectest.Kind{codectest.NonFinite},
//		})
//	}
package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/gosig/gosig/codec"
)

// Options say what a codec does not do; a nil *Options means that it carries
// every kind with the default limits.
type Options struct {
	// Refuses are the kinds the codec does not carry. Append has to refuse
	// them with an error that matches [codec.ErrValue].
	Refuses []Kind
	// Typed are the kinds that survive only where the receiver decodes into
	// their own Go type, for example bytes that are text to others. [Time] is
	// always one of them.
	Typed []Kind
	// Limits are those the codec was made with; zero fields mean the defaults.
	Limits codec.Limits
	// Unlimited means that the codec has no limits on depth and elements.
	// It must then carry no lists and maps.
	Unlimited bool
	// Malformed are inputs that Decode has to refuse with an error that
	// matches [codec.ErrMalformed] or [codec.ErrLimit], whatever the target.
	Malformed [][]byte
}

// Test runs the suite against c.
func Test(t *testing.T, c codec.Codec, opts *Options) {
	t.Helper()
	if opts == nil {
		opts = &Options{}
	}
	s := &suite{codec: c, opts: *opts}
	t.Run("ID", s.testID)
	t.Run("Untyped", s.testUntyped)
	t.Run("Typed", s.testTyped)
	t.Run("Refused", s.testRefused)
	t.Run("AppendKeepsPrefix", s.testAppendKeepsPrefix)
	t.Run("AppendInPlace", s.testAppendInPlace)
	t.Run("RetainsNothing", s.testRetainsNothing)
	t.Run("UnknownFields", s.testUnknownFields)
	t.Run("BadTarget", s.testBadTarget)
	t.Run("Limits", s.testLimits)
	t.Run("Malformed", s.testMalformed)
	t.Run("Garbage", s.testGarbage)
	t.Run("Concurrent", s.testConcurrent)
}

type suite struct {
	codec codec.Codec
	opts  Options
}

func (s *suite) carries(k Kind) bool { return !slices.Contains(s.opts.Refuses, k) }

func (s *suite) untyped(k Kind) bool {
	return s.carries(k) && k != Time && k != Struct && !slices.Contains(s.opts.Typed, k)
}

// each runs f as a subtest for every sample of a kind that want selects.
func (s *suite) each(t *testing.T, want func(Kind) bool, f func(t *testing.T, sample Sample)) {
	for _, sample := range Samples() {
		if want(sample.Kind) {
			t.Run(sample.Name, func(t *testing.T) { f(t, sample) })
		}
	}
}

func (s *suite) append(t *testing.T, dst []byte, v any) []byte {
	t.Helper()
	data, err := s.codec.Append(dst, v)
	if err != nil {
		t.Fatalf("Append(%T %v): %v; declare the kind in Options.Refuses if the codec does not carry it", v, v, err)
	}
	return data
}

func (s *suite) testID(t *testing.T) {
	if err := s.codec.ID().Validate(); err != nil {
		t.Error(err)
	}
	if a, b := s.codec.ID(), s.codec.ID(); a != b {
		t.Errorf("ID changes: %q, then %q", a, b)
	}
}

// testUntyped: decoding into *any gives exactly the value model.
func (s *suite) testUntyped(t *testing.T) {
	s.each(t, s.untyped, func(t *testing.T, sample Sample) {
		var got any
		data := s.append(t, nil, sample.Value)
		if err := s.codec.Decode(data, &got); err != nil {
			t.Fatalf("Decode(%q): %v", data, err)
		}
		if !Equal(got, sample.Plain) {
			t.Errorf("Decode into *any:\n got %T %#v\nwant %T %#v", got, got, sample.Plain, sample.Plain)
		}
	})
}

// testTyped: a value decodes into its own Go type.
func (s *suite) testTyped(t *testing.T) {
	s.each(t, s.carries, func(t *testing.T, sample Sample) {
		if sample.Value == nil {
			return
		}
		got := reflect.New(reflect.TypeOf(sample.Value))
		data := s.append(t, nil, sample.Value)
		if err := s.codec.Decode(data, got.Interface()); err != nil {
			t.Fatalf("Decode(%q) into %s: %v", data, got.Type(), err)
		}
		if !Equal(got.Elem().Interface(), sample.Value) {
			t.Errorf("Decode into %s:\n got %#v\nwant %#v", got.Type(), got.Elem(), sample.Value)
		}
	})
}

// testRefused: what is not carried is refused, and dst comes back as it was.
func (s *suite) testRefused(t *testing.T) {
	refused := func(k Kind) bool { return !s.carries(k) }
	check := func(t *testing.T, v any) {
		dst, err := s.codec.Append([]byte("before"), v)
		if !errors.Is(err, codec.ErrValue) {
			t.Errorf("Append(%T): got error %v, want one that matches codec.ErrValue", v, err)
		}
		if string(dst) != "before" {
			t.Errorf("Append(%T) failed and returned %q, want dst as it was", v, dst)
		}
	}
	s.each(t, refused, func(t *testing.T, sample Sample) { check(t, sample.Value) })
	t.Run("chan", func(t *testing.T) { check(t, make(chan int)) })
	t.Run("func", func(t *testing.T) { check(t, func() {}) })
	t.Run("complex", func(t *testing.T) { check(t, complex(1, 2)) })
	if s.carries(List) {
		t.Run("chan in a list", func(t *testing.T) { check(t, []any{1, make(chan int)}) })
	}
	if s.carries(Struct) {
		t.Run("chan in a struct", func(t *testing.T) { check(t, struct{ C chan int }{make(chan int)}) })
	}
}

func (s *suite) testAppendKeepsPrefix(t *testing.T) {
	s.each(t, s.carries, func(t *testing.T, sample Sample) {
		alone := s.append(t, nil, sample.Value)
		after := s.append(t, []byte("prefix"), sample.Value)
		if !bytes.HasPrefix(after, []byte("prefix")) {
			t.Fatalf("Append changed what dst held: %q", after)
		}
		if !bytes.Equal(after[len("prefix"):], alone) {
			t.Errorf("Append after a prefix gives %q, alone %q", after[len("prefix"):], alone)
		}
	})
}

// testAppendInPlace: room in dst is used.
func (s *suite) testAppendInPlace(t *testing.T) {
	s.each(t, s.carries, func(t *testing.T, sample Sample) {
		dst := make([]byte, 1, 1<<16)
		out := s.append(t, dst, sample.Value)
		if &out[0] != &dst[0] {
			t.Errorf("Append allocated although dst had room for %d bytes more", cap(dst)-len(dst))
		}
	})
}

// testRetainsNothing: what was decoded does not change with the input, and the
// input is not changed.
func (s *suite) testRetainsNothing(t *testing.T) {
	s.each(t, s.carries, func(t *testing.T, sample Sample) {
		targets := []reflect.Value{reflect.ValueOf(new(any))}
		if sample.Value != nil {
			targets = append(targets, reflect.New(reflect.TypeOf(sample.Value)))
		}
		for _, target := range targets {
			data := s.append(t, nil, sample.Value)
			before := bytes.Clone(data)
			if err := s.codec.Decode(data, target.Interface()); err != nil {
				t.Fatalf("Decode(%q) into %s: %v", data, target.Type(), err)
			}
			if !bytes.Equal(data, before) {
				t.Fatalf("Decode changed its input from %q to %q", before, data)
			}
			want := fmt.Sprintf("%#v", target.Elem())
			for i := range data {
				data[i] = '#'
			}
			if got := fmt.Sprintf("%#v", target.Elem()); got != want {
				t.Errorf("the decoded value changed with the input:\n got %s\nwant %s", got, want)
			}
		}
	})
}

func (s *suite) testUnknownFields(t *testing.T) {
	if !s.carries(Struct) {
		return
	}
	data := s.append(t, nil, map[string]any{"name": "k", "unknown": map[string]any{"deep": []any{int64(1)}}})
	var got struct {
		Name string `json:"name"`
	}
	if err := s.codec.Decode(data, &got); err != nil || got.Name != "k" {
		t.Errorf("Decode of a map with an unknown key into a struct: %+v, %v; want the rest decoded", got, err)
	}
}

func (s *suite) testBadTarget(t *testing.T) {
	data := s.append(t, nil, firstCarried(s).Value)
	for _, into := range []any{nil, 1, "", (*any)(nil), (*string)(nil), (*[]byte)(nil), (*struct{})(nil), map[string]any{}} {
		if err := s.codec.Decode(data, into); !errors.Is(err, codec.ErrType) {
			t.Errorf("Decode into %T: got error %v, want one that matches codec.ErrType", into, err)
		}
	}
}

func firstCarried(s *suite) Sample {
	for _, sample := range Samples() {
		if s.carries(sample.Kind) {
			return sample
		}
	}
	panic("the codec carries nothing")
}

func (s *suite) testLimits(t *testing.T) {
	if s.opts.Unlimited {
		return
	}
	limits := s.opts.Limits.WithDefaults()
	if s.carries(List) {
		s.checkLimit(t, "depth of lists", nest(limits.Depth, list), nest(limits.Depth+1, list))
		s.checkLimit(t, "elements of a list", make([]any, limits.Elements), make([]any, limits.Elements+1))
	}
	if s.carries(Map) {
		s.checkLimit(t, "depth of maps", nest(limits.Depth, single), nest(limits.Depth+1, single))
		ring := map[string]any{}
		ring["self"] = ring
		s.checkLimit(t, "map that holds itself", nil, ring)
	}
	if s.carries(Struct) {
		type node struct{ Next *node }
		ring := &node{}
		ring.Next = ring
		if _, err := s.codec.Append(nil, ring); err == nil {
			t.Error("a struct that points to itself is encoded; want an error")
		}
	}
}

func list(v any) any   { return []any{v} }
func single(v any) any { return map[string]any{"k": v} }

func nest(depth int, wrap func(any) any) any {
	var v any = int64(1)
	for range depth {
		v = wrap(v)
	}
	return v
}

func (s *suite) checkLimit(t *testing.T, name string, within, beyond any) {
	t.Helper()
	if within != nil {
		var got any
		data := s.append(t, nil, within)
		if err := s.codec.Decode(data, &got); err != nil {
			t.Errorf("%s: what is within the limit is refused: %v", name, err)
		}
	}
	if _, err := s.codec.Append(nil, beyond); !errors.Is(err, codec.ErrLimit) {
		t.Errorf("%s: got error %v beyond the limit, want one that matches codec.ErrLimit", name, err)
	}
}

func (s *suite) testMalformed(t *testing.T) {
	for _, data := range s.opts.Malformed {
		for _, into := range targets() {
			err := s.codec.Decode(data, into)
			if !errors.Is(err, codec.ErrMalformed) && !errors.Is(err, codec.ErrLimit) {
				t.Errorf("Decode(%q) into %T: got error %v, want one that matches codec.ErrMalformed or ErrLimit", data, into, err)
			}
		}
	}
}

func targets() []any {
	return []any{new(any), new(record), new([]record), new(map[string]record), new(map[string]any), new([]byte), new(string), new(int8), new(float32)}
}

// testGarbage: no input makes Decode panic, and what it accepts without a type
// it encodes again.
func (s *suite) testGarbage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	try := func(data []byte) {
		for _, into := range targets() {
			defer func() {
				if r := recover(); r != nil {
					t.Fatalf("Decode(%q) into %T panics: %v", data, into, r)
				}
			}()
			err := s.codec.Decode(data, into)
			if v, ok := into.(*any); ok && err == nil {
				s.append(t, nil, *v)
			}
		}
	}
	for _, sample := range Samples() {
		if !s.carries(sample.Kind) {
			continue
		}
		data := s.append(t, nil, sample.Value)
		for n := range min(len(data), 200) {
			try(data[:n])
		}
		for range 50 {
			try(mutate(rng, data))
		}
	}
	for range 500 {
		try(mutate(rng, make([]byte, rng.IntN(40))))
	}
}

func mutate(rng *rand.Rand, data []byte) []byte {
	out := bytes.Clone(data)
	for range 1 + len(out)/8 {
		if len(out) > 0 {
			out[rng.IntN(len(out))] = byte(rng.Uint32())
		}
	}
	return out
}

func (s *suite) testConcurrent(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { // ends after a fixed number of rounds
			for range 20 {
				s.roundTrips(t)
			}
		})
	}
	wg.Wait()
}

func (s *suite) roundTrips(t *testing.T) {
	for _, sample := range Samples() {
		if !s.untyped(sample.Kind) || sample.Large {
			continue
		}
		var got any
		data, err := s.codec.Append(nil, sample.Value)
		if err == nil {
			err = s.codec.Decode(data, &got)
		}
		if err != nil || !Equal(got, sample.Plain) {
			t.Errorf("%s, many goroutines at once: got %#v, %v, want %#v", sample.Name, got, err, sample.Plain)
			return
		}
	}
}
