package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// session is one open connection: what was negotiated, what waits to be
// written, and what the peer has announced.
type session struct {
	link       *link
	conn       carrier.Conn
	codec      codec.Codec
	codecKey   any  // its ID, boxed once
	verbatim   bool // it sends bytes as they are
	features   wire.Features
	peerLimits wire.Limits // the smaller of both sides'
	maxFrame   int
	peerName   string
	peerID     wire.NodeID
	identity   carrier.Identity
	address    string // as dialled, or the peer's
	since      time.Time
	told       []wire.Node   // routers that the handshake has named
	offered    wire.Features // by this side's HELLO
	behind     []byte        // frames that came right behind WELCOME; of the reader alone

	ctx     context.Context // ends with the session; the conn is closed then
	cancel  context.CancelCauseFunc
	shut    chan struct{} // closed once the conn is
	unwatch func() bool   // keeps the conn open after all
	writer  sync.WaitGroup

	heard     atomic.Bool  // something arrived since the keepalive last looked
	writeEnds atomic.Int64 // unix nanoseconds by which the write under way must be done; 0: none

	// Guarded by link.mu.
	out     outQueue
	writing bool
	chunk   int           // bytes of the next write, about; of the writer alone
	idle    chan struct{} // closed when everything is written, see drained
	watch   *keepalive

	// Of the reader alone.
	in       *routeTable
	senders  map[uint32]*peerSender
	gathers  map[*link]*gather
	gathered int // gathers made so far
	touched  []*gather
	retired  uint64     // node.retired when the batch was begun, before any of its events was looked at
	settle   []*inRoute // have had held-back events since the last flush
	arrived  uint64     // events since the last flush
	noted    []*inRoute // have had events since
	stretch  uint64     // counts the stretches of events for which what is known of a route holds, see survey
	run      passingRun
	relayed  []*requestTable          // answers to others in this batch
	local    *inBatch                 // for the handlers here, of this batch
	localEnd int                      // where its latest events end in the batch
	reading  *buffer                  // the batch lies in it
	room     int                      // what the next read gets
	wants    map[sig.Pattern]struct{} // what the peer asked for

	begins   begins
	bySender map[*sig.Sender]*peerSender // guarded by link.mu

	// peers makes registering and ending the peer's senders one step; held
	// while the registry is called.
	peers   sync.Mutex
	over    bool                     // the session has ended: nothing is registered any more
	shadows map[sig.Name]*peerSender // names that a local sender still holds

	requests requestTable
	syncs    syncTable
}

// describe names the peer for messages.
func (s *session) describe() string {
	name := describe(s.peerName, s.peerID)
	if s.identity.ID != "" {
		name += fmt.Sprintf(" as %q", s.identity.ID)
	}
	return name + " at " + s.address
}

// controlLocked queues a frame that must not be dropped.
func (s *session) controlLocked(frame []byte) {
	s.out.control(frame)
	s.boundLocked()
	s.kickLocked()
}

// boundLocked keeps what waits for a slow peer within its bound (P8). Events go
// first; when control frames alone are too many the connection ends.
func (s *session) boundLocked() {
	bound := s.link.limits.OutboundBytes
	if s.out.bytes <= bound {
		return
	}
	if lost := s.out.shed(bound * 3 / 4); lost > 0 { // costs nothing where nothing may be dropped
		s.link.stats.lost(sig.LossSlowPeer, lost)
	}
	if s.out.bytes > 2*bound+2*s.maxFrame {
		s.fail(sig.NewError(sig.CodeLimit, fmt.Sprintf("the peer reads too slowly: %d bytes wait for it, OutboundBytes is %d", s.out.bytes, bound)))
	}
}

// kickLocked sees to it that somebody writes.
func (s *session) kickLocked() {
	if s.writing || len(s.out.segs) == 0 {
		return
	}
	s.writing = true
	s.writer.Go(s.write) // ends when nothing is left to write, or the connection fails
}

const (
	minWrite = 16 << 10
	maxWrite = 256 << 10
)

