package router

import (
	"fmt"
	"sync/atomic"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// outRoute takes the events of one route to one peer: the [sig.Target] for what
// this process emits, and where the readers of other connections forward to.
type outRoute struct {
	link *link
	of   *announced
	rt   *sig.Route
	id   uint32

	// started is the connection on which the peer knows the number of the next
	// event (ROUTE was sent). Of a remote route only its owner's reader sets it,
	// or whoever has found that reader at rest; of a local one whoever holds the
	// link's lock; anybody may set nil.
	started atomic.Pointer[session]
	// begins: the peer has begun to want the route, and the next ROUTE says so.
	begins atomic.Bool
	turn   atomic.Uint32 // of the WANT by which it has begun; 0: of none

	lossy atomic.Bool // the peer accepts loss
	// period is that in which it gets the events NUMBERED, as of the latest ROUTE;
	// 0: it does not, or the sender has declared them lossy. Changed as started is.
	period  atomic.Uint32
	periods uint32 // there were so far

	unsettled uint64 // the session's takes from which on datagrams may follow what was queued; guarded by link.mu

	// Guarded by link.mu.
	gone     bool   // the sender has left
	wanted   bool   // by the peer
	asked    wish   // what a server has said of that, whether or not it may have it
	begun    uint64 // the latest event of this process when the peer began to want the route
	number   uint64 // the peer's count of them: exact also when emitters overtake each other
	reserved int    // places promised to EmitWait
	sizes    []int  // payload bytes of each held-back event under way, oldest first
	bytes    int    // their sum
	room     chan struct{}
}

// Push implements [sig.Target]. It encodes once for all peers with the codec,
// and appends to what waits for the peer; it never waits itself.
func (or *outRoute) Push(em *sig.Emission) error {
	for {
		s := or.link.current.Load()
		if s == nil {
			return or.pushOffline(em)
		}
		if done, err := s.push(or, em); done {
			return err
		}
		// The connection was lost between the two: keep it, or use the new one.
	}
}

// PushBytes implements [sig.Target], where the peer gets bytes as they are. It needs
// no Emission, whose taking from a pool is a tenth of emitting.
func (or *outRoute) PushBytes(seq uint64, data []byte) (took bool, err error) {
	s := or.link.current.Load()
	if s == nil || !s.verbatim {
		return false, nil
	}
	return s.pushEncoded(or, emitted{seq: seq, payload: data})
}

// emitted is one event as it is to be queued.
type emitted struct {
	seq      uint64
	held     bool
	reserved bool
	payload  []byte
	err      error // it could not be encoded
}

func (s *session) push(or *outRoute, em *sig.Emission) (done bool, err error) {
	e := emitted{seq: em.Seq(), held: em.Held(), reserved: em.Reserved()}
	payload, ok := em.Bytes()
	if !ok || !s.verbatim {
		payload, e.err = em.Encode(s.codecKey, s.codec.Append)
	}
	e.payload = payload
	return s.pushEncoded(or, e)
}

// pushEncoded queues what has been encoded, or that it could not be. It reports
// false if the connection is gone.
func (s *session) pushEncoded(or *outRoute, e emitted) (done bool, err error) {
	if e.err == nil && len(e.payload)+eventOverhead > s.maxFrame {
		e.err = sig.NewError(sig.CodeTooLarge, fmt.Sprintf("%s of %s has %d bytes; the peer takes %d",
			or.rt.Name(), or.rt.Sender().Name(), len(e.payload), s.maxFrame-eventOverhead))
	}
	s.link.mu.Lock()
	defer s.unlockAndWrite() // alone in a function with one return it costs a nanosecond, else twenty
	return s.pushLocked(or, &e)
}

func (s *session) pushLocked(or *outRoute, e *emitted) (done bool, _ error) {
	l := s.link
	if l.sess != s {
		return false, nil
	}
	if e.reserved {
		or.reserved--
		or.wakeLocked() // who wakes finds the lock taken until this event is accounted for
	}
	switch {
	case or.gone:
		return true, sig.NewError(sig.CodeNotConnected, quoted(or.rt.Sender().Name()))
	case or.late(e.seq):
		return true, nil
	}
	or.number++
	if !or.of.known.Load() {
		return true, nil // not announced there: too large, which was logged, or not its business
	}
	held := e.held && s.features&wire.FeatureHeld != 0
	if s.keepEarlyLocked(or, held || e.err != nil, e.payload) {
		return true, nil
	}
	s.startRouteLocked(or, or.number)
	if e.err == nil {
		s.emitLocked(or, held, or.number, e.payload)
		return true, nil
	}
	if s.numbers(or) {
		s.tailLocked(or, or.number)
	} else {
		s.controlLocked(wire.Lost{Route: or.id, Count: 1, Reason: uint8(sig.LossBadPayload)}.Append(nil))
	}
	l.stats.lost(sig.LossBadPayload, 1)
	return true, e.err
}

// eventOverhead is the most that an EVENT's header takes.
const eventOverhead = 1 + 5

// late reports whether an event of this process comes too late: its emission was
// under way when the peer ceased to want the route, or when it began to want it
// again and was told the number of the next one. Call it with the link's lock
// held.
func (or *outRoute) late(seq uint64) bool { return !or.wanted || seq <= or.begun }

// startRouteLocked tells the peer the number of the route's next event.
func (s *session) startRouteLocked(or *outRoute, seq uint64) {
	if or.rt.Sender().Bridge() == nil { // else its reader chooses
		s.choose(or)
	}
	if or.started.Load() == s {
		return
	}
	var scratch [32]byte
	s.out.control(or.startsAt(s, seq).Append(scratch[:0]))
	s.unsettleLocked(or)
}

// startsAt is the ROUTE that a peer is told next.
func (or *outRoute) startsAt(s *session, seq uint64) wire.Route {
	or.started.Store(s)
	e := wire.Route{Route: or.id, Seq: max(seq, 1), Begin: or.begins.Swap(false), Period: s.period(or)}
	if e.Begin {
		e.Turn = or.turn.Load()
	}
	return e
}

// awaitsOwner reports whether the owner of a remote route has yet to say where it
// stands: nobody wanted it for a while, and what its reader, which may have looked
// before that, still takes in is not what the peer begins with.
func (or *outRoute) awaitsOwner() bool {
	ir := origin(or.rt)
	return ir != nil && ir.lapsed.Load()
}

// eventLocked queues one event. The caller sees to it that somebody writes.
func (s *session) eventLocked(or *outRoute, held bool, payload []byte) {
	var flags wire.Flags
	if held {
		flags = wire.FlagHeld
		or.holdLocked(len(payload))
	}
	n := carrier.FrameOverhead + eventOverhead + len(payload)
	seg := s.out.tail(n)
	before := len(seg.buf)
	seg.buf = appendEventFrame(seg.buf, flags, or.id, payload)
	size := len(seg.buf) - before
	s.out.bytes += size
	s.link.traffic.eventsOut++
	if !held {
		seg.plain += size
		s.out.plain += size
	}
	s.out.mark(seg, size)
	s.boundLocked()
}

// appendEventFrame appends an EVENT with its length.
func appendEventFrame(batch []byte, flags wire.Flags, id uint32, payload []byte) []byte {
	start := len(batch)
	batch = append(batch, 0, 0, 0, 0)
	batch = wire.AppendEventHeader(batch, flags, id)
	batch = append(batch, payload...)
	n := len(batch) - start - carrier.FrameOverhead
	batch[start], batch[start+1], batch[start+2], batch[start+3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return batch
}

// askedFor notes what a server wants of the route.
func (or *outRoute) askedFor(w wish) {
	or.link.mu.Lock()
	defer or.link.mu.Unlock()
	or.asked = w
}

// MayLose implements [sig.LossyTarget].
func (or *outRoute) MayLose(on bool) { or.lossy.Store(on) }

// holdLocked accounts for a held-back event that goes out.
func (or *outRoute) holdLocked(size int) {
	or.sizes = append(or.sizes, size)
	or.bytes += size
}

// TryReserve implements [sig.Target]: whether the peer's window for the route
// has room for one more held-back event.
func (or *outRoute) TryReserve() bool {
	l := or.link
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sess
	switch {
	case or.gone || l.closed || s != nil && !or.of.known.Load():
		or.reserved++
		return true // Push will say so
	case s == nil:
		return false // until there is a connection
	case s.features&wire.FeatureHeld == 0:
		or.reserved++
		return true // an old peer: its link's bound is all there is
	}
	// One reservation at a time: how much of the window it takes is known when
	// it is used.
	if or.reserved > 0 || len(or.sizes) >= int(s.peerLimits.WindowEvents) || or.bytes >= int(s.peerLimits.WindowBytes) {
		return false
	}
	or.reserved++
	return true
}

// Release implements [sig.Target].
func (or *outRoute) Release() {
	or.link.mu.Lock()
	defer or.link.mu.Unlock()
	or.reserved--
	or.wakeLocked()
}

// Room implements [sig.Target].
func (or *outRoute) Room() <-chan struct{} {
	or.link.mu.Lock()
	defer or.link.mu.Unlock()
	if or.room == nil {
		or.room = make(chan struct{}) // closed by wakeLocked
	}
	return or.room
}

// wakeLocked lets everybody who waits for room look again.
func (or *outRoute) wakeLocked() {
	if or.room != nil {
		close(or.room)
		or.room = nil
	}
}

// creditLocked takes back n places of the window. It reports false when the
// peer returns more than it was sent.
func (or *outRoute) creditLocked(n int) bool {
	if n > len(or.sizes) {
		return false
	}
	for _, size := range or.sizes[:n] {
		or.bytes -= size
	}
	or.sizes = append(or.sizes[:0], or.sizes[n:]...)
	or.wakeLocked()
	return true
}

// forgetHeld gives up on held-back events under way: the peer is gone or no
// longer wants them. Call it with the link's lock held.
func (or *outRoute) forgetHeld() {
	or.sizes, or.bytes = or.sizes[:0], 0
	or.wakeLocked()
}

// retire ends the route: its sender has left. Call it with the link's lock held.
func (or *outRoute) retire() {
	or.gone = true
	or.forgetHeld()
}

// outstanding is how many held-back events the peer has not yet taken.
func (or *outRoute) outstanding() int {
	or.link.mu.Lock()
	defer or.link.mu.Unlock()
	return len(or.sizes)
}
