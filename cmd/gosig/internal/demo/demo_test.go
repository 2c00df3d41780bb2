package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/sig"
)

// The whole story, told quickly; nothing of it is left afterwards.
func TestRunTellsTheStoryAndCleansUp(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var out bytes.Buffer
	require.NoError(t, Run(t.Context(), Options{Out: &out, For: 1500 * time.Millisecond}))
	for _, p := range posts {
		assert.Regexp(t, `(?m)^  `+p.scheme+`://\S+ +protected by \w+`, out.String())
		assert.Regexp(t, fmt.Sprintf(`event +%s +%s +-> `, p.sender, p), out.String(), "sent by "+p.scheme)
		assert.Regexp(t, fmt.Sprintf(`event +\S+ +\w+ \w+ +-> %s `, p), out.String(), "heard by "+p.scheme)
		assert.Regexp(t, fmt.Sprintf(`(?m)^  %s +%s +[1-9]`, p.sender, p.scheme), out.String(), "in the table")
	}
	assert.Regexp(t, `disconnect +host/process .*because: restarting`, out.String())
	assert.Regexp(t, `reply +host/`, out.String())
	assert.Regexp(t, strconv.Itoa(len(posts))+` clients on `+strconv.Itoa(len(posts))+` carriers emitted \d+ events\. Everybody heard everybody:\n(\d+) of \d+ arrived, 0 were lost`, out.String())
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, " -> ") {
			assert.LessOrEqual(t, len(line), 105, "fits a terminal: %q", line)
		}
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left, "the folder of the unix socket and of the keys")
}

// Every carrier has carried events to every other one: as many as were emitted.
func TestEveryCarrierIsHeardOnEveryOther(t *testing.T) {
	defer goleak.VerifyNone(t)
	d := newDemo(Options{Out: io.Discard, For: 100 * time.Millisecond})
	require.NoError(t, d.build(t.Context()))
	require.NoError(t, d.play(t.Context()))
	require.NoError(t, d.finish())
	for from, s := range d.stations {
		assert.Positive(t, s.emitted, s.post.scheme)
		for to, other := range d.stations {
			h := other.heard()[from]
			if from == to {
				assert.Zero(t, h, "nobody hears itself through the router")
				continue
			}
			assert.Equal(t, s.emitted, h.events, "%s to %s", s.post.scheme, other.post.scheme)
			assert.Equal(t, []int{h.came, h.left}, []int{max(h.came, 1), h.came}, "%s has seen %s come and go", other.post.scheme, s.post.scheme)
		}
	}
	require.NoError(t, d.close())
}

// One carrier that fails is a failed demo, and the error says which.
func TestOneCarrierFails(t *testing.T) {
	for i, p := range posts {
		t.Run(p.scheme, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			d := newDemo(Options{Out: io.Discard, For: time.Hour})
			require.NoError(t, d.build(t.Context()))
			require.NoError(t, d.round(t.Context(), 0))
			d.stations[i].fail(errors.New("cut"))
			err := d.play(t.Context())
			assert.ErrorContains(t, err, "carrier "+p.scheme+": cut")
			assert.ErrorContains(t, d.finish(), "carrier "+p.scheme+": cut")
			require.NoError(t, d.close())
		})
	}
}

// A router that is gone is noticed by everybody.
func TestRouterGone(t *testing.T) {
	defer goleak.VerifyNone(t)
	d := newDemo(Options{Out: io.Discard})
	require.NoError(t, d.build(t.Context()))
	require.NoError(t, d.hub.server.Close())
	for _, s := range d.stations {
		select {
		case <-s.intact.Done():
		case <-time.After(patience):
			t.Fatalf("%s has not noticed", s.post.scheme)
		}
		assert.ErrorContains(t, d.play(t.Context()), "carrier "+s.post.scheme+": ")
	}
	require.NoError(t, d.close())
}

