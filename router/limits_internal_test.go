package router

import (
	"bytes"
	"log/slog"
	"math"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestEveryLimitIsInTheList: the list of fields is what defaults, overrides and
// pages are made from.
func TestEveryLimitIsInTheList(t *testing.T) {
	var l Limits
	fields := l.fields()
	require.Len(t, fields, reflect.TypeFor[Limits]().NumField())
	require.Len(t, fields, int(limitCount))
	seen := map[any]bool{}
	for i, f := range fields {
		require.Equal(t, Limit(i), f.limit)
		require.NotEmpty(t, f.limit.String())
		var at any = f.number
		if f.duration != nil {
			at = f.duration
		}
		require.False(t, seen[at], "%s is another one's field", f.limit)
		seen[at] = true
	}
}

func TestLimitsOfASpecialClient(t *testing.T) {
	l := Limits{Senders: 3, Keepalive: time.Second}.WithDefaults()
	got := l.With(Limits{Keepalive: 2 * time.Second, Rate: 7})
	want := l
	want.Keepalive, want.Rate = 2*time.Second, 7
	require.Equal(t, want, got)
	require.Equal(t, 14, got.WithDefaults().Burst)
}

func TestLimitsThatCannotBe(t *testing.T) {
	for _, row := range []struct {
		limits Limits
		want   string
	}{
		{Limits{Senders: -1}, "senders is negative"},
		{Limits{Dead: -1}, "dead is negative"},
		{Limits{Keepalive: 50 * time.Second}, "Dead (40s) must be longer than Keepalive (50s)"},
		{Limits{MaxFrame: 1024}, "MaxFrame (1024) is smaller than HelloFrame (4096)"},
		{Limits{UnauthenticatedBytes: 100}, "nobody could connect"},
		{Limits{Burst: 5}, "Burst (5) has no effect without Rate"},
	} {
		err := row.limits.Validate()
		require.ErrorIs(t, err, sig.ErrLimit, row.want)
		require.ErrorContains(t, err, row.want)
	}
}

// TestShareOfMemory: a quarter of what the runtime has been told there is.
func TestShareOfMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	debug.SetMemoryLimit(math.MaxInt64)
	require.Equal(t, 1<<30, Limits{}.WithDefaults().OutboundTotal)
	debug.SetMemoryLimit(8 << 30)
	require.Equal(t, 2<<30, Limits{}.WithDefaults().OutboundTotal)
	require.Equal(t, 5, Limits{OutboundTotal: 5}.WithDefaults().OutboundTotal)
}

// TestALimitIsLoggedOnceASecond, and counted every time.
func TestALimitIsLoggedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var c counters
		for range 3 {
			for range 1000 {
				c.hit(log, LimitSenders, "peer", "p")
			}
			c.hit(log, LimitFrame)
			time.Sleep(time.Second)
		}
		require.Equal(t, 3, strings.Count(out.String(), "limit=senders peer=p"), out.String())
		require.Equal(t, 3, strings.Count(out.String(), "limit=frame"))
		require.Equal(t, 2, strings.Count(out.String(), "not_logged=999"))
		st := c.snapshot()
		require.EqualValues(t, 3000, st.Limits[LimitSenders])
		require.EqualValues(t, 3003, st.LimitHits)
	})
}

// TestAllowance: what is saved up, what is owed, and that whoever comes again
// does not begin anew.
func TestAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all buckets
		a := all.join("plant", 10, 20)
		require.Zero(t, a.take(20, time.Now()))
		require.Equal(t, 500*time.Millisecond, a.take(5, time.Now()))
		b := all.join("plant", 10, 20)
		require.Same(t, a, b, "all connections of a principal share it")
		all.leave(a)
		all.leave(b)
		require.Same(t, a, all.join("plant", 10, 20))
		all.leave(a)
		require.NotSame(t, all.join("", 10, 20), all.join("", 10, 20), "of whom nothing is known")
		time.Sleep(time.Second)
		require.Zero(t, a.take(5, time.Now()), "10 have come, 5 were owed")
		time.Sleep(time.Hour)
		require.Zero(t, a.take(20, time.Now()))
		require.Positive(t, a.take(1, time.Now()), "no more is saved up than Burst")
		require.Equal(t, 500*time.Millisecond, a.part(5), "of one connection's own")
		all.sweep = 0
		time.Sleep(time.Hour)
		all.join("other", 10, 20)
		require.Len(t, all.of, 1, "one that is full and not used is forgotten")
	})
}

// TestConnecting: a principal has a burst, and then a rate; a refusal costs nothing of
// it, another principal and whoever is nobody do not notice.
func TestConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all buckets
		come := func(key string) (n int) {
			for range 100 {
				if all.spend(key, 2, 5) {
					n++
				}
			}
			return n
		}
		require.Equal(t, 5, come("plant"))
		require.Equal(t, 5, come("other"))
		require.Equal(t, 100, come(""))
		time.Sleep(500 * time.Millisecond)
		require.Equal(t, 1, come("plant"))
		time.Sleep(time.Hour)
		require.Equal(t, 5, come("plant"), "no more is saved up than ConnectBurst")
	})
}

// TestDefaultsThatFollow from what is stated, also for somebody special.
func TestDefaultsThatFollow(t *testing.T) {
	l := Limits{}.WithDefaults()
	require.Equal(t, []int{512, 25}, []int{l.ConnectBurst, l.ConnectRate}, "all that one address may have, twice, and in 20 s")
	r := &ServerRouter{stated: Limits{ConnectionsPerIP: 1000}, limitsFor: func(who ClientInfo) Limits {
		if who.Name == "fleet" {
			return Limits{ConnectionsPerID: 5000, Rate: 10}
		}
		return Limits{}
	}}
	r.limits = r.stated.WithDefaults()
	require.Equal(t, []int{2000, 100, 0}, burstsOf(r.limitsOf(ClientInfo{})))
	require.Equal(t, []int{10_000, 500, 20}, burstsOf(r.limitsOf(ClientInfo{Name: "fleet"})))
	require.Equal(t, math.MaxInt32-1, Limits{ConnectionsPerID: math.MaxInt}.WithDefaults().ConnectBurst)
}

func burstsOf(l *Limits) []int { return []int{l.ConnectBurst, l.ConnectRate, l.Burst} }

// TestReserve: all peers together have a bound; who has more than an equal part
// of it is told so when it grows, and who has little is not.
func TestReserve(t *testing.T) {
	l := &link{stats: &counters{}}
	l.stats.reserve.bound = 10 * reserveStep
	waits := func(s *session, n int) (int, bool) { s.out.bytes = n; return s.settleLocked() }
	var large, small, third session
	for _, s := range []*session{&large, &small, &third} {
		s.link = l
	}
	_, over := waits(&large, 9*reserveStep)
	require.False(t, over)
	_, over = waits(&small, reserveStep-1)
	require.False(t, over)
	require.EqualValues(t, 9*reserveStep, l.stats.reserve.used.Load(), "little is not counted")
	part, over := waits(&third, 2*reserveStep)
	require.True(t, over)
	require.Equal(t, 5*reserveStep, part, "more than it has: it keeps it")
	part, over = waits(&large, 10*reserveStep)
	require.True(t, over)
	require.Equal(t, 5*reserveStep, part)
	_, over = waits(&large, 4*reserveStep)
	require.False(t, over)
	for _, s := range []*session{&large, &small, &third} {
		s.unreserveLocked()
	}
	require.Zero(t, l.stats.reserve.used.Load())
	require.Zero(t, l.stats.reserve.holders.Load())
}
