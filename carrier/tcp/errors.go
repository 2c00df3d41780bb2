package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"

	"github.com/gosig/gosig/carrier"
)

// ErrNotTLS is matched by the error of a tls:// conn whose peer does not speak
// TLS.
var ErrNotTLS = errors.New("the peer does not speak TLS")

// ErrIsTLS is matched by the error of a tcp:// conn whose peer speaks TLS.
var ErrIsTLS = errors.New("the peer speaks TLS")

// explainDial says what to do about a connection that could not be made.
func explainDial(ctx context.Context, addr *url.URL, err error) error {
	where := carrier.Redact(addr)
	var dns *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer in time: is the host up and the port open in its firewall? (%w)", where, ctx.Err())
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

// explainListen says what to do about an address that cannot be listened on.
func explainListen(addr *url.URL, err error) error {
	where := carrier.Redact(addr)
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

// explainHeader recognises TLS in the first bytes on a plain port: a record of
// type 20-23 and version 3.x.
func explainHeader(header []byte) error {
	if len(header) >= 3 && header[0] >= 20 && header[0] <= 23 && header[1] == 3 && header[2] <= 4 {
		return fmt.Errorf("%w and this address is tcp://: use tls:// on both sides, or on neither", ErrIsTLS)
	}
	return nil
}

// explainHandshake says what to do about a handshake that failed.
func explainHandshake(err error) error {
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record):
		return fmt.Errorf("%w: use tls:// on both sides, or tcp:// on both (%w)", ErrNotTLS, err)
	case isAlert(err):
		return explainAlert(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("the peer closed the connection: does it speak TLS, and accept our certificate? (%w)", err)
	}
	return err
}

// isAlert reports whether err is the other side's refusal. Package tls marks it
// by nothing but the name of the operation.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// explainAlert speaks of what the other side refused.
func explainAlert(err error) error {
	return fmt.Errorf("the peer refused: %w: its certificate, CA and ALPN settings, or ours, do not fit (the peer's log says more)", err)
}
