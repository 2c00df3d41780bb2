//go:build unix && !solaris && !aix

package audit

import (
	"os"
	"syscall"
)

// lock keeps other routers away until the file is closed.
func lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
