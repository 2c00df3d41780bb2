package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	codecjson "github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// member is a registry that is joined to a router in memory.
type member struct {
	reg *sig.Registry
	cr  *router.ClientRouter
}

func (m *member) Registry() *sig.Registry { return m.reg }
func (m *member) Close()                  { m.cr.Close(); m.reg.Close() }

func (m *member) Connect(ctx context.Context, name sig.Name, spec sig.Spec) (*sig.Sender, error) {
	s, err := m.reg.Connect(name, spec)
	if err != nil {
		return nil, err
	}
	return s, m.reg.Sync(ctx)
}

// hub runs a router and returns what dials it.
func hub(t *testing.T, c codec.Codec) Dial {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	network := mem.New()
	reg := sig.New(nil)
	srv, err := router.NewServerRouter(reg, &router.ServerOptions{Carriers: []carrier.Carrier{network}, Codecs: []codec.Codec{c}, Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { srv.Close(); reg.Close() })
	addr, err := srv.Listen(t.Context(), "mem://hub")
	require.NoError(t, err)
	return func(ctx context.Context) (Client, error) {
		m := &member{reg: sig.New(nil)}
		m.cr, err = router.NewClientRouter(m.reg, []string{addr}, &router.ClientOptions{Carriers: []carrier.Carrier{network}, Codecs: []codec.Codec{c}, Logger: quiet})
		require.NoError(t, err)
		if err := m.cr.WaitConnected(ctx); err != nil {
			m.Close()
			return nil, err
		}
		return m, nil
	}
}

// runUntilSeen runs until something was delivered behind the warm-up, however
// slow the machine is.
func runUntilSeen(t *testing.T, c Config, dial Dial) (*Result, error) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.Warmup, c.For = Duration(time.Millisecond), Duration(time.Hour)
	calls, before := 0, uint64(0)
	return Run(ctx, c, dial, func(_ float64, delivered uint64) {
		switch calls++; {
		case calls == 1:
			before = delivered
		case delivered > before:
			cancel()
		}
	})
}

func TestPatterns(t *testing.T) {
	for _, p := range Patterns {
		for _, c := range []codec.Codec{cbor.New(), codecjson.New(), raw.New()} {
			for _, rate := range []float64{0, 2000} {
				t.Run(fmt.Sprintf("%s %s %v", p, c.ID(), rate), func(t *testing.T) {
					config := Config{Pattern: p, Clients: 3, Senders: 2, Size: 64, Rate: rate}
					if p == Requests {
						config.Callers = 2
					} else {
						config.Events = 3
					}
					r, err := runUntilSeen(t, config, hub(t, c))
					require.NoError(t, err)
					assert.Positive(t, r.Delivered)
					assert.Positive(t, r.PerSecond)
					assert.Positive(t, r.Latency.Samples)
					assert.LessOrEqual(t, r.Latency.P50, r.Latency.P99)
					assert.LessOrEqual(t, r.Latency.P99, r.Latency.Max)
					assert.Zero(t, r.Unaccounted, "P7: what was sent arrived, or is announced as lost")
					assert.Zero(t, r.Lost, "a window, or a low rate, loses nothing")
					assert.Zero(t, r.Failed)
					assert.Equal(t, rate > 0, r.Late != nil)
					assert.Contains(t, r.Text(), "p99.9")
				})
			}
		}
	}
}

// More than anybody can take: what does not arrive is announced, to the last.
func TestOverload(t *testing.T) {
	r, err := runUntilSeen(t, Config{Pattern: OneToMany, Clients: 2, Size: 1 << 10, Rate: 1e9}, hub(t, raw.New()))
	require.NoError(t, err)
	assert.Zero(t, r.Unaccounted)
	assert.Less(t, r.Offered, 1e9)
	assert.Positive(t, r.Latency.Samples, "what was late counts")
	assert.Contains(t, r.Text(), "not the 1,000,000,000 that were asked for")
}

func TestInterrupted(t *testing.T) {
	dial := hub(t, raw.New())
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Run(ctx, Config{For: Duration(time.Hour)}, dial, func(_ float64, delivered uint64) {
		if delivered > 0 {
			cancel()
		}
	})
	require.NoError(t, err)
	assert.True(t, r.Interrupted)
	assert.Less(t, r.Seconds, 3600.0)
	assert.Positive(t, r.Delivered)
	assert.Zero(t, r.Unaccounted)
	assert.Contains(t, r.Title(), "interrupted")

	ctx, cancel = context.WithCancel(t.Context())
	_, err = Run(ctx, Config{Warmup: Duration(time.Hour)}, dial, func(float64, uint64) { cancel() })
	assert.ErrorContains(t, err, "before anything was measured")
	_, err = Run(ctx, Config{}, dial, nil)
	assert.ErrorIs(t, err, context.Canceled)
}

// refusing is a router that does not like our names.
type refusing struct{ Client }

func (refusing) Connect(context.Context, sig.Name, sig.Spec) (*sig.Sender, error) {
	return nil, sig.ErrDenied
}

