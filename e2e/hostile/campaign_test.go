package hostile

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// How much: small by default.
var (
	envelopes     = flag.Int("envelopes", usualEnvelopes, "how many malformed or ill-timed envelopes to send")
	schemes       = flag.String("schemes", usualSchemes, "the carriers")
	honestClients = flag.Int("honest", usualHonest, "how many honest clients there are")
	late          = flag.Duration("late", 10*time.Second, "how late an event of an honest client may be; more where the machine is busy with something else")
	seed          = flag.Uint64("seed", 1, "of what is sent")
)

// everywhere are the carriers.
func everywhere() []string { return strings.Split(*schemes, ",") }

// TestSingleShots does each thing once on each carrier, and looks at the answer.
func TestSingleShots(t *testing.T) {
	w := newWorld(t, *honestClients, everywhere()...)
	for n, scheme := range everywhere() {
		var group sync.WaitGroup
		places := make(chan struct{}, 8) // how many at a time
		for i := range shots {
			sh := &shots[i]
			if scheme == "mem" && sh.name == "a frame of 4 GiB" {
				continue // its sender does not put that together
			}
			places <- struct{}{}
			group.Go(func() { // ends with the answer
				defer func() { <-places }()
				if err := w.fire(scheme, w.people.anybody(n+i), sh, rand.New(rand.NewPCG(*seed, uint64(i)))); err != nil {
					t.Errorf("%s by %s: %v", sh.name, scheme, err)
				}
			})
		}
		group.Wait()
	}
	w.end()
}

// fire does one thing on a connection of its own.
func (w *world) fire(scheme string, who auth.Credential, sh *shot, r *rand.Rand) error {
	s, err := w.enterAs(scheme, sh.needs, who)
	if err != nil {
		return err
	}
	defer s.leave()
	s.write(sh.bytes(s, r))
	s.send(wire.Ping{Nonce: marker})
	return sh.want.compare(s.hear())
}

// compare says in what an answer differs from what it must be.
func (want wanted) compare(a answer) error {
	switch {
	case a.timeout:
		return fmt.Errorf("no answer")
	case a.leaked != "":
		return fmt.Errorf("it was shown %s", a.leaked)
	case want.fatal != 0 && !a.ended && !want.either:
		return fmt.Errorf("the connection goes on, want code %d", want.fatal)
	case want.fatal != 0 && a.ended && sig.Code(a.code) != want.fatal:
		return fmt.Errorf("the connection ended with code %d %q, want %d", a.code, a.reason, want.fatal)
	case want.fatal == 0 && a.ended:
		return fmt.Errorf("the connection ended with code %d %q, want it to go on", a.code, a.reason)
	case want.about != 0:
		return want.find(a.frames)
	}
	return nil
}

// find looks for the refusal among what came.
func (want wanted) find(frames [][]byte) error {
	got := "nothing"
	for _, f := range frames {
		code := uint16(0)
		switch t, _ := wire.TypeOf(f); t {
		case want.about:
			var c wire.Connected
			var rf wire.Refused
			var rp wire.Reply
			switch {
			case c.Decode(f) == nil:
				code = c.Code
			case rf.Decode(f) == nil:
				code = rf.Code
			case rp.Decode(f) == nil:
				code = rp.Code
			}
			if sig.Code(code) == want.code {
				return nil
			}
			got = fmt.Sprintf("%v with code %d", t, code)
		}
	}
	return fmt.Errorf("it got %s, want %v with code %d", got, want.about, want.code)
}

// TestCampaign sends a great many of them, mixed, from several strangers at once:
// each connection ends with the first that is fatal, and the next one begins.
func TestCampaign(t *testing.T) {
	w := newWorld(t, *honestClients, everywhere()...)
	var sent, ended, failed, starved atomic.Int64
	var group sync.WaitGroup
	const strangers = 8
	for i := range strangers {
		scheme := everywhere()[i%len(everywhere())]
		r := rand.New(rand.NewPCG(*seed, uint64(1000+i)))
		group.Go(func() { // ends when enough has been sent
			for int(sent.Load()) < *envelopes && failed.Load() < 10 {
				n, err := w.harass(scheme, r)
				if total := sent.Add(int64(n)); total/progress > (total-int64(n))/progress {
					t.Logf("%d envelopes", total)
				}
				ended.Add(1)
				if errors.Is(err, errStarved) {
					starved.Add(1)
				} else if err != nil {
					failed.Add(1)
					t.Errorf("by %s: %v", scheme, err)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d envelopes in %d connections, %d of which the machine was too busy for", sent.Load(), ended.Load(), starved.Load())
	require.Positive(t, sent.Load())
	require.LessOrEqual(t, starved.Load(), 1+ended.Load()/100, "the machine is too busy for this")
	w.end()
}

// progress is after how many envelopes the log says so.
const progress = 1_000_000

// errStarved: the router had no time to say in time what it says otherwise. It waits
// for a second until its last word has been written, and lets in nobody whose handshake
// takes five.
var errStarved = errors.New("the machine was busy with something else")

const (
	lastWordTakes  = 900 * time.Millisecond
	handshakeTakes = 4 * time.Second
)

// starved reports whether a connection has ended without a last word, after so long
// that there may have been no time for one.
func (a *answer) starved(since time.Time) bool {
	return a.ended && !a.timeout && a.code == 0 && a.leaked == "" && time.Since(since) > lastWordTakes
}

// harass sends one connection's worth, as one who proves nothing or as a guest: what the router puts up with, and then
// something fatal. It returns how many envelopes the router has taken in.
func (w *world) harass(scheme string, r *rand.Rand) (n int, err error) {
	began := time.Now()
	s, err := w.enterAs(scheme, 0, w.people.anybody(r.IntN(3)))
	switch {
	case err != nil && time.Since(began) > handshakeTakes:
		return 0, errStarved
	case err != nil:
		return 0, err
	}
	defer s.leave()
	g := &grammar{r: r, s: s}
	for range 1 + r.IntN(8) {
		batch, count := g.nuisances(200)
		began = time.Now()
		s.write(batch)
		a, err := s.round()
		if err != nil && a.starved(began) {
			return n, errStarved
		}
		if err != nil {
			return n, fmt.Errorf("what is no violation ended the connection: %w", err)
		}
		if a.leaked != "" {
			return n, fmt.Errorf("it was shown %s", a.leaked)
		}
		n += count
	}
	frame, want, about := g.violation()
	began = time.Now()
	s.write(framed(bytesOf(frame)))
	s.send(wire.Ping{Nonce: marker})
	a := s.hear()
	if a.starved(began) {
		return n, errStarved
	}
	if err := want.compare(a); err != nil {
		return n, fmt.Errorf("%s (%x): %w", about, frame[:min(len(frame), 40)], err)
	}
	return n + 1, nil
}
