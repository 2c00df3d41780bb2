package router

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// connectAny tries the addresses in turn, the first one first.
func (r *ClientRouter) connectAny() (*session, error) {
	if s := r.connectBetter(); s != nil {
		return s, nil
	}
	var errs []error
	for _, address := range r.addresses {
		s, err := r.connect(address)
		if err == nil {
			return s, nil
		}
		if r.ctx.Err() != nil {
			return nil, r.ctx.Err()
		}
		errs = append(errs, err)
		r.setState(State{Phase: Connecting, Address: address, Err: err})
	}
	return nil, errors.Join(errs...)
}

// connect takes up a connection. If the server takes this client for another
// connection of the same node, and it is one that was reached by another address,
// it is shown the token from there.
func (r *ClientRouter) connect(address string) (*session, error) {
	s, err := r.connectAs(address, r.tokens[r.servers[address]])
	if sig.CodeOf(err) != sig.CodeRing || len(r.tokens) == 0 {
		return s, err
	}
	server, knocked := r.knock(r.ctx, address)
	token, known := r.tokens[server]
	if knocked != nil || !known || r.servers[address] == server {
		return nil, err
	}
	r.servers[address] = server
	return r.connectAs(address, token)
}

func (r *ClientRouter) connectAs(address string, token wire.Token) (s *session, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, r.opts.DialTimeout)
	defer cancel()
	var conn carrier.Conn
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, r.brokenOff(address, conn, p)
		}
	}()
	if conn, err = r.carriers.Dial(ctx, address); err != nil {
		return nil, err
	}
	shake, cancelShake := context.WithTimeout(ctx, r.link.limits.Handshake)
	defer cancelShake()
	s, welcome, err := r.link.sendHello(shake, conn, address, token)
	if err != nil {
		r.stats.handshakesFailed.Add(1)
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	r.remember(address, welcome.ID, welcome.Token)
	r.link.node.tell(r.link, append([]wire.Node{{ID: s.peerID, Name: s.peerName}}, welcome.Nodes...))
	return s, nil
}

// backoff doubles with each failure, with a jitter of half.
func (r *ClientRouter) backoff(failures int) time.Duration {
	d := r.opts.MinBackoff
	for i := 1; i < failures && d < r.opts.MaxBackoff; i++ {
		d *= 2
	}
	d = min(d, r.opts.MaxBackoff)
	return d/2 + rand.N(d/2+1)
}

// thrownOut reports whether a connection was ended for a reason that the next
// one is likely to meet as well.
func thrownOut(err error) bool {
	code := sig.CodeOf(err)
	return code != sig.CodeConnectionLost && code != sig.CodeClosed
}

// hopeless reports whether trying again soon will hardly help: all servers that
// were reached have refused what somebody has to change (protocol.md §10.4).
func hopeless(err error) bool {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(many.Unwrap(), func(err error) bool { return !hopeless(err) })
	}
	switch sig.CodeOf(err) {
	case sig.CodeDenied, sig.CodeProtocol, sig.CodeVersion, sig.CodeNoCodec, sig.CodeRing:
		return true
	}
	return false
}

// hopelessSteps is by how many failures the back-off is ahead when it is hopeless.
const hopelessSteps = 5

// remember keeps the token for the next HELLO to this server. To another one it
// would say nothing but a secret.
func (r *ClientRouter) remember(address string, server wire.NodeID, token wire.Token) {
	if old := r.servers[address]; old != server {
		delete(r.tokens, old) // has been restarted, or replaced
	}
	r.servers[address], r.tokens[server] = server, token
}

// sleep waits; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
