//go:build linux || darwin

package stream

import (
	"runtime"
	"syscall"
)

// limitBacklog sets TCP_NOTSENT_LOWAT, which package syscall does not know. A
// system that refuses it goes on as before: it serves latency alone.
func limitBacklog(raw syscall.RawConn, n int) {
	option := 25
	if runtime.GOOS == "darwin" {
		option = 0x201
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, option, n) })
}
