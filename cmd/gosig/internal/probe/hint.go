package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
)

// hint says what to try about a step that failed; "" if the error itself says
// all there is to say.
func hint(step, url string, err error) string {
	if h := certificateHint(err); h != "" {
		return h
	}
	for code, text := range map[error]string{
		sig.ErrVersion: "one of the two is older: compare \"gosig version\" here and there",
		sig.ErrNoCodec: "offer another one with --codec",
		sig.ErrDenied:  "the router's log says which rule refused it",
		sig.ErrLimit:   "the router has no room for more connections: see its [limits]",
	} {
		if errors.Is(err, code) {
			return text
		}
	}
	if strings.HasPrefix(url, "serial:") {
		return lineHint(step, url, err)
	}
	if errors.Is(err, syscall.ECONNREFUSED) || step == Resolve && errors.Is(err, fs.ErrNotExist) {
		return "is a router listening there? start one with: gosig serve --listen " + url
	}
	if h := silenceHint(step, url, err); h != "" {
		return h
	}
	if step == Hello && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, carrier.ErrProtocol)) {
		return "it hung up on the handshake: is it a gosig router, and is TLS used at both ends or at neither?"
	}
	return ""
}

// lineHint is about a serial line.
func lineHint(step, url string, err error) string {
	switch {
	case step == Resolve && errors.Is(err, fs.ErrNotExist):
		return "is it plugged in? Which ports there are, says: gosig ports"
	case step == Link:
		return "both ends need the same speed (?baud=), and one of them gosig: a device, or a router: gosig serve --listen " + url
	case step == Hello:
		return "the link works, and who is at its other end does not speak gosig: is its firmware right?"
	}
	return ""
}

func certificateHint(err error) string {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return "name the CA that signed its certificate with --tls-ca FILE"
	case errors.As(err, &host):
		return "connect by a name that the certificate is for, or give one with --tls-name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate is out of date, or this host's clock is wrong: renew the one, set the other"
	}
	return ""
}

// silenceHint is about who cannot be found or does not answer.
func silenceHint(step, url string, err error) string {
	var dns *net.DNSError
	keyed := strings.HasPrefix(url, "dtls:")
	switch {
	case errors.As(err, &dns):
		return "is the name spelt right, and does this host's resolver know it?"
	case !errors.Is(err, context.DeadlineExceeded):
		return ""
	case step == Connect && (keyed || strings.HasPrefix(url, "quic:")):
		return "is the host up, and the UDP port open in its firewall? A port of quic:// does not answer dtls://, nor the other way round"
	case step == Secure && keyed:
		return "with --psk-file the key may be wrong, which a DTLS peer never says: compare it on both sides"
	case step == Connect:
		return "is the host up, and the port open in its firewall?"
	case step == Secure:
		return "something accepts connections there but does not speak TLS: is the port right, or is it a tcp:// listener?"
	case step == Hello:
		return "something accepts connections there but does not answer as a gosig router: is the port right, and is TLS used at both ends or at neither?"
	}
	return "the router answered before: it, or the way to it, is overloaded; give it longer with --timeout"
}
