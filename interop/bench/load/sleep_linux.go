package load

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// clock sleeps to some microseconds. An idle Go program waits in epoll_wait,
// which counts milliseconds, and a thread that sleeps in the kernel would keep
// its processor from the goroutines that are to write what was published: a
// timer of the kernel's that the runtime's poller watches does neither.
type clock struct {
	file *os.File
	fd   int
}

func newClock() (*clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	return &clock{os.NewFile(uintptr(fd), "timer"), fd}, nil
}

// sleep returns after d, which is positive.
func (c *clock) sleep(d time.Duration) error {
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	if err := unix.TimerfdSettime(c.fd, 0, &at, nil); err != nil {
		return os.NewSyscallError("timerfd_settime", err)
	}
	var expirations [8]byte
	_, err := c.file.Read(expirations[:])
	return err
}

func (c *clock) Close() error { return c.file.Close() }