// What has not arrived, or was lost, is told with the way on which it happened.
func TestTallyNamesTheWay(t *testing.T) {
	full := func() *tally {
		all := &tally{}
		for range posts {
			all.emitted = append(all.emitted, 3)
			row := make([]heard, len(posts))
			for i := range row {
				row[i] = heard{events: 3}
			}
			all.heard = append(all.heard, row)
		}
		return all
	}
	require.NoError(t, full().err())
	for name, h := range map[string]heard{"less": {events: 2}, "more": {events: 4}, "all lost": {lost: 3}, "nothing": {}} {
		one := full()
		one.heard[4][3] = h
		assert.ErrorContains(t, one.err(), "from carrier quic to dtls: of 3 events", name)
	}
	one := full()
	one.heard[4][3] = heard{events: 2, lost: 1}
	require.NoError(t, one.err(), "announced")
	emitted, due, arrived, lost := one.sums()
	n := len(posts)
	assert.Equal(t, []int{3 * n, 3 * n * (n - 1), 3*n*(n-1) - 1, 1}, []int{emitted, due, arrived, lost})
}

func TestBrief(t *testing.T) {
	for _, row := range []struct {
		data any
		keys []string
		want string
	}{
		{map[string]any{"percent": 2.5, "cores": uint64(2)}, []string{"percent", "cores"}, "2.5%, cores 2"},
		{map[string]any{"rx_bytes_per_second": uint64(2048), "up_seconds": 90.4}, []string{"rx_bytes_per_second", "up_seconds", "gone"}, "rx 2 KiB/s, up 1m30s"},
		{map[string]any{"total_bytes": int64(3 << 30), "forks_per_second": 7.6}, []string{"total_bytes", "forks_per_second"}, "total 3 GiB, forks 8/s"},
		{map[string]any{"percent": "many"}, []string{"percent"}, "percent many"},
		{map[string]any{"a": 1}, nil, `{"a":1}`},
		{"world", nil, `"world"`},
		{strings.Repeat("é", 90), nil, `"` + strings.Repeat("é", 59) + "..."},
	} {
		assert.Equal(t, row.want, brief(row.data, row.keys))
	}
}

// Somebody in another shell is shown, once, and counts for nothing.
func TestStrangersAreShown(t *testing.T) {
	defer goleak.VerifyNone(t)
	shown := make(chan struct{}) // closed when it is on the screen
	out := stopper{after: "hello: ", stop: func() { close(shown) }}
	d := newDemo(Options{Out: &out, For: time.Millisecond})
	require.NoError(t, d.build(t.Context()))
	c, err := d.hub.connect(t.Context(), "me", "ws", "json")
	require.NoError(t, err)
	me, err := c.reg.Connect("you", sig.Spec{Events: []sig.Name{"hello"}})
	require.NoError(t, err)
	require.NoError(t, c.reg.Sync(t.Context()))
	require.NoError(t, me.Emit("hello", "world"))
	select {
	case <-shown:
	case <-time.After(patience):
		t.Error("it is not shown")
	}
	require.NoError(t, d.play(t.Context()))
	require.NoError(t, d.finish())
	c.close()
	require.NoError(t, d.close())
	assert.Regexp(t, `event +you +- +-> tcp json +hello: "world"`, out.String())
	assert.Equal(t, 1, strings.Count(out.String(), "hello: "))
}

func TestRunEndsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := stopper{after: "event ", stop: cancel}
	require.NoError(t, Run(ctx, Options{Out: &out}))
	assert.Contains(t, out.String(), "Next, a router of your own")
}

// stopper keeps what is written and calls stop when it has seen a word. The
// screen writes one line at a time.
type stopper struct {
	bytes.Buffer
	after string
	stop  func()
}

func (s *stopper) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(s.after)) {
		s.stop()
	}
	return s.Buffer.Write(p)
}

// closed is a pipe whose reader has gone.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestRunSaysThatNobodyReads(t *testing.T) {
	defer goleak.VerifyNone(t)
	err := Run(t.Context(), Options{Out: closed{}, For: 50 * time.Millisecond})
	assert.ErrorContains(t, err, "broken pipe")
}
