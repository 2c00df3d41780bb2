package bench

import (
	"syscall"
	"time"
)

// shortNap has the kernel wake this thread, some 50 microseconds late at most.
func shortNap(d time.Duration) {
	ts := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&ts, nil) // woken early by a signal: the caller looks at the clock
}
