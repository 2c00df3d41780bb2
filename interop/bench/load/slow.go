package load

import (
	"fmt"
	"time"

	"github.com/gosig/gosig/interop/bench/flow"
	"github.com/gosig/gosig/interop/bench/peer"
)

// slowHandler is how long the slow subscriber takes for each message, of which
// there is one each tick: it falls behind more with every one.
const slowHandler = 20 * time.Millisecond

// slow compares the latency of a subscriber with and without a slow one beside
// it.
func slow(sys peer.System, spec Spec) (Measured, error) {
	before, err := paced(sys, spec, 0)
	if err != nil {
		return nil, err
	}
	sink := flow.NewSink(spec.Size, 1)
	over := make(chan struct{}) // closed when the slow one may hurry
	sink.Each = func([]byte) {
		select {
		case <-time.After(slowHandler):
		case <-over:
		}
	}
	sub, err := sys.Subscribe(spec.Env, &peer.Topic{}, sink.Take)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	defer func() { _ = sub.Close() }()
	defer close(over)
	spec.Subscribers--
	after, err := paced(sys, spec, 0)
	if err != nil {
		return nil, err
	}
	p99 := micros(after.seen.Quantile(0.99))
	return Measured{
		P50: micros(after.seen.Quantile(0.5)), P99: p99,
		SlowRatio: p99 / micros(before.seen.Quantile(0.99)),
	}, nil
}
