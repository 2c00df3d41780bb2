//go:build !linux && !darwin

package stream

import "syscall"

func limitBacklog(syscall.RawConn, int) {}
