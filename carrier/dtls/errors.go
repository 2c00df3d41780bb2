package dtls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"

	"github.com/pion/dtls/v3"
	"github.com/pion/sctp"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

// ErrNotDTLS is matched by the error of a conn where something answers that is
// not DTLS.
var ErrNotDTLS = errors.New("what answers does not speak DTLS")

var (
	errUnknownIdentity = errors.New("there is no key for the client's PSK identity")
	errGone            = errors.New("the peer has closed the connection")
)

// refused reports whether nobody listens on the peer's port.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// alerted reports whether err is an alert of the peer's, which pion/dtls marks
// by no type that others could name.
func alerted(err error) bool {
	var alert interface{ IsFatalOrCloseNotify() bool }
	return errors.As(err, &alert)
}

// brokenOff says what a peer has said that broke the connection off; an error that
// says no such thing stays as it is.
func brokenOff(err error) error {
	if !errors.Is(err, sctp.ErrChunk) {
		return err
	}
	_, why, _ := strings.Cut(err.Error(), "User Initiated Abort: ")
	return fmt.Errorf("the peer has broken off the connection: %.100q", strings.TrimSuffix(why, ")"))
}

// explain says what to do about a handshake that failed.
func (c *conn) explain(err error) error {
	if why := c.link.reason(); why != nil {
		return why
	}
	var outer *dtls.HandshakeError
	if errors.As(err, &outer) {
		err = outer.Err // it says no more than "handshake error"
	}
	switch {
	case errors.Is(c.began.Err(), context.DeadlineExceeded):
		return fmt.Errorf("not finished within the limit of %v: %s (%w)", c.side.c.opts.HandshakeTimeout, c.guess(), c.began.Err())
	case errors.Is(err, sctp.ErrHandshakeInitAck): // it has asked often enough, before that
		return fmt.Errorf("%s (%w)", c.guess(), err)
	case refused(err):
		return fmt.Errorf("connection refused: nobody listens there for UDP; a port of tcp:// or tls:// is another one (%w)", err)
	case alerted(err) && c.client && c.side.psk:
		return fmt.Errorf("the peer refused: %w: %s", err, c.pskAdvice(err))
	case alerted(err):
		return certs.Refused(err)
	case errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF):
		return fmt.Errorf("the connection ended during the handshake (%w)", err)
	}
	return err
}

// unfinished says what the handshake was waiting for when the time of whoever
// waited for it was over.
func (c *conn) unfinished(err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("not finished in time: %s (%w)", c.guess(), err)
}

func (c *conn) pskAdvice(err error) string {
	if strings.Contains(err.Error(), "InternalError") || strings.Contains(err.Error(), "UnknownPSKIdentity") {
		return fmt.Sprintf("it has no key for the identity %q, it seems (its log says more)", c.side.pskID)
	}
	return "it takes no pre-shared keys, or none of our cipher suites (its log says more)"
}

// guess is what a handshake suffers from that has come to nothing.
func (c *conn) guess() string {
	if c.stage.secure.Load() {
		return "the peer speaks DTLS but not SCTP over it: is it a gosig router?"
	}
	if !c.client {
		if id := c.stage.claimed.Load(); id != nil {
			return fmt.Sprintf("the client calls itself %.150q, and its key may be wrong: compare it on both sides", *id)
		}
		return "the client has fallen silent"
	}
	s := c.link.(*socket)
	select {
	case <-s.answered:
	default:
		if s.noise.Load() {
			return ErrNotDTLS.Error() + ": is a dtls:// router listening there?"
		}
		return "no answer: is the host up and the UDP port open in its firewall?"
	}
	if c.side.psk {
		return fmt.Sprintf("the key of identity %q may be wrong, which a DTLS peer never says: compare it on both sides", c.side.pskID)
	}
	return "the peer has fallen silent"
}

// explainNoAnswer says what to do when a listener gave no answer.
func explainNoAnswer(ctx context.Context, addr *url.URL, err error) error {
	if refused(err) {
		return fmt.Errorf("%w: is a router listening on %s?", err, carrier.Redact(addr))
	}
	if ctx.Err() != nil {
		return carrier.ExplainDial(ctx, addr, err)
	}
	return fmt.Errorf("%s: %w", carrier.Redact(addr), err)
}
