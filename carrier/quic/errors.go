package quic

import (
	"errors"
	"fmt"
	"io"
	"net"

	quicgo "github.com/quic-go/quic-go"

	"github.com/gosig/gosig/carrier/certs"
)

// noApplicationProtocol is TLS's alert 120 as a code of QUIC.
const noApplicationProtocol = 0x100 + 120

// explain says what an error of QUIC means, and io.EOF where the peer just
// closed. All errors of package quic that end a connection match net.ErrClosed;
// what it returns does not, since that is for a Close on this side.
func explain(err error) error {
	var transport *quicgo.TransportError
	var application *quicgo.ApplicationError
	var stopped *quicgo.StreamError
	var idle *quicgo.IdleTimeoutError
	var late *quicgo.HandshakeTimeoutError
	var reset *quicgo.StatelessResetError
	var version *quicgo.VersionNegotiationError
	switch {
	case errors.As(err, &application):
		return explainClose(application)
	case errors.As(err, &transport):
		return explainTransport(transport)
	case errors.As(err, &stopped):
		return errPeerClosed
	case errors.As(err, &idle):
		return errors.New("the peer has fallen silent: is its host up, and the network between?")
	case errors.As(err, &late):
		return errors.New("the peer did not finish the handshake in time")
	case errors.As(err, &reset):
		return errors.New("the peer knows nothing of this connection: it was started again")
	case errors.As(err, &version):
		return fmt.Errorf("the peer speaks another version of QUIC: %s", version.Error())
	}
	return err
}

// timedOut reports whether a handshake ended for want of packets.
func timedOut(err error) bool {
	var idle *quicgo.IdleTimeoutError
	var late *quicgo.HandshakeTimeoutError
	return errors.As(err, &idle) || errors.As(err, &late)
}

// explainClose is for a connection that one side closed.
func explainClose(e *quicgo.ApplicationError) error {
	switch {
	case !e.Remote, e.ErrorCode == codeClosed:
		return io.EOF
	case e.ErrorCode == codeGaveUp:
		return fmt.Errorf("the peer closed and did not wait any longer for its last frames to be received (%w)", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("the peer ended the connection with code %d: %.200q", e.ErrorCode, e.ErrorMessage)
}

// explainTransport is for what QUIC or TLS found wrong.
func explainTransport(e *quicgo.TransportError) error {
	what := fmt.Errorf("%.300q", e.Error()) // its text may be the peer's
	switch {
	case e.ErrorCode == noApplicationProtocol:
		return fmt.Errorf("one side speaks %s over QUIC and the other does not: is the peer a gosig router? (%w)", ALPN, what)
	case e.Remote && e.ErrorCode == quicgo.ApplicationErrorErrorCode:
		return io.EOF // closed during the handshake, when the code may not be told
	case e.Remote && e.ErrorCode == quicgo.ConnectionRefused:
		return fmt.Errorf("the peer refused the connection: it is busy or closing; try again later (%w)", what)
	case e.Remote && e.ErrorCode.IsCryptoError():
		return certs.Refused(what)
	case e.Remote:
		return fmt.Errorf("the peer ended the connection: %w", what)
	}
	for _, inner := range e.Unwrap() {
		if inner != nil && inner != net.ErrClosed {
			return inner // what the peer's certificate lacks
		}
	}
	return what
}