func TestRefused(t *testing.T) {
	dial := hub(t, raw.New())
	for _, p := range Patterns {
		_, err := Run(t.Context(), Config{Pattern: p}, func(ctx context.Context) (Client, error) {
			c, err := dial(ctx)
			return refusing{c}, err
		}, nil)
		assert.ErrorIs(t, err, sig.ErrDenied)
		assert.ErrorContains(t, err, "connect the sender bench/")
	}
	away := errors.New("nobody there")
	_, err := Run(t.Context(), Config{}, func(context.Context) (Client, error) { return nil, away }, nil)
	assert.ErrorIs(t, err, away)
}

// failing answers every request with an error.
type failing struct{ Client }

func (f failing) Connect(ctx context.Context, name sig.Name, _ sig.Spec) (*sig.Sender, error) {
	return f.Client.Connect(ctx, name, sig.Spec{Default: func(context.Context, *sig.Request) (any, error) {
		return nil, sig.NewError(sig.CodeBusy, "come again")
	}})
}

func TestRequestsThatFail(t *testing.T) {
	dial := hub(t, raw.New())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Run(ctx, Config{Pattern: Requests, For: Duration(time.Hour)}, func(ctx context.Context) (Client, error) {
		c, err := dial(ctx)
		return failing{c}, err
	}, func(float64, uint64) { cancel() }) // the measuring has begun
	assert.ErrorIs(t, err, sig.ErrBusy)
	assert.ErrorContains(t, err, "every request failed")
}

func TestTooLargeForTheRouter(t *testing.T) {
	_, err := Run(t.Context(), Config{Size: 2 << 20}, hub(t, raw.New()), nil)
	assert.ErrorIs(t, err, sig.ErrTooLarge)
}

func TestValidate(t *testing.T) {
	assert.NoError(t, Config{}.Validate())
	for want, c := range map[string]Config{
		"clients": {Clients: -1}, "size: 7": {Size: 7}, "senders": {Senders: 257}, "events: 1025": {Events: 1025},
		"for": {For: -1}, "warmup": {Warmup: -1}, "rate": {Rate: -1}, "callers: only": {Callers: 2}, "window": {Window: -1},
		"events: the pattern": {Pattern: Requests, Events: 2},
	} {
		assert.ErrorContains(t, c.Validate(), want)
	}
	_, err := Run(t.Context(), Config{Pattern: "2-2"}, nil, nil)
	assert.ErrorContains(t, err, `"2-2" is not one of`)
}

// fakeNapper lets no time go by but that of a fake clock.
type fakeNapper struct{ now *time.Duration }

func (n fakeNapper) nap(_ context.Context, d time.Duration) bool { *n.now += d; return true }
func (fakeNapper) close()                                        {}

func TestNappers(t *testing.T) {
	for _, n := range []napper{newNapper(), timerNapper{}} {
		begin := time.Now()
		assert.True(t, n.nap(t.Context(), 3*time.Millisecond))
		assert.GreaterOrEqual(t, time.Since(begin), 3*time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		assert.False(t, n.nap(ctx, time.Hour))
		n.close()
	}
}

// A stall is not left out: what came due in it counts from when it was due.
func TestScheduleDoesNotOmit(t *testing.T) {
	now := time.Duration(0)
	c := &clock{fake: func() time.Duration { return now }}
	c.span.Store(&times{end: time.Hour})
	s := newSchedule(1000, 1, 2) // every 2 ms, from 1 ms on
	s.napper.close()
	s.napper = fakeNapper{&now}
	var due, at []time.Duration
	stop := errors.New("enough")
	err := s.pace(t.Context(), c, func(d time.Duration) error {
		due, at = append(due, d), append(at, now)
		if len(due) == 2 {
			now += 5 * time.Millisecond // somebody holds it up
		}
		if len(due) == 6 {
			return stop
		}
		return nil
	})
	require.ErrorIs(t, err, stop)
	ms := func(n ...int) (all []time.Duration) {
		for _, v := range n {
			all = append(all, time.Duration(v)*time.Millisecond)
		}
		return all
	}
	assert.Equal(t, ms(1, 3, 5, 7, 9, 11), due, "every one is due in its time")
	assert.Equal(t, ms(1, 3, 8, 8, 9, 11), at, "what was held up follows at once")
	assert.Equal(t, 3*time.Millisecond, s.late.Max())
	assert.EqualValues(t, 6, s.late.Count())
	assert.Nil(t, newSchedule(0, 0, 1))
	assert.Zero(t, (*schedule)(nil).lateness().Count())
}

func TestResultSurvivesJSON(t *testing.T) {
	r, err := runUntilSeen(t, Config{Rate: 1000}, hub(t, raw.New()))
	require.NoError(t, err)
	b, err := json.Marshal(r)
	require.NoError(t, err)
	back, err := Parse(append([]byte("{\"an earlier\":\"line\"}\n"), b...))
	require.NoError(t, err)
	assert.Equal(t, r, back)
}
