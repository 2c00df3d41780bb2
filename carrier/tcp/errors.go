package tcp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

// ErrNotTLS is matched by the error of a tls:// conn whose peer does not speak
// TLS.
var ErrNotTLS = errors.New("the peer does not speak TLS")

// ErrIsTLS is matched by the error of a tcp:// conn whose peer speaks TLS.
var ErrIsTLS = errors.New("the peer speaks TLS")

// ErrIsText is matched by the error of a tcp:// or unix:// conn whose peer speaks
// a protocol of text lines, for example HTTP.
var ErrIsText = errors.New("the peer does not speak the protocol of gosig")

// explainHeader recognises TLS in the first bytes on a plain port, a record of
// type 20-23 and version 3.x, and servers of other protocols.
func explainHeader(header []byte) error {
	if len(header) >= 3 && header[0] >= 20 && header[0] <= 23 && header[1] == 3 && header[2] <= 4 {
		return fmt.Errorf("%w and this address is tcp://: use tls:// on both sides, or on neither", ErrIsTLS)
	}
	if string(header) == "HTTP" {
		return fmt.Errorf("%w: it is a web server; is the port right?", ErrIsText)
	}
	if isText(header) {
		return fmt.Errorf("%w: it begins with %q; is the port right?", ErrIsText, header)
	}
	return nil
}

// isText reports whether the length of a frame would be four letters: more than
// half a gigabyte, which no frame has.
func isText(header []byte) bool {
	for _, c := range header {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(header) == carrier.FrameOverhead
}

// explainHandshake says what to do about a handshake that failed.
func explainHandshake(err error) error {
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record):
		return fmt.Errorf("%w: use tls:// on both sides, or tcp:// on both (%w)", ErrNotTLS, err)
	case certs.IsRefusal(err):
		return certs.Refused(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("the peer closed the connection: does it speak TLS, and accept our certificate? (%w)", err)
	}
	return err
}
