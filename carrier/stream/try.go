package stream

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// attempt writes to a stream without waiting for it.
type attempt struct {
	layer TryWriter       // the stream, if it is one; nil: it is not
	raw   syscall.RawConn // nil: the stream is no socket, or this system has no such call
	write func(fd uintptr) bool

	// Of the write under way.
	batch []byte
	n     int
	err   error
}

// on prepares a socket of the operating system's, or a stream that can try by
// itself; another one on top of a socket, such as TLS, cannot.
func (a *attempt) on(stream any) {
	switch s := stream.(type) {
	case TryWriter:
		a.layer = s
	case *net.TCPConn:
		a.raw, _ = s.SyscallConn()
	case *net.UnixConn:
		a.raw, _ = s.SyscallConn()
	}
	if !canAttempt {
		a.raw = nil
	}
	a.write = a.once // made once: a method value allocates
}

// once is one call of write; it reports true so that package net does not wait.
func (a *attempt) once(fd uintptr) bool {
	a.n, a.err = writeOnce(fd, a.batch)
	return true
}

func (a *attempt) can() bool { return a.layer != nil || a.raw != nil }

func (a *attempt) do(batch []byte) (int, error) {
	if a.layer != nil {
		return a.layer.TryWrite(batch)
	}
	a.batch, a.n, a.err = batch, 0, nil
	err := a.raw.Write(a.write)
	a.batch = nil // the caller's memory is not ours to keep alive
	if err == nil {
		err = a.err
	}
	return a.n, err
}

// CanTry implements [carrier.TrySender]: sockets can, on systems with
// non-blocking ones, and every [TryWriter].
func (c *Conn) CanTry() bool { return c.try.can() }

// TrySend writes what the stream has room for, see [carrier.TrySender].
func (c *Conn) TrySend(batch []byte) (int, error) {
	if !c.try.can() || len(batch) == 0 {
		return 0, nil
	}
	ctx := context.Background()
	if c.out.broken != nil {
		return 0, c.explain(ctx, "send", c.out.broken)
	}
	if err := c.begin(ctx, &c.writeWatch); err != nil {
		return 0, fmt.Errorf("send: %w", err)
	}
	n, err := c.try.do(batch)
	if err != nil {
		c.out.broken = err
		return n, c.explain(ctx, "send", err)
	}
	return n, nil
}
