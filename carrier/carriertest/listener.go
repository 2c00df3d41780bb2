package carriertest

import (
	"bytes"
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
		"stalled_peer", "a peer that stays silent delays nobody: Accept does not wait for a handshake",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			ctx := k.deadline()
			const stalled = 3
			for range stalled {
				s.stall(k, ln)
			}
			received := make(chan result[[]byte], stalled+1) // one each; nobody need be waiting
			acceptor := begin(func() (any, error) {
				for range stalled + 1 {
					c, err := ln.Accept(ctx)
					if err != nil {
						return nil, err
					}
					k.closeLater(c)
					go func() { // ends with Close, at the latest
						batch, err := handshakeAndReceive(ctx, c)
						received <- result[[]byte]{batch, err}
					}()
				}
				return nil, nil
			})
			a, err := s.Dialer.Dial(ctx, s.url(k, ln))
			if err != nil {
				k.broken(sprintf("Dial: %v", err), "a connection")
			}
			k.closeLater(a)
			want := batchOf(frame(0, 10))
			must(k, k.send(a, want), "Send beside silent peers")
			must(k, acceptor, "Accept beside silent peers")
			got, err := end(k, received, "Receive beside silent peers")
			k.check(err == nil && bytes.Equal(got, want), sprintf("error %v", err), "the frame of the one peer that talks")
		},
	},
	{
		"handshake_obeys_context", "the end of ctx ends a handshake with a peer that stays silent",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			s.stall(k, ln)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			c := must(k, begin(func() (carrier.Conn, error) { return ln.Accept(k.deadline()) }), "Accept")
			k.closeLater(c)
			if _, ok := c.(carrier.Handshaker); !ok {
				return
			}
			waiting := begin(func() (any, error) { return nil, carrier.Handshake(ctx, c) })
			pending(k, waiting, "Handshake with a silent peer")
			cancel()
			_, err := end(k, waiting, "Handshake after the end of its context")
			k.wantErr("Handshake", err, context.Canceled)
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
		"traits_and_identity", "Traits are the same on each call, and a medium without PeerIdentity proves nobody's",
		func(k *kit, s Subject) {
			a, b := s.pair(k)
			for _, c := range []carrier.Conn{a, b} {
				first, second := c.Traits(), c.Traits()
				k.check(first == second, "changing traits", "traits that stay")
				k.check(first.MaxFrame >= 1, "no MaxFrame", "the largest frame")
				if id, ok := carrier.IdentityOf(c); ok {
					k.check(first.PeerIdentity, sprintf("identity %v without the trait", id), "PeerIdentity in Traits")
					k.check(id.ID != "" && id.Method != "", sprintf("%+v", id), "an ID and a Method")
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
	if tr := a.Traits(); !tr.Reliable {
		return
	}
	want := frames(1, 100)
	k.exchange(a, b, want, 2)
}

// stall opens a connection that stays silent.
func (s Subject) stall(k *kit, ln carrier.Listener) {
	k.Helper()
	if s.Stall != nil {
		s.Stall(k.T, ln.Addr())
		return
	}
	ctx, u := k.deadline(), s.url(k, ln)
	// In a goroutine, since a Dial may wait for the Accept; ends with either.
	k.closeLater(silent(begin(func() (carrier.Conn, error) { return s.Dialer.Dial(ctx, u) })))
}

// silent is a connection that is dialled and then left alone.
type silent <-chan result[carrier.Conn]

func (s silent) Close() error {
	if r := <-s; r.err == nil {
		return r.value.Close()
	}
	return nil // the listener was closed first
}

// echo accepts a connection and sends its first frame back.
func echo(ctx context.Context, ln carrier.Listener) (carrier.Conn, error) {
	c, err := ln.Accept(ctx)
	if err != nil {
		return nil, err
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
	if err != nil {
		return nil, err
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

func handshakeAndReceive(ctx context.Context, c carrier.Conn) ([]byte, error) {
	if err := carrier.Handshake(ctx, c); err != nil {
		return nil, err
	}
	return c.Receive(ctx, nil)
}
