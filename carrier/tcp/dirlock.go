//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package tcp

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// lockDir waits until nobody else looks for a left-over socket in dir, and keeps
// others from it until unlock. A router takes the lock for some milliseconds. One
// that is held for longer than patience is somebody else's, who must not be able
// to keep routers from starting; so is a directory that cannot be opened or
// locked. Then bindUnix goes on without, and two that start in the same moment
// may both believe to have the path.
func lockDir(ctx context.Context, dir string, patience time.Duration) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return func() {}, nil // one may write to it and not read it
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return func() { f.Close() }, nil
		}
		select {
		case <-again.C:
			continue
		case <-ctx.Done():
		}
		f.Close()
		if cause := context.Cause(ctx); !errors.Is(cause, errPatience) {
			return nil, cause
		}
		return func() {}, nil
	}
}

var errPatience = errors.New("the lock is held for too long")