// write sends what waits until nothing does. While it writes, more gathers:
// batches grow with the load and without timers.
func (s *session) write() {
	var segs []segment
	var batches [][]byte
	for {
		runtime.Gosched() // those who are about to queue something get into this write
		s.link.mu.Lock()
		segs = s.out.take(segs[:0], s.chunk)
		if len(segs) == 0 {
			s.stopWritingLocked()
			s.link.mu.Unlock()
			return
		}
		s.link.mu.Unlock()
		batches = batches[:0]
		size := 0
		for _, seg := range segs {
			batches = append(batches, seg.buf)
			size += len(seg.buf)
		}
		took, err := s.sendTimed(batches, size)
		for _, seg := range segs {
			seg.mem.free()
		}
		clear(segs)
		if err != nil {
			s.fail(err)
			s.link.mu.Lock()
			s.stopWritingLocked()
			s.link.mu.Unlock()
			return
		}
		s.link.stats.bytesOut.Add(uint64(size))
		s.chunk = nextChunk(s.chunk, took)
	}
}

// nextChunk lets writes grow while they are quick and shrink when they are not,
// so that a slow line is not handed more than it can take in a write's time.
func nextChunk(chunk int, took time.Duration) int {
	if took > 500*time.Millisecond {
		return max(chunk/2, minWrite)
	}
	return min(chunk*2, maxWrite)
}

// sendTimed writes, and lets the keepalive end the connection if that takes too
// long.
func (s *session) sendTimed(batches [][]byte, size int) (time.Duration, error) {
	start := time.Now()
	s.writeEnds.Store(start.Add(writePatience(s.link.limits.WriteTimeout, size)).UnixNano())
	err := s.conn.Send(context.Background(), batches...)
	s.writeEnds.Store(0)
	return time.Since(start), err
}

// writePatience is how long a write may take, see [Limits.WriteTimeout].
func writePatience(limit time.Duration, size int) time.Duration {
	return limit + time.Duration(max(size-mediumBuffer, 0)>>14)*time.Second
}

func (s *session) stopWritingLocked() {
	s.writing = false
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

// fail ends the session: the first cause is kept, the reader returns.
func (s *session) fail(err error) { s.cancel(err) }

// cause tells why the session ended.
func (s *session) cause() error {
	err := context.Cause(s.ctx)
	var peer *sig.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &peer):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return sig.NewError(sig.CodeConnectionLost, "the peer closed the connection")
	}
	return fmt.Errorf("%w: %w", sig.ErrConnectionLost, err)
}

// violation ends the connection because of what the peer sent: it is told the
// code and the reason, which is counted and logged once (P11).
func (s *session) violation(err error) {
	code, text := lastWord(err)
	s.link.stats.violations.Add(1)
	s.link.log.Warn("protocol violation; connection ended", "peer", s.describe(), "error", err)
	s.part(wire.Goodbye{Code: code, Reason: bounded(text)}.Append(nil))
	s.fail(err)
}

// lastWord is the code and the text that tell a peer what was wrong with what it
// has sent.
func lastWord(err error) (code uint16, text string) {
	var we *wire.Error
	var se *sig.Error
	switch {
	case errors.As(err, &we):
		return we.Code, we.Text
	case errors.As(err, &se):
		return uint16(se.Code), se.Text
	case errors.Is(err, carrier.ErrFrameTooLarge):
		return wire.CodeTooLarge, err.Error()
	}
	return wire.CodeProtocol, err.Error()
}

// part sends a last frame and waits a moment for it to be on its way.
func (s *session) part(frame []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	s.link.send(s, frame)
	_ = s.drained(ctx) // the connection ends either way
}

// partingTime is how long a last word may take.
const partingTime = time.Second

// goodbye ends the connection in order: requests under way are answered, what
// is queued is written, and the peer is told. ctx bounds it all.
func (s *session) goodbye(ctx context.Context, reason string) {
	s.requests.quiet(ctx, s.ctx)
	_ = s.drained(ctx) // out of time or connection: so be it
	s.part(wire.Goodbye{Code: wire.CodeOK, Reason: bounded(reason)}.Append(nil))
	wait, cancel := context.WithTimeout(ctx, lingerTime)
	defer cancel()
	select {
	case <-s.ctx.Done(): // the peer has hung up, having read it
	case <-wait.Done():
	}
	s.fail(sig.NewError(sig.CodeClosed, reason))
}
