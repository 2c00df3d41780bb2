package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// What the largest frame, 1 MiB, leaves for the payload of an EVENT and of a
// REQUEST: their other fields may take as much as this.
const (
	eventRoom   = 1<<20 - 6
	requestRoom = 1<<20 - 283
)

// sized makes a payload that has so many bytes once it is encoded.
func sized(t testing.TB, c codec.ID, encoded int) any {
	t.Helper()
	text := strings.Repeat("0123456789abcdef", encoded/16+1)
	var v any
	switch c {
	case "json":
		v = text[:encoded-2]
	case "cbor":
		v = []byte(text[:encoded-5])
	default:
		v = []byte(text[:encoded])
	}
	data, err := codecs[c].Append(nil, v)
	require.NoError(t, err)
	require.Len(t, data, encoded)
	return v
}

// small is a payload that every codec has.
func small(c codec.ID, text string) any {
	if c == "raw" {
		return []byte(text)
	}
	return text
}

// site is a carrier to test over: where a server is, and how to get there.
type site struct {
	name string
	dial func(t testing.TB, c codec.ID, edit func(*router.ClientOptions)) *client
}

// sites has a server on each carrier: "gosig serve" on those that leave a process,
// and a server of this process on mem.
func sites(t *testing.T) []site {
	network := mem.New()
	listen(t, router.Limits{}, network, "mem://hub")
	at := func(addr string) func(testing.TB, codec.ID, func(*router.ClientOptions)) *client {
		return func(t testing.TB, c codec.ID, edit func(*router.ClientOptions)) *client {
			cl := join(t, c, []string{addr}, func(o *router.ClientOptions) {
				o.Carriers = append(o.Carriers, network)
				o.Limits.WriteTimeout, o.Limits.SyncPatience = time.Minute, time.Minute
				if edit != nil {
					edit(o)
				}
			})
			require.NoError(t, cl.router.WaitConnected(patient(t)))
			return cl
		}
	}
	all := []site{{"mem", at("mem://hub")}}
	for _, m := range serveEverywhere(t) {
		all = append(all, site{m.scheme, at(m.addr)})
	}
	return all
}

// everywhere runs a test over every carrier with every codec.
func everywhere(t *testing.T, test func(t *testing.T, s site, c codec.ID)) {
	t.Parallel()
	all := sites(t)
	for _, s := range all {
		for _, c := range []codec.ID{"json", "cbor", "raw"} {
			t.Run(s.name+" "+string(c), func(t *testing.T) { test(t, s, c) })
		}
	}
}

// TestLargestPayload: what just fits arrives as it was; one byte more is an
// error that says so to whoever sent it, and a #lost to who would have got it.
func TestLargestPayload(t *testing.T) {
	everywhere(t, func(t *testing.T, s site, c codec.ID) {
		t.Parallel()
		from, to := s.dial(t, c, nil), s.dial(t, c, nil)
		name := sig.Name("large/" + s.name + "/" + string(c))
		heard := make(chan sig.Event, 16) // more than are emitted
		sub, err := sig.Subscribe(to.Registry, name, "n", func(ev sig.Event) { heard <- ev }, nil)
		require.NoError(t, err)
		require.NoError(t, sub.InForce(patient(t)))
		sender := from.connect(t, name, sig.Spec{
			Events: []sig.Name{"n"},
			Requests: map[sig.Name]sig.RequestHandler{
				"echo":   func(_ context.Context, r *sig.Request) (any, error) { return sig.Data[any](r.Data) },
				"larger": func(context.Context, *sig.Request) (any, error) { return sized(t, c, requestRoom+1), nil },
			},
		})
		fits, over := sized(t, c, eventRoom), sized(t, c, eventRoom+1)

		require.NoError(t, sender.Emit("n", fits))
		err = sender.Emit("n", over)
		require.ErrorIs(t, err, sig.ErrTooLarge)
		require.ErrorContains(t, err, fmt.Sprintf("too large: n of %s has %d bytes; the peer takes %d", name, eventRoom+1, eventRoom))
		err = sender.EmitWait(patient(t), "n", over)
		require.ErrorIs(t, err, sig.ErrTooLarge)
		require.NoError(t, sender.EmitWait(patient(t), "n", fits))
		require.NoError(t, sender.Emit("n", small(c, "after")))

		same(t, fits, (<-heard).Data)
		for range 2 {
			lost, ok := (<-heard).Data.(sig.Lost)
			require.True(t, ok, "want a #lost in the place of what was too large")
			require.EqualValues(t, 1, lost.Count)
			require.Equal(t, sig.LossBadPayload, lost.Reason)
		}
		same(t, fits, (<-heard).Data)
		same(t, small(c, "after"), (<-heard).Data)

		to.knows(t, name)
		fits, over = sized(t, c, requestRoom), sized(t, c, requestRoom+1)
		answer, err := to.Request(patient(t), name, "echo", fits)
		require.NoError(t, err)
		answer, err = sig.Data[any](answer)
		require.NoError(t, err)
		same(t, fits, answer)
		_, err = to.Request(patient(t), name, "echo", over)
		require.ErrorIs(t, err, sig.ErrTooLarge)
		require.ErrorContains(t, err, fmt.Sprintf("has %d bytes; the peer takes %d", requestRoom+1, requestRoom))
		_, err = to.Request(patient(t), name, "larger", small(c, "please"))
		require.ErrorIs(t, err, sig.ErrTooLarge, "the caller is told that the answer was too large")
	})
}

