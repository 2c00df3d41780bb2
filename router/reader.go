package router

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// beginReading prepares for read, which the caller or a goroutine of its own calls
// next. ended is called when the connection is over, by whoever reads last; readers
// is for goroutines that read in the place of the first.
func (s *session) beginReading(readers *sync.WaitGroup, ended func()) {
	s.readers, s.ended = readers, ended
}

// read takes in what the peer sends until the connection ends, or another
// goroutine reads on in the place of this one, see inline. It forwards
// events to other connections itself, in batches, and hands to the link's
// handler goroutine what is for this process. It never waits for either.
func (s *session) read() {
	if s.readOn() {
		s.ended()
	}
}

// readOn reports whether the connection has ended.
func (s *session) readOn() (over bool) {
	over = true
	defer s.contain()
	for {
		lone, err := s.takeBatch(s.receive(context.Background()))
		if s.mayStandBy(lone) {
			s.woken = false // there was one only, and this goroutine stops
			err = s.standBy()
		}
		if s.woken {
			s.woken = false
			runtime.Gosched() // they go first: reading on often finds nothing yet
		}
		if err != nil {
			s.endReading(err)
			return true
		}
		over = false // as long as another one may read on
		if !s.runInline() {
			return false
		}
		over = true
		if s.allowance != nil {
			s.holdBack()
		}
		if s.announcing > 0 && s.announcements != nil {
			s.holdAnnouncing()
		}
		if s.fresh { // this one's stack may have grown
			s.lent = false
			s.readers.Go(s.read) // ends as this one does
			return false
		}
	}
}

// endReading ends the connection because of what has ended the reading.
func (s *session) endReading(err error) {
	s.reading.free() // it may have been taken to find that out
	s.reading = nil
	var by violated
	if !errors.As(err, &by) {
		s.fail(err)
		return
	}
	s.leaveInline()
	s.violation(by.error)
}

// silence is after how long the goroutine that reads makes room for another one:
// it is to wait for the next batch with a small stack. There may be many
// connections that bring little.
const silence = time.Second

// wasSilent reports whether the batch that has come is the first for a while.
func (s *session) wasSilent() bool {
	now := time.Now()
	silent := now.Sub(s.latest) >= silence
	s.latest = now
	return silent
}

// takeIn takes in one batch in a turn of its principal, and leaves everything ready
// for the next.
func (s *session) takeIn(batch []byte) error {
	s.readTurn.lookAround(len(batch))
	s.takeTurn(&s.readTurn)
	defer s.readTurn.giveUp()
	if s.datagrams != nil {
		s.reads.Lock()
		defer s.reads.Unlock()
	}
	s.clock = s.latest
	s.begins.busy()
	err := s.handle(batch)
	s.flush()
	s.rest()
	s.lend(batch)
	return err
}

// receive returns the next batch, first of all what came behind WELCOME. It lies
// in s.reading.
func (s *session) receive(ctx context.Context) ([]byte, error) {
	if s.goesOn = len(s.later) > 0; s.goesOn {
		if s.ctx.Err() != nil { // ended while the peer was held back
			return nil, context.Cause(s.ctx)
		}
		return s.portion(s.later), nil
	}
	if len(s.behind) > 0 {
		batch := s.behind
		s.behind = nil
		s.readIn(batch)
		return s.portion(batch), nil
	}
	batch, err := carrier.ReceiveLazily(ctx, s.conn, (*readBuffers)(s))
	if err != nil {
		return nil, err
	}
	if &batch[0] != &s.reading.bytes[0] { // a frame larger than the buffer
		s.reading.free()
		s.readIn(batch)
	}
	return s.portion(batch), nil
}

// portion is what is taken in at once of what was read: little of who is to be held back,
// although there may have been room for a large frame. What is behind it is next.
//
//go:noinline
func (s *session) portion(batch []byte) []byte {
	s.later = nil
	if s.allowance == nil || len(batch) <= smallBuffer {
		return batch
	}
	end := carrier.FrameEnd(batch, 0)
	for next := end; next > 0 && next <= smallBuffer; next = carrier.FrameEnd(batch, end) {
		end = next
	}
	if end == 0 { // no frame: whoever takes it in says so
		return batch
	}
	s.later = batch[end:]
	return batch[:end:end]
}

