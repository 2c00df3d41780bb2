package router

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// ErrReturning is what State.Err matches when a client has left a connection that
// worked, because a better address answers.
var ErrReturning = errors.New("returning to a better address")

// found is an address before the one in use that answers, and which server it is.
type found struct {
	address string // "": none
	server  wire.NodeID
	other   bool // than the one that was left
}

// seekBetter looks, while the session lasts, for an address before the one in
// use, and takes leave of the session when it has found one. The channel gets one
// value when that is over; its capacity is for a session that ends first.
func (r *ClientRouter) seekBetter(s *session) <-chan found {
	result := make(chan found, 1)
	before := r.addresses[:max(slices.Index(r.addresses, s.address), 0)]
	if r.opts.Return <= 0 || len(before) == 0 {
		result <- found{}
		return result
	}
	every := r.opts.Return << min(r.hasty, maxHasty)
	go func() { result <- r.seek(s, before, every) }() // ends with the session; serve waits for it
	return result
}

// maxHasty bounds how rarely better addresses are tried: 32 times Return.
const maxHasty = 5

func (r *ClientRouter) seek(s *session, before []string, every time.Duration) found {
	for sleep(s.ctx, every-mathrand.N(every/4+1)) { // not all clients at once
		for _, address := range before {
			server, err := r.knock(s.ctx, address)
			if err != nil {
				r.log.Debug("no better address yet", "address", address, "error", err)
				continue
			}
			r.log.Info("returning to a better address", "address", address, "from", s.describe())
			if !r.over() && s.leave(r.opts.DialTimeout, "the client goes on by another address") {
				return found{address, server, server != s.peerID}
			}
		}
	}
	return found{}
}

// knock finds out whether a whole handshake with the server at an address
// succeeds, and which server that is, and hangs up. It is another node's as far
// as the server can tell: this one may be connected to it already.
func (r *ClientRouter) knock(ctx context.Context, address string) (server wire.NodeID, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.DialTimeout)
	defer cancel()
	var conn carrier.Conn
	defer func() {
		if p := recover(); p != nil {
			server, err = wire.NodeID{}, r.brokenOff(address, conn, p)
		}
	}()
	if conn, err = r.carriers.Dial(ctx, address); err != nil {
		return wire.NodeID{}, err
	}
	ctx, cancelShake := context.WithTimeout(ctx, r.link.limits.Handshake)
	defer cancelShake()
	hello := r.link.hello(conn, wire.Token{})
	hello.Features, hello.Nodes = wire.FeatureHeld|hello.Features&wire.FeatureAuth, nil
	_, _ = rand.Read(hello.ID[:]) // never fails
	welcome, _, _, err := r.link.shake(ctx, conn, address, hello)
	if err != nil {
		return wire.NodeID{}, fmt.Errorf("connect to %s: %w", address, err)
	}
	defer conn.Close()
	if welcome.ID == r.link.node.id {
		return wire.NodeID{}, sig.NewError(sig.CodeRing, address+" leads back to this registry")
	}
	bye := wire.Goodbye{Reason: "it was only to be known whether this address answers"}
	if conn.Send(ctx, carrier.AppendFrame(nil, bye.Append(nil))) == nil {
		linger(ctx, conn)
	}
	return welcome.ID, nil
}

// connectBetter goes to the address that was found to answer, if one was; nil if
// it has failed after all. A mesh of routers takes a moment to learn that this
// one has left where it was: until then it sees a ring, and the names of this
// client's senders are taken, by themselves.
func (r *ClientRouter) connectBetter() *session {
	to := r.better
	if to.address == "" {
		return nil
	}
	r.better = found{}
	r.hasty++ // until it has lasted
	r.servers[to.address] = to.server
	if to.other && !sleep(r.ctx, settling) {
		return nil
	}
	s, err := r.connect(to.address)
	for try := 1; err != nil && sig.CodeOf(err) == sig.CodeRing && try <= ringTries && sleep(r.ctx, r.backoff(try)); try++ {
		s, err = r.connect(to.address)
	}
	if err != nil {
		r.log.Warn("could not return to a better address", "address", to.address, "error", err)
		return nil
	}
	r.returned = s
	return s
}

// settling is how long a mesh of routers has to learn that a client has left one of
// them before it comes to another.
const settling = 100 * time.Millisecond

// ringTries is how often a client that has moved takes a ring for old news.
const ringTries = 4
