package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/interop/bench/peer"
	"github.com/gosig/gosig/interop/bench/stats"
)

// stage is where a measurement of requests is: one of the constants below.
type stage struct {
	atomic.Int32
	once sync.Once
	told chan struct{} // closed by the first caller with an answer that counts, or that has failed
}

const (
	warming int32 = iota
	measuring
	over
)

func newStage() *stage { return &stage{told: make(chan struct{})} }

func (s *stage) tell() { s.once.Do(func() { close(s.told) }) }

// request measures callers that each have one request under way, all on one
// connection.
func request(sys peer.System, spec Spec, marks Marks) (Measured, error) {
	var open closers
	defer func() { open.close() }()
	responder, err := sys.Respond(spec.Env)
	if err != nil {
		return nil, fmt.Errorf("respond: %w", err)
	}
	open.add(responder)
	calls, conn, err := sys.Request(spec.Env, spec.Callers)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	open.add(conn)
	ctx, cancel := context.WithTimeout(context.Background(), spec.Warm+spec.Measure+10*time.Second)
	defer cancel()

	phase := newStage()
	var wg sync.WaitGroup
	latencies := make([]stats.Histogram, len(calls))
	failed := make([]error, len(calls))
	for i, call := range calls {
		wg.Go(func() { // ends when the measuring is over
			failed[i] = callUntilOver(ctx, call, spec.Size, phase, &latencies[i])
		})
	}
	time.Sleep(spec.Warm)
	marks.Begin()
	from := Used()
	phase.Store(measuring)
	time.Sleep(spec.Measure)
	<-phase.told // on a busy machine that may take longer than the measuring was to
	phase.Store(over)
	to := Used()
	marks.End()
	wg.Wait()
	if err := firstOf(failed); err != nil {
		return nil, err
	}
	return summarize(latencies, from, to)
}

func callUntilOver(ctx context.Context, call peer.Call, size int, phase *stage, latency *stats.Histogram) error {
	defer phase.tell()
	payload := make([]byte, size)
	for phase.Load() != over {
		start := time.Now()
		answer, err := call(ctx, payload)
		if err != nil {
			return fmt.Errorf("request: %w", err)
		}
		if len(answer) != size {
			return fmt.Errorf("request: an answer of %d bytes to one of %d", len(answer), size)
		}
		if phase.Load() == measuring {
			latency.Add(time.Since(start))
			phase.tell()
		}
	}
	return nil
}

// firstOf returns one error of many that are most likely the same.
func firstOf(failed []error) error {
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

func summarize(latencies []stats.Histogram, from, to Usage) (Measured, error) {
	var all stats.Histogram
	for i := range latencies {
		all.Merge(&latencies[i])
	}
	if all.Count() == 0 {
		return nil, errors.New("no request was answered in time")
	}
	rate := float64(all.Count()) / to.At.Sub(from.At).Seconds()
	m := Share(from, to, rate, OfLoad)
	m[Rate] = rate
	m[P50], m[P99], m[P999] = micros(all.Quantile(0.5)), micros(all.Quantile(0.99)), micros(all.Quantile(0.999))
	return m, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
