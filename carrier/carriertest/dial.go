package carriertest

import (
	"bytes"
	"context"
	"time"

	"github.com/gosig/gosig/carrier"
)

var dialCases = []listenerCase{
	{
		"dial_after_close", "nobody can be dialled where nobody listens, and the error comes in time",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			k.closeSoon(ln)
			ctx := k.deadline()
			c, err := end(k, begin(func() (carrier.Conn, error) {
				c, err := s.Dialer.Dial(ctx, s.url(k, ln))
				if err == nil {
					k.closeLater(c)
					err = carrier.Handshake(ctx, c)
				}
				return c, err
			}), "Dial")
			k.check(err != nil, sprintf("a connection %v", c), "an error")
		},
	},
	{
		"dial_cancelled", "Dial with a context that has ended returns its error",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_, err := end(k, begin(func() (carrier.Conn, error) { return s.Dialer.Dial(ctx, s.url(k, ln)) }), "Dial")
			k.wantErr("Dial", err, context.Canceled)
		},
	},
	{
		"dial_cancelled_midway", "the end of ctx ends Dial with ctx's error, and others are dialled as before",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			for i := range 10 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*100*time.Microsecond)
				c, err := end(k, begin(func() (carrier.Conn, error) { return s.Dialer.Dial(ctx, s.url(k, ln)) }), "Dial after its deadline")
				cancel()
				if err != nil {
					k.wantErr("Dial", err, context.DeadlineExceeded)
					continue
				}
				k.closeSoon(c)
			}
			s.connectAmong(k, ln)
		},
	},
	{
		"contexts_end_the_set_up_only", "the contexts of Dial, Listen and Accept bound the set-up; what came of it lives on when they end",
		func(k *kit, s Subject) {
			ctx, cancel := context.WithCancel(context.Background())
			ln, err := s.Carrier.Listen(ctx, k.parse(s.Listen(k.T)))
			k.check(err == nil, sprintf("Listen: %v", err), "a listener")
			k.closeLater(ln)
			accept := begin(func() (carrier.Conn, error) { return ln.Accept(ctx) })
			a := must(k, begin(func() (carrier.Conn, error) { return s.Dialer.Dial(ctx, s.url(k, ln)) }), "Dial")
			k.closeLater(a)
			b := must(k, accept, "Accept")
			k.closeLater(b)
			k.handshakeWithin(ctx, a, b)
			cancel()
			waiting := begin(func() ([]byte, error) { return a.Receive(k.deadline(), nil) })
			pending(k, waiting, "Receive after the end of Dial's context")
			k.closeSoon(b)
			if !a.Traits().Reliable {
				k.closeSoon(a) // it need not notice
			}
			_, _ = end(k, waiting, "Receive after Close")
			c, d := s.connect(k, ln)
			k.talk(c, d)
		},
	},
	{
		"unaccepted_are_closed", "connections that nobody accepted are closed with the listener",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			ctx, u := k.deadline(), s.url(k, ln)
			var dials []<-chan result[carrier.Conn]
			for range 3 {
				dials = append(dials, begin(func() (carrier.Conn, error) { return s.Dialer.Dial(ctx, u) }))
			}
			var conns []carrier.Conn
			for _, d := range dials {
				if c, ok := within(d, 100*time.Millisecond); ok && c.err == nil {
					conns = append(conns, c.value)
					k.closeLater(c.value)
				} else if !ok {
					defer func() { // a Dial that waits for Accept must end as well
						if c, err := end(k, d, "Dial to a listener that was closed"); err == nil {
							k.closeLater(c)
						}
					}()
				}
			}
			k.closeSoon(ln)
			for _, c := range conns {
				if !c.Traits().Reliable {
					continue // a medium without connections has nothing to close
				}
				_, err := end(k, begin(func() ([]byte, error) { return c.Receive(context.Background(), nil) }), "Receive of a connection that nobody accepted, after Close of the listener")
				k.check(err != nil, "no error", "an error")
			}
		},
	},
	{
		"many_dials_in_a_row", "a listener serves one connection after another, however they end",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			for i := range 30 {
				a, b := s.connect(k, ln)
				k.talk(a, b)
				if i%2 == 0 {
					a, b = b, a
				}
				k.closeSoon(a)
				k.closeSoon(b)
			}
		},
	},
}

// connectAmong dials ln and looks for the other end among the connections that
// earlier dials have left there.
func (s Subject) connectAmong(k *kit, ln carrier.Listener) {
	k.Helper()
	ctx, u := k.deadline(), s.url(k, ln)
	hello := batchOf([]byte("the one that was not cancelled"))
	found := make(chan struct{}, 1) // one connection says it; nobody need be waiting
	accepting, stop := context.WithCancel(ctx)
	done := begin(func() (any, error) {
		for {
			c, err := ln.Accept(accepting)
			if err != nil {
				return nil, nil
			}
			k.closeLater(c)
			go func() { // ends with Close, at the latest
				if got, err := handshakeAndReceive(ctx, c); err == nil && bytes.Equal(got, hello) {
					found <- struct{}{}
				}
			}()
		}
	})
	c := must(k, begin(func() (carrier.Conn, error) { return s.Dialer.Dial(ctx, u) }), "Dial")
	k.closeLater(c)
	if c.Traits().Reliable {
		must(k, k.send(c, hello), "Send")
		_, _ = end(k, begin(func() (any, error) { <-found; return nil, nil }), "Accept of a connection that was dialled after cancelled ones")
	}
	stop()
	_, _ = end(k, done, "Accept after the end of its context")
}

// within waits a moment for what begin began.
func within[T any](ch <-chan result[T], d time.Duration) (result[T], bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case r := <-ch:
		return r, true
	case <-t.C:
		return result[T]{}, false
	}
}
