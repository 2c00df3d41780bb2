package bench

import (
	"context"
	"time"
)

// schedule says when one of several, who share a rate, is to act.
type schedule struct {
	first, every time.Duration
	late         Histogram // how late it acted, itself
	napper       napper    // pace closes it
}

// newSchedule is that of the i-th of n; nil without a rate.
func newSchedule(rate float64, i, n int) *schedule {
	if rate == 0 {
		return nil
	}
	apart := float64(time.Second) / rate
	return &schedule{first: time.Duration(float64(i) * apart), every: time.Duration(float64(n) * apart), napper: newNapper()}
}

// pace calls do for each time that comes due, until ctx is done. None is left
// out: when do was late, the next ones follow at once, each with the time that
// it was due.
func (s *schedule) pace(ctx context.Context, c *clock, do func(due time.Duration) error) error {
	defer s.napper.close()
	for n := 0; ; n++ {
		due := s.first + time.Duration(n)*s.every
		now := c.now()
		for ; now < due; now = c.now() {
			if !s.napper.nap(ctx, due-now) {
				return nil
			}
		}
		if n%timed == 0 && ctx.Err() != nil {
			return nil
		}
		if c.measured(due, now) {
			s.late.Add(now - due)
		}
		if err := do(due); err != nil {
			return err
		}
	}
}

// lateness is how late it acted; nothing without a schedule.
func (s *schedule) lateness() *Histogram {
	if s == nil {
		return &Histogram{}
	}
	return &s.late
}
