package modeltest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gosig/gosig/sig"
	"pgregory.net/rapid"
)

// endWhileEmitting disconnects a sender while another goroutine emits for it:
// whatever gets through comes before the #disconnect (P3).
func (s *script) endWhileEmitting(t *rapid.T) {
	l := s.anyLife(t)
	if len(l.events) < 2 {
		t.Skip("it declares nothing")
	}
	s.begin()
	s.history.mu.Lock()
	delete(s.history.alive, l.name)
	s.history.mu.Unlock()
	var wg sync.WaitGroup // ends at the first error, which Disconnect causes, or soon
	var err error
	emitting := make(chan struct{}) // closed before the first event
	wg.Go(func() {
		close(emitting)
		for range 100 {
			if err = s.send(l, l.events[0], entry{quiet: true, racing: true}, emittings[0]); err != nil {
				return
			}
		}
	})
	<-emitting
	endErr := l.sender.Disconnect(reason(l.n))
	wg.Wait()
	if endErr != nil || err != nil && !errors.Is(err, sig.ErrNotConnected) {
		t.Fatalf("P10: %s emits while it disconnects: got %v and %v, want ErrNotConnected and nil", l.name, err, endErr)
	}
	s.history.add(entry{key: key{disconnected, l.n}, reg: l.reg, sender: l.name, event: sig.EventDisconnect})
}

// handOver disconnects a sender and connects its name in any registry as soon
// as that is possible there, while handlers everywhere may still be busy with
// the earlier life: the next one must wait for them (P3).
func (s *script) handOver(t *rapid.T) {
	old := s.anyLife(t)
	reg := s.anyRegistry(t)
	s.settle(t) // reg must know of the life before it can know of its end
	s.begin()
	if err := s.end(old); err != nil {
		t.Fatalf("%s of registry %d disconnects: %v", old.name, old.reg, err)
	}
	next := s.connectSoon(t, reg, old)
	for _, event := range next.events[:len(next.events)-1] {
		if err := s.send(next, event, entry{quiet: true}, emittings[0]); err != nil {
			t.Fatalf("%s emits %s in its next life: %v", next.name, event, err)
		}
	}
	if rapid.Bool().Draw(t, "leaves again") {
		if err := s.end(next); err != nil {
			t.Fatalf("%s of registry %d disconnects again: %v", next.name, next.reg, err)
		}
	}
	s.settle(t) // until then even local events may be on the way
}

func (s *script) connectSoon(t *rapid.T, reg int, old *life) *life {
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.Patience)
	defer cancel()
	again := time.NewTicker(50 * time.Microsecond) // a #disconnect would come too late
	defer again.Stop()
	for {
		next, err := s.newLife(reg, old.name, old.events[:len(old.events)-1])
		switch {
		case err == nil:
			return next
		case !errors.Is(err, sig.ErrNameTaken) || ctx.Err() != nil:
			t.Fatalf("P10: registry %d connects %s, which registry %d has given up: %v", reg, old.name, old.reg, err)
		}
		<-again.C
	}
}
