package router

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// What is queued for a peer is written by one goroutine at a time, in order.
// Which one it is depends on the line:
//
//	quiet: whoever queues the frame claims the writing and tries, without
//	       waiting; what the medium does not take is left to
//	busy:  a goroutine that writes all that has gathered, until nothing has
//
// The first spares a lone frame the waking of a goroutine, the second makes
// large writes of many frames.

// controlLocked queues a frame that must not be dropped.
func (s *session) controlLocked(frame []byte) {
	if len(s.tails)+len(s.said)+len(s.asked.later) > 0 {
		t, _ := wire.TypeOf(frame)
		s.tellBeforeLocked(t)
	}
	s.out.control(frame)
	s.boundLocked()
	s.kickLocked()
}

// writeBy says who writes what is queued.
type writeBy uint8

const (
	byWriter writeBy = iota // a goroutine that gathers
	byCaller                // the caller, if the line is quiet; it holds no lock of this package
	byNobody                // the caller has more, and calls writeNow behind the last; a goroutine if it becomes much
)

// queue queues one envelope of at most size bytes that must not be dropped, if
// this is still the link's connection.
func (s *session) queue(size int, by writeBy, envelope func([]byte) []byte) {
	defer s.contain()
	if s.queueAndClaim(size, by, envelope) {
		s.writeClaimed()
	}
}