// same compares without printing a megabyte.
func same(t *testing.T, want, got any) {
	t.Helper()
	require.True(t, reflect.DeepEqual(want, got), "got a %s, want a %s, the same", outline(got), outline(want))
}

// outline is a payload in a few words, its size for its text.
func outline(v any) string {
	if rv := reflect.ValueOf(v); rv.IsValid() && (rv.Kind() == reflect.String || rv.Kind() == reflect.Slice) {
		return fmt.Sprintf("%T of %d bytes", v, rv.Len())
	}
	return fmt.Sprintf("%T %+v", v, v)
}

// burst is how many events arrive whole and in order. The race detector makes
// each cost ten times as much.
func burst() uint64 {
	if raceEnabled {
		return 20_000
	}
	return 100_000
}

// TestBurst emits from one goroutine as fast as it can, with the limits everybody
// gets: without waiting, and held back.
func TestBurst(t *testing.T) {
	long(t)
	everywhere(t, func(t *testing.T, s site, c codec.ID) {
		from, to := s.dial(t, c, nil), s.dial(t, c, nil)
		for name, emit := range map[string]emission{"plain": plain, "held": heldBack} {
			sender := sig.Name(strings.Join([]string{"burst", s.name, string(c), name}, "/"))
			heard := follow(t, to, sender, nil)
			k := count(t, from, sender, c, emit, burst())
			heard.whole(t, k.finished(t))
			require.EqualValues(t, burst(), heard.told())
		}
	})
}

// TestOverflow emits at least 40 MB without waiting, to a subscriber that is too slow:
// what the buffers can not hold is lost, and each loss is announced with its
// size, so that the numbers add up.
func TestOverflow(t *testing.T) {
	long(t)
	t.Parallel()
	p := serve(t, "--listen", "tcp://127.0.0.1:0")
	from, to, other := dial(t, "cbor", p.addrs), dial(t, "cbor", p.addrs), dial(t, "cbor", p.addrs)
	slow, emitted := &story{next: 1}, make(chan struct{}) // closed when everything has been
	sub, err := sig.Subscribe(to.Registry, "flood", sig.Any, func(ev sig.Event) {
		<-emitted
		slow.hear(ev)
	}, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(patient(t)))
	beside := follow(t, other, "flood", nil)
	sender := from.connect(t, "flood", sig.Spec{Events: []sig.Name{"n"}})
	events := burst()
	for n := uint64(1); n <= events; n++ {
		require.NoError(t, sender.Emit("n", append(binary.BigEndian.AppendUint64(nil, n), make([]byte, 2048)...)))
	}
	close(emitted)
	// A last one, held back, comes after all that were lost.
	require.NoError(t, sender.EmitWait(patient(t), "n", binary.BigEndian.AppendUint64(nil, events+1)))
	slow.complete(t, events+1)
	beside.complete(t, events+1)
	require.Positive(t, slow.count("#lost"), "the story: %s", slow)
	require.NotContains(t, slow.reasons(), sig.LossConnection)
}
