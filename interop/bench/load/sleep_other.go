//go:build !linux

package load

import "time"

// clock may be a millisecond late on some systems.
type clock struct{}

func newClock() (*clock, error) { return &clock{}, nil }

func (*clock) sleep(d time.Duration) error {
	time.Sleep(d)
	return nil
}

func (*clock) Close() error { return nil }
