package carrier

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"syscall"
	"time"
)

// CheckHostPort returns an error if addr is not scheme://host:port, with any
// query.
func CheckHostPort(addr *url.URL) error {
	if addr.Port() == "" {
		return fmt.Errorf("%s names no port: write %s://host:port", Redact(addr), addr.Scheme)
	}
	if addr.Path != "" && addr.Path != "/" {
		return fmt.Errorf("%s has a path, which means nothing here: write %s://host:port", Redact(addr), addr.Scheme)
	}
	return nil
}

// ExplainDial says what to do about a network connection to addr that could not
// be made because of err; with other causes it returns err as it is.
func ExplainDial(ctx context.Context, addr *url.URL, err error) error {
	where := Redact(addr)
	var dns *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded) && deadlinePassed(ctx):
		return fmt.Errorf("%s did not answer in time: is the host up and the port open in its firewall? (%w)", where, context.DeadlineExceeded)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("connection refused: is a router listening on %s? (%w)", where, err)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("host %q is not known: is the name spelt right? (%w)", addr.Hostname(), err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return fmt.Errorf("%s did not answer: is the host up and the port open in its firewall? (%w)", where, err)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Errorf("no route to %s: is the network up? (%w)", where, err)
	}
	return err
}

// deadlinePassed reports whether the deadline of ctx is over: package net has a
// timer of its own for it, which may be a moment ahead of the context's.
func deadlinePassed(ctx context.Context) bool {
	d, ok := ctx.Deadline()
	return ok && !time.Now().Before(d)
}

// ExplainListen says what to do about a network address that cannot be listened
// on because of err; with other causes it returns err as it is.
func ExplainListen(addr *url.URL, err error) error {
	where := Redact(addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use: is another router running there? Port 0 takes a free one (%w)", where, err)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("listening on %s is not permitted: ports below 1024 need a privilege (%w)", where, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is no address of this machine; 0.0.0.0 or [::] is all of them (%w)", where, err)
	}
	return err
}