func (s *session) queueAndClaim(size int, by writeBy, envelope func([]byte) []byte) (claimed bool) {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess != s {
		return false
	}
	seg := s.out.tail(size + carrier.FrameOverhead)
	start := len(seg.buf)
	seg.buf = envelope(append(seg.buf, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(seg.buf[start:], uint32(len(seg.buf)-start-carrier.FrameOverhead))
	s.out.bytes += len(seg.buf) - start
	s.out.mark(seg, len(seg.buf)-start)
	s.boundLocked()
	switch by {
	case byWriter:
		s.kickLocked()
	case byCaller:
		claimed = s.claimLocked()
	case byNobody:
		if s.out.bytes > claimMost { // it would not be the caller's in the end either
			s.kickLocked()
		}
	}
	return claimed
}

// writeNow writes what is queued, as byCaller says.
func (s *session) writeNow() {
	l := s.link
	l.mu.Lock()
	claimed := (l.sess == s || l.leaving == s) && s.claimLocked()
	l.mu.Unlock()
	if claimed {
		s.writeClaimed()
	}
}

// boundLocked keeps what waits for a slow peer within its bound (P8). Events go
// first; when control frames alone are too many the connection ends.
func (s *session) boundLocked() {
	bound, limit := s.link.limits.OutboundBytes, LimitOutbound
	if part, over := s.settleLocked(); over && part < bound {
		bound, limit = part, LimitOutboundTotal
	}
	if s.out.bytes <= bound {
		return
	}
	// Little more than has to go: whoever queues the frame that is too much may be
	// somebody else than who has filled the queue.
	if lost := s.out.shed(bound - bound/32); lost > 0 { // costs nothing where nothing may be dropped
		s.link.stats.lost(sig.LossSlowPeer, lost)
		s.link.traffic.lost += lost
		s.hit(limit, "lost", lost)
	}
	if s.out.bytes > 2*bound+2*s.maxFrame {
		s.fail(s.limitError(limit, fmt.Sprintf("the peer reads too slowly: %d bytes wait for it, the limit %s allows %d", s.out.bytes, limit, bound)))
	}
}

// kickLocked sees to it that somebody writes.
func (s *session) kickLocked() {
	if s.writing || s.corked || len(s.out.segs) == 0 {
		return
	}
	s.writing = true
	s.writer.Go(s.write) // ends when nothing is left to write, or the connection fails
}

// quietTime is for how long nothing was written to a quiet line. Who emits more
// often is served by a goroutine that gathers.
const quietTime = 50 * time.Microsecond

// unlockAndWrite ends an emission: it releases the link's lock and, on the quiet
// line of a client, brings the event there itself. A server's emitter may have
// many such lines, and is not to be held up by each.
func (s *session) unlockAndWrite() {
	l := s.link
	claimed := false
	if l.sess == s {
		if !s.writing && l.role == wire.RoleClient && time.Since(s.wrote) > quietTime {
			claimed = s.claimLocked()
		}
		s.kickLocked()
	}
	l.mu.Unlock()
	if claimed {
		s.writeClaimed()
	}
}

// claimMost is how much waits at most for the caller to write it itself: a
// large write takes long, and can as well go on beside its reading.
const claimMost = 16 << 10

// claimPeers is to how many peers a reader writes itself what one batch has
// brought; more are served by as many goroutines at once.
const claimPeers = 2

// claimLocked lets the caller write what waits, if nobody writes and it is
// little; else it sees to it that somebody does. The caller of a successful one
// goes on with writeClaimed, without the link's lock.
func (s *session) claimLocked() bool {
	if s.writing || s.direct == nil || len(s.out.segs) != 1 || s.out.bytes > claimMost || s.out.cuts {
		s.kickLocked()
		return false
	}
	s.writing = true
	s.writer.Add(1) // until writeClaimed returns
	before := s.out.bytes
	s.segs = s.out.take(s.segs[:0], claimMost)
	s.tookLocked(before - s.out.bytes)
	return true
}

// writeClaimed writes what was claimed, as far as the medium takes it at once.
// It never waits: what is left, and what has been queued meanwhile, is the
// business of a writer goroutine.
func (s *session) writeClaimed() {
	defer s.writer.Done()
	defer s.contain()
	batch := s.segs[0].buf
	n, err := s.direct.TrySend(batch)
	s.link.traffic.bytesOut.Add(uint64(n))
	switch {
	case err != nil:
		s.written()
		s.fail(err)
	case n < len(batch):
		s.batches = append(s.batches[:0], batch[n:])
		s.writer.Go(s.write)
		return
	default:
		s.written()
	}
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	if err == nil && len(s.out.segs) > 0 {
		s.writer.Go(s.write)
		return
	}
	s.stopWritingLocked()
}

const (
	minWrite     = 16 << 10
	maxWrite     = 256 << 10
	minWriteSlow = 256 // where the medium has a speed of its own
)

// write sends what waits until nothing does. While it writes, more gathers:
// batches grow with the load and without timers.
func (s *session) write() {
	defer s.contain()
	for len(s.batches) > 0 || s.next(s.chunk) {
		size := 0
		for _, b := range s.batches {
			size += len(b)
		}
		took, err := s.sendTimed(s.batches, size)
		s.written()
		s.wroteIn = took
		if err != nil {
			s.fail(err)
			s.link.mu.Lock()
			s.stopWritingLocked()
			s.link.mu.Unlock()
			return
		}
		s.link.traffic.bytesOut.Add(uint64(size))
		s.chunk = nextChunk(s.chunk, took)
	}
}

// next takes what waits, about chunk bytes of it. It reports false when nothing
// does: then the caller writes no more.
func (s *session) next(chunk int) bool {
	runtime.Gosched() // those who are about to queue something get into this write
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	before := s.out.bytes
	if s.out.cuts {
		s.nextCutLocked(chunk)
	} else {
		s.segs, s.wroteCut = s.out.take(s.segs[:0], chunk), 0
	}
	s.tookLocked(before - s.out.bytes)
	s.settleLocked()
	for _, seg := range s.segs {
		s.batches = append(s.batches, seg.buf)
	}
	if len(s.segs) == 0 {
		s.stopWritingLocked()
		return false
	}
	return true
}

// tookLocked notes that so many bytes were taken from the queue to be written.
func (s *session) tookLocked(bytes int) {
	s.takes++
	if bytes > 0 {
		s.out.taken += uint64(bytes)
		s.wantsTakenLocked()
		s.asksTakenLocked()
	}
}

// nextCutLocked takes what waits where something may have to be cut. A medium that
// takes much ahead of the line would hold up what overtakes here.
func (s *session) nextCutLocked(chunk int) {
	if s.wroteCut > 0 {
		s.out.pace(s.wroteCut, s.wroteIn)
	}
	s.segs = s.out.takeCut(s.segs[:0], chunk, s.link)
	s.wroteCut = 0
	for _, seg := range s.segs {
		s.wroteCut += len(seg.buf)
	}
	if s.out.lane != nil && !s.shallow {
		s.shallow = true
		carrier.LimitBacklog(s.conn, backlog)
	}
}

// backlog is how much of what cannot be sent yet a medium should take on a line
// that has something to cut.
const backlog = 16 << 10

// written lets go of what was taken.
func (s *session) written() {
	for _, seg := range s.segs {
		seg.mem.free()
	}
	clear(s.segs)
	clear(s.batches)
	s.segs, s.batches = s.segs[:0], s.batches[:0]
}

// nextChunk lets writes grow while they are quick and shrink when they are not,
// so that a slow line is not handed more than it can take in a write's time.
func nextChunk(chunk int, took time.Duration) int {
	if took > 500*time.Millisecond {
		return max(chunk/2, min(chunk, minWrite))
	}
	return min(chunk*2, maxWrite)
}

// sendTimed writes, and lets the keepalive end the connection if that takes too
// long.
func (s *session) sendTimed(batches [][]byte, size int) (time.Duration, error) {
	start := time.Now()
	s.writeEnds.Store(start.Add(writePatience(s.link.limits.WriteTimeout, size, s.conn.Traits().Rate)).UnixNano())
	err := s.sendInTurn(batches, size)
	s.writeEnds.Store(0)
	took := time.Since(start)
	s.link.stats.writeTimes.observe(took)
	return took, err
}

// sendInTurn writes in a turn of the peer's principal what the medium takes at once,
// if it can tell, and waits for it with the rest. Little is written without: that takes
// less than to wait for a reader which is in a turn, and to be woken.
func (s *session) sendInTurn(batches [][]byte, size int) error {
	if s.direct != nil && s.writeTurn.share != nil && size > claimMost {
		var err error
		if batches, err = s.tryInTurn(batches); err != nil || len(batches) == 0 {
			return err
		}
	}
	return s.conn.Send(context.Background(), batches...)
}

// tryInTurn returns what the medium has not taken.
func (s *session) tryInTurn(batches [][]byte) (rest [][]byte, err error) {
	s.takeTurn(&s.writeTurn)
	defer s.writeTurn.giveUp()
	for i, b := range batches {
		n, err := s.direct.TrySend(b)
		if err != nil {
			return nil, err
		}
		if n < len(b) {
			batches[i] = b[n:]
			return batches[i:], nil
		}
	}
	return nil, nil
}

// writePatience is how long a write may take, see [Limits.WriteTimeout]. A medium
// with a speed of its own, in bytes a second, has in addition three times what that
// takes: a noisy line sends much of it again.
func writePatience(limit time.Duration, size, rate int) time.Duration {
	if rate > 0 {
		limit += time.Duration(size) * 3 * time.Second / time.Duration(rate)
	}
	return limit + time.Duration(max(size-mediumBuffer, 0)>>14)*time.Second
}

// firstChunk is how much is written at once to begin with: what a medium with a
// speed of its own carries in a quarter of a second.
func firstChunk(rate int) int {
	if rate == 0 {
		return mediumBuffer
	}
	return min(max(rate/4, minWriteSlow), mediumBuffer)
}

func (s *session) stopWritingLocked() {
	s.writing, s.wrote = false, time.Now()
	if s.out.empty() {
		s.said = nil // all of it
	}
	if s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// drained waits until everything queued so far is written.
func (s *session) drained(ctx context.Context) error {
	s.link.mu.Lock()
	if !s.writing {
		s.link.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{}) // closed by stopWritingLocked
	}
	idle := s.idle
	s.link.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}
