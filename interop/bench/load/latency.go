package load

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/interop/bench/peer"
	"github.com/gosig/gosig/interop/bench/stats"
)

// Loads are the parts of a system's own highest rate, in percent, at which the
// latency of single messages is measured; at 0 the line is theirs alone.
var Loads = []int{0, 1, 50, 90}

// LoadName is the name of a figure under one of the Loads.
func LoadName(figure string, percent int) string { return fmt.Sprintf("%s@%d%%", figure, percent) }

// tick is how often a paced publisher publishes, as far as its timer can: each time
// one message that is timed and as many others as the rate asks for.
const tick = 200 * time.Microsecond

// stopwatch times messages that carry when they were due; all others carry 0.
type stopwatch struct {
	origin time.Time
	on     atomic.Bool
	seen   stats.Histogram // of the subscriber's goroutine while on
}

func (w *stopwatch) payload(size int, due time.Time) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, size), uint64(due.Sub(w.origin)))[:size]
}

func (w *stopwatch) take(p []byte) {
	if due := binary.BigEndian.Uint64(p); due != 0 && w.on.Load() {
		w.seen.Add(time.Since(w.origin) - time.Duration(due))
	}
}

// latency finds the highest rate and then publishes at parts of it.
func latency(sys peer.System, spec Spec) (Measured, error) {
	m := make(Measured)
	highest, err := pubSub(sys, spec, noMarks{})
	if err != nil {
		return nil, err
	}
	m[Rate] = highest[Rate]
	for _, percent := range Loads {
		w, err := paced(sys, spec, highest[Rate]*float64(percent)/100)
		if err != nil {
			return nil, fmt.Errorf("at %d %% load: %w", percent, err)
		}
		m[LoadName(P50, percent)] = micros(w.seen.Quantile(0.5))
		m[LoadName(P99, percent)] = micros(w.seen.Quantile(0.99))
	}
	return m, nil
}

type noMarks struct{}

func (noMarks) Begin()  {}
func (noMarks) End()    {}
func (noMarks) Sample() {}

// paced publishes at a rate, at least one message each tick, and times one in
// each tick, from when it was due: what makes the publisher late counts, but for
// the lateness of its timer.
func paced(sys peer.System, spec Spec, rate float64) (*stopwatch, error) {
	w := &stopwatch{origin: time.Now()}
	st, err := join(sys, spec, w.take)
	if err != nil {
		return nil, err
	}
	defer st.open.close()
	if err := st.pace(w, spec, rate); err != nil {
		return nil, err
	}
	if err := st.window.Drain(lossPatience); err != nil {
		return nil, fmt.Errorf("messages were lost: %w", err)
	}
	if w.seen.Count() == 0 {
		return nil, fmt.Errorf("nothing arrived within %v", spec.Measure)
	}
	return w, nil
}

// pace is the publisher. It stays within the window all the same, so that
// nothing is lost when the machine stalls. When its timer is late the ticks that
// follow are as late: their messages must not have to wait for each other.
func (st *setup) pace(w *stopwatch, spec Spec, rate float64) error {
	others := make([]byte, spec.Size)
	clock, err := newClock()
	if err != nil {
		return err
	}
	defer clock.Close()
	begin := time.Now()
	due, last := begin, begin
	owed, room := 0.0, 0
	for {
		due = due.Add(tick)
		if d := time.Until(due); d > 0 {
			if err := clock.sleep(d); err != nil {
				return err
			}
			due = time.Now()
		}
		if due.Sub(begin) > spec.Warm+spec.Measure {
			break
		}
		w.on.Store(due.Sub(begin) > spec.Warm)
		owed += max(rate*due.Sub(last).Seconds(), 1)
		last = due
		for count := int(owed); count > 0; {
			if room == 0 {
				st.window.Acquire()
				room = st.block
			}
			part := min(count, room)
			if err := st.send(w, others, due, part, part == count); err != nil {
				return err
			}
			count, room, owed = count-part, room-part, owed-float64(part)
		}
	}
	if room == 0 {
		return nil
	}
	return st.publishers[0].Publish(others, room) // whole blocks only
}

// send publishes n messages, the last of them timed if last is true.
func (st *setup) send(w *stopwatch, others []byte, due time.Time, n int, last bool) error {
	pub := st.publishers[0]
	if !last {
		return pub.Publish(others, n)
	}
	if n > 1 {
		if err := pub.Publish(others, n-1); err != nil {
			return err
		}
	}
	return pub.Publish(w.payload(len(others), due), 1)
}
