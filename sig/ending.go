package sig

import (
	"runtime"
	"sync"
)

// Eviction ends one sender, see [Registry.EvictAll].
type Eviction struct {
	Sender *Sender
	Err    error // what [Sender.Err] is to be

	reason string // that goes out with the #disconnect
}

// Kick ends a sender from outside, because its name is taken elsewhere or taken
// over: [Sender.Err] is err. Its #disconnect is delivered at once; a router
// with events of it still on the way uses [Registry.Evict].
func (r *Registry) Kick(s *Sender, err error) { r.Evict(s, err).Deliver() }

// Evict is Kick whose #disconnect goes out when the caller delivers the notice.
func (r *Registry) Evict(s *Sender, err error) *Notice {
	return r.EvictAll([]Eviction{{Sender: s, Err: err}})[0]
}

// EvictAll is Evict of several senders, which costs less at once where many bridges
// have to be told of each. It returns a notice for each of them; nil: it had ended.
func (r *Registry) EvictAll(senders []Eviction) []*Notice {
	for i := range senders {
		ev := &senders[i]
		ev.reason = ev.Err.Error()
		if e, ok := ev.Err.(*Error); ok && e.Code == CodeNotConnected {
			ev.reason = e.Text // the code's own words would only repeat the event's name
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end(senders...)
}

// end takes their names from senders and tells the bridges. The notices deliver the
// #disconnects; one is nil if the sender had ended before.
func (r *Registry) end(senders ...Eviction) []*Notice {
	notices := make([]*Notice, len(senders))
	ending := senders[:0:0]
	for i, ev := range senders {
		if s := ev.Sender; !s.gone.Load() {
			r.depart(s, ev.Err)
			notices[i] = &Notice{sender: s, disconnect: r.presenceEvent(s, EventDisconnect, ev.reason)}
			ending = append(ending, ev)
		}
	}
	r.tellEnds(ending)
	for _, ev := range ending {
		for _, rt := range ev.Sender.routes {
			rt.links = nil
			if ev.Sender.bridge == nil {
				rt.invalidate()
			}
		}
	}
	return notices
}

// depart takes the name from s.
func (r *Registry) depart(s *Sender, err error) {
	if s.bridge != nil {
		s.resolveRoutes() // what is on its way still has to be delivered
		delete(s.bridge.senders, s)
	}
	s.err = err
	s.gone.Store(true)
	s.slot.current = nil
	r.connected--
	close(s.done)
	s.inflight.abandon()
}

// shareFrom is from how many calls of peers on they are worth another goroutine.
const shareFrom = 4096

// tellEnds tells all bridges of senders that have ended. A router has thousands of
// bridges: they are shared among the processors.
func (r *Registry) tellEnds(ending []Eviction) {
	n := 1
	if len(r.bridges)*len(ending) >= shareFrom {
		n = runtime.GOMAXPROCS(0)
	}
	var others sync.WaitGroup
	var failed any
	var once sync.Once
	for i := 1; i < n; i++ {
		others.Go(func() { // ends with its share
			defer func() {
				if p := recover(); p != nil {
					once.Do(func() { failed = p })
				}
			}()
			r.tellShare(ending, i, n)
		})
	}
	func() {
		defer others.Wait() // also of a panic: the lock is let go then
		r.tellShare(ending, 0, n)
	}()
	if failed != nil {
		panic(failed) // is for whoever called, as it would be without the goroutine
	}
}

// tellShare tells the i-th of n shares of the bridges.
func (r *Registry) tellShare(ending []Eviction, i, n int) {
	for _, b := range r.bridges[len(r.bridges)*i/n : len(r.bridges)*(i+1)/n] {
		for _, ev := range ending {
			if b != ev.Sender.bridge {
				b.peer.SenderDisconnected(ev.Sender, ev.reason)
			}
		}
	}
}

// Notice is a #connect or #disconnect whose change has happened already, and
// that local handlers hear of when the router calls Deliver: after the earlier
// events of that sender have been delivered. Until then the events of a new
// life of the same name wait.
type Notice struct {
	sender     *Sender
	disconnect func() // nil: a #connect
	more       []*Notice
}

// Deliver runs the local handlers. It is called once for each notice; a nil
// notice has nothing to deliver.
func (n *Notice) Deliver() {
	if n == nil {
		return
	}
	for _, m := range n.more {
		m.Deliver()
	}
	switch {
	case n.sender == nil:
	case n.disconnect == nil:
		if n.sender.slot.announce(n.sender) {
			n.sender.slot.drain()
		}
	case n.sender.slot.finish(n.sender, n.disconnect):
		n.sender.slot.drain()
	}
}
