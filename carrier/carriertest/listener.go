package carriertest

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/gosig/gosig/carrier"
)

var listenerCases = []listenerCase{
	{
		"addr_can_be_dialled", "Addr is the URL to dial, with the port that was given for port 0",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			u := k.parse(ln.Addr())
			k.check(u.Port() != "0", "port 0 in "+ln.Addr(), "the port that was given")
			a, b := s.connect(k, ln)
			k.talk(a, b)
		},
	},
	{
		"accept_cancelled", "the end of ctx ends Accept with ctx's error; it loses no connection and the next one works",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			ctx, cancel := context.WithCancel(context.Background())
			waiting := begin(func() (carrier.Conn, error) { return ln.Accept(ctx) })
			pending(k, waiting, "Accept")
			cancel()
			_, err := end(k, waiting, "Accept after the end of its context")
			k.wantErr("Accept", err, context.Canceled)
			_, err = end(k, begin(func() (carrier.Conn, error) { return ln.Accept(ctx) }), "Accept")
			k.wantErr("Accept with a context that has ended", err, context.Canceled)
			for range 3 {
				a, b := s.connect(k, ln)
				k.talk(a, b)
			}
		},
	},
	{
		"close_unblocks_accept", "Close unblocks Accept, with an error that matches net.ErrClosed, and is safe to call again",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			var waiting []<-chan result[carrier.Conn]
			for _, ctx := range []context.Context{context.Background(), k.deadline()} {
				waiting = append(waiting, begin(func() (carrier.Conn, error) { return ln.Accept(ctx) }))
			}
			pending(k, waiting[0], "Accept")
			k.closeSoon(ln)
			for _, w := range waiting {
				_, err := end(k, w, "Accept after Close")
				k.wantErr("Accept", err, net.ErrClosed)
			}
			k.closeSoon(ln)
			_, err := end(k, begin(func() (carrier.Conn, error) { return ln.Accept(context.Background()) }), "Accept")
			k.wantErr("Accept after Close", err, net.ErrClosed)
		},
	},
	{
		"close_before_accept", "Close of a listener on which nobody accepted works, also with a connection waiting",
		func(k *kit, s Subject) {
			k.closeSoon(s.listen(k))
			ln := s.listen(k)
			ctx := k.deadline()
			dial := begin(func() (carrier.Conn, error) { return s.Dialer.Dial(ctx, s.url(k, ln)) })
			k.closeSoon(ln)
			if c, err := end(k, dial, "Dial"); err == nil {
				k.closeLater(c)
			}
			_, err := end(k, begin(func() (carrier.Conn, error) { return ln.Accept(context.Background()) }), "Accept")
			k.wantErr("Accept after Close", err, net.ErrClosed)
		},
	},
	{
		"conns_outlive_listener", "connections that were handed out live on when the listener is closed",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			a, b := s.connect(k, ln)
			k.closeSoon(ln)
			k.talk(a, b)
		},
	},
	{
		"many_connections", "any number of goroutines may dial and accept; connections do not mix",
		func(k *kit, s Subject) {
			const n = 20
			ln := s.listen(k)
			ctx := k.deadline()
			u := s.url(k, ln)
			var accepts, dials []<-chan result[carrier.Conn]
			for range n {
				accepts = append(accepts, begin(func() (carrier.Conn, error) { return echo(ctx, ln) }))
			}
			for i := range n {
				dials = append(dials, begin(func() (carrier.Conn, error) { return ask(ctx, s.Dialer, u.String(), i) }))
			}
			for i := range n {
				k.closeLater(must(k, dials[i], "Dial"))
				k.closeLater(must(k, accepts[i], "Accept"))
			}
		},
	},
	{
		"unknown_parameter", "an unknown query parameter is an error that names it",
		func(k *kit, s Subject) {
			const name = "no_such_parameter"
			for what, addr := range map[string]string{"Listen": s.Listen(k.T), "Dial": s.DialURL(s.listen(k).Addr())} {
				u := k.parse(addr)
				q := u.Query()
				q.Set(name, "1")
				u.RawQuery = q.Encode()
				var err error
				if what == "Dial" {
					_, err = s.Dialer.Dial(k.deadline(), u)
				} else {
					_, err = s.Carrier.Listen(k.deadline(), u)
				}
				k.check(err != nil && strings.Contains(err.Error(), name), sprintf("%s: error %v", what, err), "an error that names "+name)
			}
		},
	},
	{
		"traits_and_identity", "Traits never change, and a medium without PeerIdentity proves nobody's",
		func(k *kit, s Subject) {
			a, b := s.pair(k)
			for _, c := range []carrier.Conn{a, b} {
				first, second := c.Traits(), c.Traits()
				k.check(first == second, "changing traits", "traits that stay")
				k.check(first.MaxFrame >= 1, "no MaxFrame", "the largest frame")
				k.talk(a, b)
				k.check(c.Traits() == first, "other traits after use", "traits that stay")
				if id, ok := carrier.IdentityOf(c); ok {
					k.check(first.PeerIdentity, sprintf("identity %v without the trait", id), "PeerIdentity in Traits")
					k.check(id.ID != "" && id.Method != "", sprintf("%+v", id), "an ID and a Method")
					again, _ := carrier.IdentityOf(c)
					k.check(again == id, sprintf("%+v, then %+v", id, again), "one identity")
				}
			}
		},
	},
	{
		"schemes", "Schemes are in lower case and not empty",
		func(k *kit, s Subject) {
			all := s.Carrier.Schemes()
			k.check(len(all) > 0, "none", "at least one")
			for _, scheme := range all {
				k.check(scheme != "" && scheme == strings.ToLower(scheme), sprintf("%q", scheme), "lower case")
			}
		},
	},
}

// talk sends something each way.
func (k *kit) talk(a, b carrier.Conn) {
	k.Helper()
	if tr := a.Traits(); !tr.Reliable || !tr.Ordered {
		return // what comes, and in which order, is a matter for lossyCases
	}
	want := frames(1, 100)
	k.exchange(a, b, want, 2)
}

// echo accepts a connection and sends its first frame back, which on a medium
// that may lose it nobody waits for.
func echo(ctx context.Context, ln carrier.Listener) (carrier.Conn, error) {
	c, err := ln.Accept(ctx)
	if err != nil || !c.Traits().Reliable {
		return c, err
	}
	batch, err := c.Receive(ctx, nil)
	if err != nil {
		return c, err
	}
	return c, c.Send(ctx, batch)
}

// ask dials, sends a frame and wants it back.
func ask(ctx context.Context, dialer carrier.Carrier, addr string, i int) (carrier.Conn, error) {
	u, err := carrier.Parse(addr)
	if err != nil {
		return nil, err
	}
	c, err := dialer.Dial(ctx, u)
	if err != nil || !c.Traits().Reliable {
		return c, err
	}
	question := batchOf(frame(i, 1000))
	if err := c.Send(ctx, question); err != nil {
		return c, err
	}
	answer, err := c.Receive(ctx, nil)
	if err == nil && string(answer) != string(question) {
		err = errors.New("another connection's frame came back")
	}
	return c, err
}
