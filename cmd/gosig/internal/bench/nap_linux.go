package bench

import (
	"context"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// fdNapper waits for a timer of the kernel through the runtime's poller, so that
// waiting holds up no processor.
type fdNapper struct {
	fd   uintptr
	file *os.File // that owns fd
}

// newNapper returns a precise one, or the runtime's if the kernel has none to
// give.
func newNapper() napper {
	const monotonic = 1
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, monotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		return timerNapper{}
	}
	return &fdNapper{fd, os.NewFile(fd, "timer")}
}

func (n *fdNapper) nap(ctx context.Context, d time.Duration) bool {
	spec := struct{ interval, value syscall.Timespec }{value: syscall.NsecToTimespec(max(d.Nanoseconds(), 1))}
	_, _, errno := syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, n.fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if errno != 0 {
		return timerNapper{}.nap(ctx, d)
	}
	stop := context.AfterFunc(ctx, func() { _ = n.file.SetReadDeadline(time.Unix(1, 0)) }) // it can be polled
	defer stop()
	var expirations [8]byte
	_, err := n.file.Read(expirations[:])
	return err == nil && ctx.Err() == nil
}

func (n *fdNapper) close() { _ = n.file.Close() } // nothing is written to it
