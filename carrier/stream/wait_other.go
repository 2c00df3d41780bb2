//go:build !unix

package stream

import "syscall"

// newWaiter is for systems that tell when a socket can be read.
func newWaiter(syscall.Conn) LazyReader { return nil }
