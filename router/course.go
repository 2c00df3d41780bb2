package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gosig/gosig/sig"
)

// course is how a client's connections have gone so far.
type course struct {
	up       *upheld // there is one now
	last     error
	failures int
	met      bool // there was one
}

// run connects, serves the connection, and starts again, until the router is
// closed. After a connection that has stood for a while it starts at once, unless
// the server has thrown this client out.
//
// Dialling and shaking hands take a large stack, and waiting for the end takes long:
// another goroutine does that.
func (r *ClientRouter) run(c *course) {
	handedOver := false
	defer func() {
		if !handedOver {
			close(r.ended)
		}
	}()
	for c.up != nil || !r.over() {
		var err error
		steady := false
		if c.up != nil {
			err = r.serve(c.up)
			steady = r.wasSteady(c, err)
			c.up = nil
		} else if c.up, err = r.connectAndBegin(); err == nil {
			c.met, handedOver = true, true
			go r.run(c) // ends as this would
			return
		}
		if r.over() {
			break
		}
		if c.last = err; steady {
			continue
		}
		if c.failures++; !c.met && r.opts.MaxAttempts > 0 && c.failures >= r.opts.MaxAttempts {
			break
		}
		pause := r.backoff(c.failures)
		if hopeless(err) {
			pause = r.backoff(c.failures + hopelessSteps)
		}
		r.log.Info("no connection; trying again", "error", err, "in", pause)
		sleep(r.ctx, pause)
	}
	r.finish(c.last)
}

// wasSteady reports whether the connection that has ended with err was one after
// which the next attempt need not wait.
func (r *ClientRouter) wasSteady(c *course, err error) bool {
	s := c.up.s
	lived := time.Since(s.since)
	if lived >= r.opts.Return && (s == r.returned || s.address == r.addresses[0]) {
		r.hasty = 0
	}
	steady := lived >= r.opts.MinBackoff && !thrownOut(err) || errors.Is(err, ErrReturning)
	if steady || lived >= r.opts.MaxBackoff {
		c.failures = 0
	}
	return steady
}

func (r *ClientRouter) connectAndBegin() (*upheld, error) {
	s, err := r.connectAny()
	if err != nil {
		return nil, err
	}
	return r.begin(s), nil
}

// upheld is a connection, and what is to be waited for when it is over.
type upheld struct {
	s       *session
	seeking <-chan found
	stop    func() bool   // of what ends it with the router
	ended   chan struct{} // closed when nobody reads any more
}

// begin takes up a connection, up to that all is in force.
func (r *ClientRouter) begin(s *session) *upheld {
	l := r.link
	r.stats.accepted.Add(1)
	l.underPolicy(s)
	l.open(s)
	if l.node.isServer() { // perhaps not yet when it sent its HELLO
		s.reintroduce()
	}
	s.startKeepalive()
	up := &upheld{s: s, seeking: r.seekBetter(s), ended: make(chan struct{})}
	up.stop = context.AfterFunc(r.ctx, func() { s.fail(sig.NewError(sig.CodeClosed, "the router was closed")) })
	s.beginReading(&l.group, func() { close(up.ended) })
	b := s.beginBarrier()
	s.lent = true
	s.read() // at first: see readOn
	if s.await(s.ctx, b) == nil {
		if r.log.Enabled(context.Background(), slog.LevelInfo) { // a description is put together
			r.log.Info("connected", "server", s.describe(), "codec", s.codec.ID())
		}
		r.setState(State{Phase: Connected, Address: s.address, Server: s.peerName, Codec: s.codec.ID()})
	}
	return up
}

// serve waits for the end of a connection, and returns why it ended.
func (r *ClientRouter) serve(up *upheld) error {
	s := up.s
	<-up.ended
	up.stop()
	err := s.cause()
	if r.better = <-up.seeking; r.better.address != "" {
		err = fmt.Errorf("%w, %s", ErrReturning, r.better.address)
	}
	r.log.Info("disconnected", "server", s.describe(), "reason", err)
	r.link.close(s)
	if !r.over() {
		r.setState(State{Phase: Connecting, Address: s.address, Err: err})
	}
	return err
}
