//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package tcp

import (
	"context"
	"time"
)

// lockDir: other systems have other locks, or none on a directory. Two routers
// that find a left-over socket in the same moment may both believe to have its
// path there.
func lockDir(context.Context, string, time.Duration) (unlock func(), err error) {
	return func() {}, nil
}
