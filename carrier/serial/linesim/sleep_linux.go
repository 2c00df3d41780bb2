package linesim

import (
	"syscall"
	"time"
)

// exactSleep sleeps in the system: the runtime's timers wake an idle process up
// to a millisecond late.
func exactSleep(d time.Duration) {
	if d <= 0 {
		return
	}
	left := syscall.NsecToTimespec(int64(d))
	for syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}