// readIn takes memory of others for what was read. It is apart from receive for
// the sake of a stack that has 2 KiB, see silence.
//
//go:noinline
func (s *session) readIn(batch []byte) { s.reading = bufferOf(batch) }

// readBuffers is the [carrier.BufferSource] of a session.
type readBuffers session

// Take implements [carrier.BufferSource].
func (s *readBuffers) Take() []byte {
	if s.reading == nil {
		s.reading = newBuffer(s.room)
	}
	return s.reading.bytes
}

// Return implements [carrier.BufferSource].
func (s *readBuffers) Return() {
	s.reading.free()
	s.reading = nil
}

// handle takes in one batch. The error is a violation.
func (s *session) handle(batch []byte) error {
	defer s.endRun() // it refers to the batch
	s.retired = s.link.node.retired.Load()
	for at := 0; at < len(batch); {
		end := carrier.FrameEnd(batch, at)
		if end == 0 {
			_, _, err := carrier.Next(batch[at:])
			return err
		}
		frame := batch[at+carrier.FrameOverhead : end]
		t, _ := wire.TypeOf(frame)
		var err error
		if t == wire.TypeEvent {
			end, err = s.event(batch, at, end)
		} else {
			s.endRun()
			if t != wire.TypeRequest && t != wire.TypeReply { // these are relayed in the batch, in order
				s.flush() // nothing may overtake the events before it
			}
			err = s.envelope(t, frame)
		}
		if err != nil {
			return err
		}
		at = end
	}
	return nil
}

// envelope takes in anything but an event.
func (s *session) envelope(t wire.Type, frame []byte) error {
	if !wire.Legal(wire.Open, s.peerRole(), t) {
		return unless("table of states", sig.NewError(sig.CodeProtocol, fmt.Sprintf("%v is not legal here", t)))
	}
	if t != wire.TypePong && t != wire.TypeFragment { // pieces count as what they make
		s.came++
	}
	switch t {
	case wire.TypeConnect:
		return take(s, frame, s.onConnect)
	case wire.TypeConnected:
		return take(s, frame, s.onConnected)
	case wire.TypeDisconnect:
		return take(s, frame, s.onDisconnect)
	case wire.TypeSubscribe:
		return take(s, frame, s.onSubscribe)
	case wire.TypeUnsubscribe:
		return take(s, frame, s.onUnsubscribe)
	case wire.TypeRefused:
		return take(s, frame, s.onRefused)
	case wire.TypeWant:
		return take(s, frame, s.onWant)
	case wire.TypeRoute:
		return take(s, frame, s.onRoute)
	case wire.TypeLost:
		return take(s, frame, s.onLost)
	case wire.TypeCredit:
		return take(s, frame, s.onCredit)
	case wire.TypeRequest: // into memory of the reader's own, as the next
		if err := s.asks.Decode(frame); err != nil {
			return err
		}
		return s.onRequest(&s.asks)
	case wire.TypeReply:
		if err := s.answers.Decode(frame); err != nil {
			return err
		}
		return s.onReply(&s.answers)
	case wire.TypeCancel:
		return take(s, frame, s.onCancel)
	case wire.TypePing:
		return take(s, frame, s.onPing)
	case wire.TypePong:
		return take(s, frame, func(*wire.Pong) error { return nil }) // having arrived is all it says
	case wire.TypeSync:
		return take(s, frame, s.onSync)
	case wire.TypeSynced:
		return take(s, frame, s.onSynced)
	case wire.TypeNodes:
		return take(s, frame, s.onNodes)
	case wire.TypeNumbered:
		return take(s, frame, s.onNumbered)
	case wire.TypeLossy:
		return take(s, frame, s.onLossy)
	case wire.TypeFragment:
		return take(s, frame, s.onFragment)
	case wire.TypeGoodbye:
		return take(s, frame, s.onGoodbye)
	case wire.TypeAbort:
		return take(s, frame, func(e *wire.Abort) error { return s.onGoodbye(&wire.Goodbye{Code: e.Code, Reason: e.Reason}) })
	default:
		return sig.NewError(sig.CodeProtocol, fmt.Sprintf("%v is not legal here", t))
	}
}

