package quic

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"

	quicgo "github.com/quic-go/quic-go"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
	"github.com/gosig/gosig/carrier/stream"
)

// connectionID is long enough that nobody meets a connection by guessing.
const connectionID = 8

func (c *Carrier) listen(ctx context.Context, addr *url.URL, config *tls.Config, reset *quicgo.StatelessResetKey) (carrier.Listener, error) {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", addr.Host)
	if err != nil {
		return nil, carrier.ExplainListen(addr, err)
	}
	e := newEndpoint(pc.(*net.UDPConn))
	half := &halfOpen{limit: int64(c.opts.MaxHandshakes)}
	e.transport.ConnectionIDLength = connectionID
	e.transport.StatelessResetKey = reset
	e.transport.ConnContext = half.enter
	e.transport.VerifySourceAddress = func(net.Addr) bool { return half.many() }
	ln, err := e.transport.ListenEarly(config, c.config())
	if err != nil {
		e.release()
		return nil, err
	}
	a := &acceptor{ln: ln, endpoint: e}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return stream.NewListener(a, &stream.ListenerOptions{
		Addr: "quic://" + pc.LocalAddr().String(),
		Wrap: func(nc net.Conn) (carrier.Conn, error) {
			l := nc.(*link)
			return wrap(l, "", c.opts.HandshakeTimeout, slotOf(l.conn)), nil
		},
	}), nil
}

// acceptor is the listener of QUIC as a net.Listener.
type acceptor struct {
	ln       *quicgo.EarlyListener
	endpoint *endpoint
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	once     sync.Once
}

// Accept returns a *link whose handshake has begun.
func (a *acceptor) Accept() (net.Conn, error) {
	qc, err := a.ln.Accept(a.ctx)
	switch {
	case err == nil:
		a.endpoint.hold()
		return newLink(qc, a.endpoint), nil
	case a.ctx.Err() != nil:
		return nil, net.ErrClosed
	}
	return nil, fmt.Errorf("the socket failed: %v", err) // err matches net.ErrClosed, but nobody closed it
}

// Close stops listening and closes what nobody accepted.
func (a *acceptor) Close() error {
	a.once.Do(func() {
		a.cancel()
		_ = a.ln.Close() // it has no error to tell
		for {
			qc, err := a.ln.Accept(context.Background()) // closed: does not wait
			if err != nil {
				break
			}
			_ = qc.CloseWithError(codeClosed, "the listener is closed")
		}
		a.endpoint.release()
	})
	return nil
}

func (a *acceptor) Addr() net.Addr { return a.ln.Addr() }

// halfOpen counts the connections whose handshake is not over.
type halfOpen struct {
	limit int64
	n     atomic.Int64
}

// many reports whether it is time to ask clients for a proof of their address,
// which costs a round trip and keeps out those that forge it.
func (h *halfOpen) many() bool { return h.n.Load() >= h.limit/4 }

var errBusy = errors.New("too many handshakes at once")

type slotKey struct{}

// enter takes a slot for a new connection, which ends with ctx.
func (h *halfOpen) enter(ctx context.Context, _ *quicgo.ClientInfo) (context.Context, error) {
	if h.n.Add(1) > h.limit {
		h.n.Add(-1)
		return nil, errBusy
	}
	leave := sync.OnceFunc(func() { h.n.Add(-1) })
	context.AfterFunc(ctx, leave)
	return context.WithValue(ctx, slotKey{}, leave), nil
}

// slotOf returns the function that gives the slot of a connection back.
func slotOf(qc *quicgo.Conn) (leave func()) {
	leave, _ = qc.Context().Value(slotKey{}).(func())
	return leave
}

// resetKey returns the key by which a router that was started again, with the
// same certificate, tells the clients of its former life that it knows nothing
// of them. nil if the private key has no bytes, such as one in hardware.
func resetKey(s *certs.Settings) *quicgo.StatelessResetKey {
	cert, _ := s.Current()
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return nil
	}
	raw, err := hkdf.Key(sha256.New, der, nil, "gosig quic stateless reset", len(quicgo.StatelessResetKey{}))
	if err != nil {
		return nil
	}
	key := quicgo.StatelessResetKey(raw)
	return &key
}
