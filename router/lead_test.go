package router_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// twoTicks is how long what comes may wait when callers have read and read no more.
const twoTicks = 2 * time.Millisecond

// loner calls a hub's method until callers of its process read their answers
// themselves.
type loner struct {
	*hub
	reg     *sig.Registry
	client  *router.ClientRouter
	k       *sig.Sender
	release chan struct{} // closed: "slow" returns
}

func newLoner(t *testing.T) *loner {
	t.Helper()
	l := &loner{hub: newHub(t, router.Limits{}), release: make(chan struct{})}
	l.k = serve(t, l.hub.reg, func(_ context.Context, req *sig.Request) (any, error) {
		if req.Data == "slow" {
			<-l.release
		}
		return req.Data, nil
	})
	l.reg, l.client = l.join()
	l.knows(l.reg, "k")
	return l
}

func (l *loner) call(payload string) {
	l.t.Helper()
	answer, err := sig.Call[string](l.ctx, l.reg, "k", "m", payload)
	require.NoError(l.t, err)
	require.Equal(l.t, payload, answer)
}

// settle calls until nobody reads between two calls.
func (l *loner) settle() {
	l.t.Helper()
	for range 100 {
		l.call("quick")
	}
	synctest.Wait()
	times, nobody := router.CallersRead(l.client)
	require.Greater(l.t, times, uint64(50))
	require.True(l.t, nobody)
}

// hears subscribes to what the hub emits.
func (l *loner) hears() <-chan time.Time {
	l.t.Helper()
	heard := make(chan time.Time, 10) // as many as a test emits
	sub, err := sig.Subscribe(l.reg, "k", "e", func(sig.Event) { heard <- time.Now() }, nil)
	require.NoError(l.t, err)
	require.NoError(l.t, sub.InForce(l.ctx))
	return heard
}

func (l *loner) end() {
	require.NoError(l.t, l.client.Close())
	require.NoError(l.t, l.srv.Close())
}

// TestALoneCallerReads its answers itself, and what comes when nobody reads waits
// for two ticks at most; then the reader reads again.
func TestALoneCallerReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoner(t)
		heard := l.hears()
		l.settle()
		began := time.Now()
		require.NoError(t, l.k.Emit("e", 1))
		require.LessOrEqual(t, receive(t, l.ctx, heard).Sub(began), twoTicks)
		synctest.Wait()
		_, nobody := router.CallersRead(l.client)
		require.False(t, nobody)
		began = time.Now()
		require.NoError(t, l.k.Emit("e", 2))
		require.Zero(t, receive(t, l.ctx, heard).Sub(began))
		l.settle() // and so on
		l.end()
	})
}

// TestALateAnswerIsNotReadByTheCaller: it can leave when its context ends, and
// delays nobody.
func TestALateAnswerIsNotReadByTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoner(t)
		heard := l.hears()
		l.settle()
		ctx, cancel := context.WithTimeout(l.ctx, 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		late := make(chan error, 1) // of the one caller
		go func() {
			_, err := l.reg.Request(ctx, "k", "m", "slow")
			late <- err
		}()
		synctest.Wait()
		l.call("quick") // read by the other caller
		require.LessOrEqual(t, time.Since(began), twoTicks)
		require.NoError(t, l.k.Emit("e", 1))
		require.LessOrEqual(t, receive(t, l.ctx, heard).Sub(began), twoTicks)
		require.ErrorIs(t, receive(t, l.ctx, late), sig.ErrTimeout)
		require.Equal(t, 50*time.Millisecond, time.Since(began))
		close(l.release)
		l.end()
	})
}

// TestTheConnectionEndsWhileACallerReads, or nobody.
func TestTheConnectionEndsWhileACallerReads(t *testing.T) {
	for _, asks := range []bool{false, true} {
		for name, end := range map[string]func(l *loner) error{
			"here":  func(l *loner) error { return l.client.Close() },
			"there": func(l *loner) error { return l.srv.Close() },
		} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLoner(t)
					l.settle()
					lost := make(chan error, 1) // of the one caller
					if asks {
						go func() {
							_, err := l.reg.Request(l.ctx, "k", "m", "slow")
							lost <- err
						}()
						synctest.Wait()
					}
					ended := make(chan error, 1) // of end
					go func() { ended <- end(l) }()
					if asks {
						require.ErrorIs(t, receive(t, l.ctx, lost), sig.ErrConnectionLost)
					}
					close(l.release)
					require.NoError(t, receive(t, l.ctx, ended))
					l.end()
				})
			})
		}
	}
}

// TestAViolationThatACallerReads ends the connection as any other does (P11).
func TestAViolationThatACallerReads(t *testing.T) {
	p := newPeer(t)
	p.send(p.welcome(), wire.Connect{Sender: 1, Route: 1, Epoch: 1, Name: "k", Requests: []string{"m"}})
	p.round()
	failed := make(chan error, 1) // of the one caller
	go func() {                   // ends with the connection
		for {
			if _, err := p.reg.Request(p.ctx, "k", "m", 1); err != nil {
				failed <- err
				return
			}
		}
	}()
	var ask wire.Request
	for range 100 {
		require.NoError(t, ask.Decode(p.await(wire.TypeRequest)))
		p.send(wire.Reply{ID: ask.ID, Payload: []byte("1")})
	}
	require.NoError(t, ask.Decode(p.await(wire.TypeRequest)))
	p.send(wire.Reply{ID: ask.ID + 7, Payload: []byte("1")})
	var bye wire.Goodbye
	require.NoError(t, bye.Decode(p.await(wire.TypeGoodbye)))
	require.Equal(t, wire.CodeProtocol, bye.Code)
	require.ErrorIs(t, receive(t, p.ctx, failed), sig.ErrConnectionLost)
}

// TestCallersComeAndGo: one at a time, some together, some that give up, beside
// events. Every call is answered, and every event comes.
func TestCallersComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoner(t)
		heard := l.hears()
		const rounds = 20
		for range rounds {
			for range 200 {
				l.call("alone")
			}
			giving, giveUp := context.WithCancel(l.ctx)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for range 20 {
						if _, err := sig.Call[string](giving, l.reg, "k", "m", "together"); err != nil {
							require.ErrorIs(t, err, sig.ErrCancelled)
						}
						l.call("one of two")
					}
				})
			}
			wg.Go(giveUp)
			require.NoError(t, l.k.Emit("e", 1))
			receive(t, l.ctx, heard)
			wg.Wait()
		}
		times, _ := router.CallersRead(l.client)
		require.Greater(t, times, uint64(50*rounds))
		l.end()
	})
}
