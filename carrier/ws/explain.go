package ws

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/gosig/gosig/carrier/certs"
)

var (
	// ErrNotTLS is matched by the error of a wss:// address whose server does
	// not speak TLS.
	ErrNotTLS = errors.New("the peer does not speak TLS")
	// ErrIsTLS is matched by the error of a ws:// address whose server speaks
	// TLS.
	ErrIsTLS = errors.New("the peer speaks TLS")
	// ErrRefused is matched by the error of a server that answered, and did
	// not upgrade the connection.
	ErrRefused = errors.New("refused")
)

// failed returns why a handshake has failed: err, unless the time was up.
func (d *dialling) failed(ctx, limited context.Context, limit time.Duration, err error) error {
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case limited.Err() != nil:
		err = fmt.Errorf("not finished within the limit of %v: is it a web server? (%w)", limit, limited.Err())
	}
	return fmt.Errorf("handshake with %s: %w", d.addr, err)
}

// explainTLS says what to do about a TLS handshake that failed.
func explainTLS(err error) error {
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record):
		return fmt.Errorf("%w: use wss:// on both sides, or ws:// on both (%w)", ErrNotTLS, err)
	case certs.IsRefusal(err):
		return certs.Refused(err)
	case lost(err):
		return fmt.Errorf("the peer closed the connection: does it speak TLS, and accept our certificate? (%w)", err)
	}
	return err
}

func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// explainAnswer says what to do about an answer that is no HTTP, by its first
// bytes.
func explainAnswer(first []byte, err error) error {
	switch {
	case len(first) >= 3 && first[0] >= 20 && first[0] <= 23 && first[1] == 3:
		return errIsTLS()
	case certs.IsRefusal(err): // TLS 1.3 tells only now
		return certs.Refused(err)
	case len(first) == 0 && lost(err):
		return fmt.Errorf("the peer closed the connection without an answer: is it a web server? (%w)", err)
	case len(first) > 0 && !bytes.HasPrefix([]byte("HTTP/"), first[:min(len(first), 5)]):
		return fmt.Errorf("the peer does not speak HTTP: is it a listener of another scheme, such as tcp://? It said %q (%w)", first, err)
	}
	return err
}

func errIsTLS() error {
	return fmt.Errorf("%w and this address is ws://: use wss:// on both sides, or on neither", ErrIsTLS)
}

// explain says what to do about a server that did not upgrade. resp may be nil.
func (d *dialling) explain(resp *http.Response, err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // around it is what was asked, and by whom
	}
	if resp == nil || d.status == 0 || d.status == http.StatusSwitchingProtocols {
		return err
	}
	said := ""
	if resp.Body != nil {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxReason)) // what there is of it
		said = strings.TrimSpace(string(text))
	}
	if strings.Contains(said, "HTTP request to an HTTPS server") {
		return errIsTLS()
	}
	refused := fmt.Errorf("%w with %d %s, %.150q", ErrRefused, d.status, http.StatusText(d.status), said)
	if hint := d.hint(resp); hint != "" {
		return fmt.Errorf("%w: %s", refused, hint)
	}
	return refused
}

func (d *dialling) hint(resp *http.Response) string {
	switch code := resp.StatusCode; {
	case code >= 300 && code < 400:
		return fmt.Sprintf("redirections are not followed; if it is to be trusted, write the address %.150q leads to", resp.Header.Get("Location"))
	case code == http.StatusUnauthorized, code == http.StatusProxyAuthRequired:
		return "it, or a proxy before it, wants to know who we are: give Options.Header what it asks for"
	case code == http.StatusForbidden:
		return "an Origin must be on the router's list, and a proxy before it may have rules of its own"
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return fmt.Sprintf("no router has the path %q there; by default it is %s", d.addr.Path, DefaultPath)
	case code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		return "the router, or what is behind the proxy, is not there now"
	case code < 300, code == http.StatusUpgradeRequired:
		return "a web server, but no WebSocket under this path, or a proxy on the way does not pass it on"
	}
	return ""
}