// take decodes a frame and hands it on.
func take[E any, P interface {
	*E
	Decode([]byte) error
}](s *session, frame []byte, on func(*E) error) error {
	var e E
	if err := P(&e).Decode(frame); err != nil {
		return err
	}
	return on(&e)
}

func (s *session) peerRole() wire.Role {
	if s.link.role == wire.RoleClient {
		return wire.RoleServer
	}
	return wire.RoleClient
}

// lend hands over what the batch has brought for this process, and chooses a buffer
// for the next read.
func (s *session) lend(batch []byte) {
	s.lendHere()
	if len(s.later) > 0 {
		s.roomForFrame(batch)
		return // it lies there as well
	}
	buf := s.reading
	s.room = nextSize(len(batch), len(buf.bytes))
	switch {
	case s.allowance != nil:
		s.room = smallBuffer // little is taken in at once of who is to be held back
	case s.room > mediumBuffer && s.readTurn.crowded():
		s.room = mediumBuffer // a turn is not to be long
	}
	s.room = max(s.room, s.roomForFrame(batch))
	if buf.alone() && len(buf.bytes) == s.room {
		return
	}
	buf.free()
	s.reading = nil
}

// roomForFrame is the size of buffer that the large frames of the latest batches would
// have fitted in: a frame that does not is put together in memory that is not used again,
// and whoever sends many of them would have the garbage collector run all the time, at
// the cost of everybody. One that did not fit is the first of its batch.
func (s *session) roomForFrame(batch []byte) int {
	end := carrier.FrameEnd(batch, 0)
	switch {
	case s.goesOn && end <= smallBuffer: // the same batch
	case end > smallBuffer:
		s.large, s.small = min(sizeOf(end), s.largestRoom()), 0
	case s.large > 0:
		if s.small++; s.small == fewSmall {
			s.large = 0
		}
	}
	return s.large
}

// largestRoom is less where the connection waits with the buffer in hand.
func (s *session) largestRoom() int {
	if _, ok := s.conn.(carrier.LazyReceiver); ok {
		return largestBuffer
	}
	return largeBuffer
}

// fewSmall is after how many batches without a large frame there is no room kept for one.
const fewSmall = 8

// lendHere hands what is for this process to the handler goroutine, with the buffer
// that it refers to.
func (s *session) lendHere() {
	b := s.local
	if b == nil {
		return
	}
	s.local = nil
	if buf := s.reading; b.bytes*pinned >= len(buf.bytes) {
		b.buf, b.bytes = buf.hold(), len(buf.bytes)
	} else {
		b.compact()
	}
	s.link.inbound.push(b)
}

// nextSize chooses the size of the next read buffer: larger once one was half
// filled, smaller again when reads bring little.
func nextSize(n, size int) int {
	switch {
	case size > mediumBuffer && n >= size/8, size > smallBuffer && n > size/2:
		return largeBuffer
	case size > smallBuffer && n >= size/8, n > size/2:
		return mediumBuffer
	}
	return smallBuffer
}

// compact copies the payloads together, so that a few small events do not hold
// a large buffer.
func (b *inBatch) compact() {
	if b.bytes == 0 {
		return
	}
	b.buf = bufferOf(make([]byte, b.bytes))
	at := 0
	for i := range b.items {
		it := &b.items[i]
		n := copy(b.buf.bytes[at:], it.frames)
		it.frames = b.buf.bytes[at : at+n : at+n]
		at += n
	}
}

// deliver runs a batch's items on the handler goroutine.
func (l *link) deliver(b *inBatch) {
	for b.next < len(b.items) {
		it := &b.items[b.next]
		if it.kind == inEvents {
			l.deliverEvents(it)
			b.next++ // after the events, which go on if a handler ends its goroutine
			continue
		}
		b.next++
		switch it.kind {
		case inTask:
			l.inbound.tasks.Add(-1)
			it.task()
		case inLost:
			it.route.deliverLost(it.lost, it.reason)
		case inHeld:
			it.route.deliverHeld(it.frames)
		}
	}
	b.recycle()
}
