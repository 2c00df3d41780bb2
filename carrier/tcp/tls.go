package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
	"github.com/gosig/gosig/carrier/stream"
)

// farewell bounds how long Close may try to say good-bye in TLS to a peer that
// does not read.
const farewell = 100 * time.Millisecond

func (c *Carrier) dialTLS(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	settings, err := c.settings(addr, carrier.Dialing)
	if err != nil {
		return nil, err
	}
	config := settings.Client(ALPN)
	nc, err := c.connect(ctx, addr)
	if err != nil {
		return nil, err
	}
	raw := newRecords(nc)
	return c.protect(raw, tls.Client(raw, config), config.ServerName), nil
}

func (c *Carrier) listenTLS(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	settings, err := c.settings(addr, carrier.Listening)
	if err != nil {
		return nil, err
	}
	config, err := settings.Server(ALPN)
	if err != nil {
		return nil, err
	}
	ln, err := c.bind(ctx, addr)
	if err != nil {
		return nil, err
	}
	return stream.NewListener(ln, &stream.ListenerOptions{
		Addr: "tls://" + ln.Addr().String(),
		Wrap: func(nc net.Conn) (carrier.Conn, error) {
			raw := newRecords(nc)
			return c.protect(raw, tls.Server(raw, config), ""), nil
		},
	}), nil
}

func (c *Carrier) settings(addr *url.URL, side carrier.Use) (*certs.Settings, error) {
	query, err := carrier.Query(addr, known("tls", side)...)
	if err != nil {
		return nil, err
	}
	return c.certs.Settings(addr, query)
}

// tlsConn is a conn over TLS. Its handshake runs on first use.
type tlsConn struct {
	*stream.Conn
	tls      *tls.Conn
	limit    time.Duration                    // for the handshake
	called   string                           // the server's name that was verified; "" on the server's side
	identity atomic.Pointer[carrier.Identity] // set by the handshake; ID "": none
}

func (c *Carrier) protect(raw *records, tc *tls.Conn, called string) *tlsConn {
	return &tlsConn{
		Conn: stream.New(&tlsStream{Conn: tc, raw: raw}, &stream.Options{
			LocalAddr: "tls://" + raw.LocalAddr().String(), RemoteAddr: "tls://" + raw.RemoteAddr().String(),
			Confidential: true, PeerIdentity: true,
		}),
		tls: tc, limit: c.opts.HandshakeTimeout, called: called,
	}
}

// Handshake implements [carrier.Handshaker].
func (c *tlsConn) Handshake(ctx context.Context) error {
	if c.identity.Load() != nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	if err := c.tls.HandshakeContext(limited); err != nil {
		return c.failed(ctx, limited, err)
	}
	identity := c.peer()
	c.identity.Store(&identity)
	return nil
}

func (c *tlsConn) peer() carrier.Identity {
	state := c.tls.ConnectionState()
	if c.called == "" {
		return certs.ClientIdentity(state)
	}
	return certs.ServerIdentity(state, c.called)
}

// failed closes the conn after a handshake that failed, tells the peer why
// where that is possible, and returns the reason.
func (c *tlsConn) failed(ctx, limited context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case limited.Err() != nil:
		err = fmt.Errorf("not finished within the limit of %v: does the peer speak TLS? (%w)", c.limit, limited.Err())
	case !errors.Is(err, net.ErrClosed):
		err = explainHandshake(err)
	}
	refusePlain(err)
	c.Close()
	return fmt.Errorf("TLS handshake with %s: %w", c.RemoteAddr(), err)
}

// refusePlain answers a peer that does not speak TLS with TLS's own "protocol
// version" alert, by which a tcp:// peer of this package knows what it called.
func refusePlain(err error) {
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil {
		_ = record.Conn.SetWriteDeadline(time.Now().Add(farewell))
		_, _ = record.Conn.Write([]byte{21, 3, 3, 0, 2, 2, 70}) // a courtesy: the peer may be gone
	}
}

// Receive completes the handshake, then receives.
func (c *tlsConn) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	if err := c.Handshake(ctx); err != nil {
		return nil, err
	}
	batch, err := c.Conn.Receive(ctx, buf)
	return batch, refusal(err)
}

// CanResume implements [carrier.Resumable].
func (c *tlsConn) CanResume() bool { return true }

// ReceiveLazily implements [carrier.LazyReceiver].
func (c *tlsConn) ReceiveLazily(ctx context.Context, from carrier.BufferSource) ([]byte, error) {
	if err := c.Handshake(ctx); err != nil {
		return nil, err
	}
	batch, err := stream.Socket{Conn: c.Conn}.ReceiveLazily(ctx, from)
	return batch, refusal(err)
}

// Send completes the handshake, then sends.
func (c *tlsConn) Send(ctx context.Context, batches ...[]byte) error {
	if err := c.Handshake(ctx); err != nil {
		return err
	}
	return refusal(c.Conn.Send(ctx, batches...))
}

// refusal explains an alert: in TLS 1.3 a client learns only after its own
// handshake that the server did not like its certificate.
func refusal(err error) error {
	if err != nil && certs.IsRefusal(err) {
		return certs.Refused(err)
	}
	return err
}

// Security implements [carrier.Secured].
func (c *tlsConn) Security() (carrier.Security, bool) {
	if c.identity.Load() == nil {
		return carrier.Security{}, false // a handshake under way holds the lock of the state
	}
	return carrier.TLSSecurity(c.tls.ConnectionState())
}

// ChannelBinding implements [carrier.Bound].
func (c *tlsConn) ChannelBinding() ([]byte, bool) {
	if c.identity.Load() == nil {
		return nil, false
	}
	return carrier.TLSBinding(c.tls.ConnectionState())
}

// Identity implements [carrier.Identified].
func (c *tlsConn) Identity() (carrier.Identity, bool) {
	id := c.identity.Load()
	if id == nil || id.ID == "" {
		return carrier.Identity{}, false
	}
	return *id, true
}
