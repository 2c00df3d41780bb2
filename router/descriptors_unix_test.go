//go:build unix

package router_test

import (
	"syscall"
	"testing"
)

// needDescriptors skips a test for which the process may not open enough.
func needDescriptors(t *testing.T, n uint64) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil && uint64(limit.Cur) < n {
		t.Skipf("it takes %d descriptors, ulimit -n says %d", n, limit.Cur)
	}
}
