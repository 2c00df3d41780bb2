package carriertest

import (
	"bytes"
	"context"

	"github.com/gosig/gosig/carrier"
)

// strangerCases are about peers that connect and then say nothing.
var strangerCases = []listenerCase{
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
		"no_identity_before_the_handshake", "before the handshake is over nobody's identity is known: a claim is no proof",
		func(k *kit, s Subject) {
			if s.Stall == nil {
				return // what Dial opens may have done its handshake already
			}
			ln := s.listen(k)
			s.stall(k, ln)
			c := must(k, begin(func() (carrier.Conn, error) { return ln.Accept(k.deadline()) }), "Accept")
			k.closeLater(c)
			if _, ok := c.(carrier.Handshaker); !ok {
				return
			}
			id, ok := carrier.IdentityOf(c)
			k.check(!ok, sprintf("identity %+v of a peer that has said nothing", id), "none")
		},
	},
	{
		"silent_peer_can_be_closed", "Close ends a connection whose peer has never said a word",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			s.stall(k, ln)
			c := must(k, begin(func() (carrier.Conn, error) { return ln.Accept(k.deadline()) }), "Accept")
			k.closeLater(c)
			waiting := begin(func() ([]byte, error) { return c.Receive(context.Background(), nil) })
			pending(k, waiting, "Receive from a silent peer")
			k.closeSoon(c)
			_, err := end(k, waiting, "Receive after Close")
			k.check(err != nil, "no error", "an error")
			k.closedForGood(c)
		},
	},
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

func handshakeAndReceive(ctx context.Context, c carrier.Conn) ([]byte, error) {
	if err := carrier.Handshake(ctx, c); err != nil {
		return nil, err
	}
	return c.Receive(ctx, nil)
}
