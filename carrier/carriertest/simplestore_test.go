package carriertest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/carrier"
)

// store is one direction of a simple conn: bytes between a writer and a reader.
type store struct {
	defect defect
	// readable and writable wake the two; one place each, since each looks
	// again; never closed.
	readable, writable chan struct{}

	mu                     sync.Mutex
	bytes                  []byte
	broken                 bool // a Send was broken off
	readerGone, writerGone bool
	vanished               bool // the writer went without a word

	own      []byte // of some defects: a buffer that is used again
	lent     []byte // of some defects: the reader's buffer
	held     []byte // of some defects: a frame that comes later
	received int    // batches
	dropNext bool   // of some defects: the next frame is lost
}

const storeBound = 128 << 10

func newStore(d defect) *store {
	s := &store{defect: d, readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
	if d == neverBlocks {
		s.bytes = make([]byte, 0, 128<<20) // or growing it would look like waiting
	}
	return s
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (s *store) close(gone *bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if gone == &s.writerGone && s.defect == writerStaysBlocked || gone == &s.readerGone && s.defect == readerStaysBlocked {
		return
	}
	if gone == &s.writerGone && s.defect == losesTail {
		s.bytes = nil // as a Close that throws away what waits
	}
	*gone = true
	wake(s.readable)
	wake(s.writable)
}

// send puts the bytes of batch into the store, as room permits.
func (s *store) send(ctx context.Context, batch []byte) error {
	switch s.defect {
	case ignoresSendContext:
		ctx = context.Background()
	case sendsLater:
		time.AfterFunc(time.Millisecond, func() { s.put(ctx, batch) })
		return nil
	case changesBatch:
		defer func(given []byte) { given[len(given)-1] ^= 1 }(batch)
	}
	for {
		n, err := s.put(ctx, batch)
		if err != nil {
			return err
		}
		if batch = batch[n:]; len(batch) == 0 {
			return nil
		}
		if n > 0 {
			continue // a large frame makes room for itself once it has begun
		}
		select {
		case <-s.writable:
		case <-ctx.Done():
			if s.defect == goesOnAfterCancel {
				return ctx.Err()
			}
			s.mu.Lock()
			s.broken = true
			s.mu.Unlock()
			return ctx.Err()
		}
	}
}

func (s *store) put(ctx context.Context, batch []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.writerGone:
		return 0, net.ErrClosed
	case s.broken:
		return 0, fmt.Errorf("an earlier Send was broken off")
	case s.readerGone && s.defect == sendsToNobody:
		return len(batch), nil
	case s.readerGone:
		return 0, io.ErrClosedPipe
	case ctx.Err() != nil:
		return 0, ctx.Err()
	}
	n := min(len(batch), s.room())
	if s.defect == neverBlocks {
		n = len(batch)
	}
	s.bytes = append(s.bytes, batch[:n]...)
	wake(s.readable)
	return n, nil
}

var errVanished = errors.New("the peer is gone")

// vanish ends the store as when the writer's machine loses power and something
// on the way notices.
func (s *store) vanish() {
	s.mu.Lock()
	s.vanished = true
	s.mu.Unlock()
	s.close(&s.writerGone)
}

// room is how many bytes the store takes at present: no more than its bound, or
// than a frame that is larger needs.
func (s *store) room() int {
	bound := storeBound
	if n, err := carrier.FrameLen(s.bytes); err == nil {
		bound = max(bound, carrier.FrameOverhead+n)
	}
	return bound - len(s.bytes)
}

// receive takes whole frames out of the store, as many as buf holds.
func (s *store) receive(ctx context.Context, buf []byte, limit *atomic.Int64) ([]byte, error) {
	if s.defect == ignoresReceiveContext {
		ctx = context.Background()
	}
	fixed := limit.Load()
	for {
		most := limit.Load()
		if s.defect == fixesLimit {
			most = fixed
		}
		batch, err := s.take(ctx, buf, int(most))
		if err != nil || len(batch) > 0 {
			return batch, err
		}
		select {
		case <-s.readable:
		case <-ctx.Done():
			s.cancelled(buf)
			return nil, ctx.Err()
		}
	}
}

// cancelled plants what may go wrong with a Receive that is broken off.
func (s *store) cancelled(buf []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.defect {
	case cancelLoses:
		s.dropNext = true // as a reader that was left behind and takes it
	case cancelKeepsBuf:
		s.lent = buf[:cap(buf)]
	}
}

func (s *store) take(ctx context.Context, buf []byte, limit int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readerGone {
		return nil, net.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	size, err := s.whole(cap(buf), limit)
	if err != nil || size == 0 {
		return nil, err
	}
	if s.dropNext {
		_, rest, _ := carrier.Next(s.bytes) // there is a whole frame
		size -= len(s.bytes) - len(rest)
		s.bytes, s.dropNext = rest, false
	}
	if s.lent != nil {
		copy(s.lent, s.bytes[:size])
	}
	batch := s.into(buf, s.bytes[:size])
	if s.bytes = s.bytes[size:]; len(s.bytes) > 0 {
		wake(s.readable)
	}
	wake(s.writable)
	s.received++
	return s.spoil(batch), nil
}

// whole returns how many bytes of whole frames to hand out.
func (s *store) whole(room, limit int) (int, error) {
	size := 0
	for size < len(s.bytes) {
		rest := s.bytes[size:]
		if len(rest) < carrier.FrameOverhead {
			break
		}
		n, err := carrier.FrameLen(rest)
		if err == nil && n > limit && s.defect != noLimit {
			err = carrier.TooLarge(n, limit)
		}
		if err != nil && size == 0 {
			return 0, err
		}
		if s.defect == believesLength {
			s.own = make([]byte, n)
		}
		if n += carrier.FrameOverhead; err != nil || n > len(rest) || size > 0 && size+n > room {
			break
		}
		if size += n; s.defect == tearsFrames && n > 5000 {
			return size - 1, nil
		}
	}
	switch {
	case size > 0:
	case s.vanished && s.defect != vanishIsEOF:
		return 0, errVanished
	case s.writerGone && len(s.bytes) == 0, s.writerGone && s.defect == cutIsEOF:
		return 0, io.EOF
	case s.writerGone && s.defect == handsOutCutFrame:
		return len(s.bytes), nil
	case s.writerGone:
		return 0, io.ErrUnexpectedEOF
	}
	return size, nil
}

// into copies what is handed out to the caller's buffer.
func (s *store) into(buf, bytes []byte) []byte {
	switch s.defect {
	case reusesBuffer:
		s.own = append(s.own[:0], bytes...)
		return s.own
	case bringsBuffer:
		return append([]byte(nil), bytes...)
	}
	return append(buf[:0], bytes...)
}

// spoil plants what may happen to frames on their way, with the second batch.
func (s *store) spoil(batch []byte) []byte {
	if s.held != nil {
		batch = append(bytes.Clone(batch), s.held...)
		s.held = nil
	}
	first, rest, err := carrier.Next(batch)
	if err != nil || s.received != 2 {
		return batch
	}
	switch s.defect {
	case losesFrame:
		return rest
	case doublesFrame:
		return carrier.AppendFrame(bytes.Clone(batch), first)
	case swapsFrames:
		s.held = carrier.AppendFrame(nil, first)
		return rest
	case truncatesFrame:
		return append(carrier.AppendFrame(nil, first[:len(first)-1]), rest...)
	case damagesFrame:
		first[len(first)-1] ^= 1
	}
	return batch
}
