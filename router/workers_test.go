package router

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/sig"
)

// crew is the workers of a session that has nothing but handlers.
type crew struct {
	t  *testing.T
	of *session
}

func newCrew(t *testing.T) *crew {
	r := newRig(t)
	s, _ := r.open()
	return &crew{t, s}
}

// ask has a handler answer request id.
func (c *crew) ask(id uint64, h func()) {
	c.t.Helper()
	reg := sig.New(nil)
	c.t.Cleanup(func() { reg.Close() })
	k, err := reg.Connect("k", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"m": func(context.Context, *sig.Request) (any, error) { h(); return nil, nil },
	}})
	require.NoError(c.t, err)
	r := &served{of: c.of, id: id, method: "m", data: ownPayload{payloadIn: payloadIn{[]byte("1"), json.New()}}}
	r.Begin(c.of.ctx, k, 0)
	c.of.workers.serve(r)
}

func (c *crew) idle() int {
	w := &c.of.workers
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.idle)
}

func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t)
		release := make(chan struct{})
		ran := 0
		c.ask(1, func() { <-release })
		for id := uint64(2); id < 10; id++ {
			c.ask(id, func() { ran++ })
			synctest.Wait()
			require.EqualValues(t, id-1, ran, "P4: a handler that takes long delays no other")
			require.Equal(t, 1, c.idle(), "the one that is done serves the next")
		}
		for id := uint64(10); id < 20; id++ {
			c.ask(id, func() { <-release })
		}
		synctest.Wait()
		require.Zero(t, c.idle())
		close(release)
		synctest.Wait()
		require.Equal(t, idleWorkers, c.idle(), "few wait, the others end")

		c.of.workers.retire()
		synctest.Wait()
		require.Equal(t, idleWorkers, c.idle(), "there were requests")
		c.of.workers.retire()
		synctest.Wait()
		require.Zero(t, c.idle(), "a connection without requests has one goroutine")
		c.ask(20, func() {})
		synctest.Wait()
		require.Equal(t, 1, c.idle(), "it ends with the session")
	})
}

// TestWorkersAndWhatComesTogether: requests that come together are all answered,
// also beside some that take long, and some whose handlers end their goroutines.
func TestWorkersAndWhatComesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t)
		var ran atomic.Int32
		count := func() { ran.Add(1) }
		for id := uint64(1); id <= 20; id++ {
			c.ask(id, count)
		}
		synctest.Wait()
		require.EqualValues(t, 20, ran.Load())

		release := make(chan struct{})
		for id := uint64(21); id <= 40; id += 2 {
			c.ask(id, func() { <-release })
			c.ask(id+1, count)
		}
		synctest.Wait()
		require.EqualValues(t, 30, ran.Load(), "P4: those that take long delay no other")
		close(release)

		for id := uint64(41); id <= 60; id += 2 {
			c.ask(id, runtime.Goexit)
			c.ask(id+1, count)
		}
		synctest.Wait()
		require.EqualValues(t, 40, ran.Load(), "P4")
	})
}
