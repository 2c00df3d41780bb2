package router

import (
	"encoding/binary"
	"fmt"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// onFragment takes in a piece of an envelope, and the envelope when that was the
// last. Memory grows with the pieces that come, up to what a frame may have.
func (s *session) onFragment(e *wire.Fragment) error {
	if s.features&wire.FeatureFragments == 0 {
		return unless("fragments without the feature", sig.NewError(sig.CodeProtocol, "FRAGMENT without the feature fragments"))
	}
	if s.partial == nil {
		switch t, _ := wire.TypeOf(e.Data); t {
		case wire.TypeEvent, wire.TypeNumbered, wire.TypeRequest, wire.TypeReply:
		default:
			return unless("what is cut", sig.NewError(sig.CodeProtocol, fmt.Sprintf("%v in pieces", t)))
		}
		s.filled = carrier.FrameOverhead
	}
	if n := s.filled - carrier.FrameOverhead + len(e.Data); n > s.maxFrame && enforced("pieces of a frame") {
		return carrier.TooLarge(n, s.maxFrame)
	}
	s.addPiece(e.Data)
	if s.pieces++; s.pieces > freePieces+s.filled/leastPiece {
		s.came++
	}
	if e.More {
		return nil
	}
	whole := s.partial
	s.partial, s.pieces = nil, 0
	binary.BigEndian.PutUint32(whole.bytes, uint32(s.filled-carrier.FrameOverhead))
	return s.handleApart(whole, whole.bytes[:s.filled])
}

// addPiece puts one more piece behind what there is of an envelope.
func (s *session) addPiece(piece []byte) {
	if n := s.filled + len(piece); s.partial == nil || n > len(s.partial.bytes) {
		larger := newBuffer(max(n, min(2*s.filled, s.maxFrame+carrier.FrameOverhead)))
		if s.partial != nil {
			copy(larger.bytes, s.partial.bytes[:s.filled])
			s.partial.free()
		}
		s.partial = larger
	}
	s.filled += copy(s.partial.bytes[s.filled:], piece)
}

// To a peer's allowance an envelope in pieces is one envelope, unless it comes in many
// more pieces than anybody has reason to make: these count as well.
const (
	freePieces = 16
	leastPiece = minPiece / 2
)

// handleApart takes in a batch in the middle of another one, of which what came
// before has been flushed. It lies in mem.
func (s *session) handleApart(mem *buffer, batch []byte) error {
	s.lendHere()
	around := s.reading
	s.reading = mem
	err := s.handle(batch)
	s.flush()
	s.lendHere()
	s.reading.free()
	s.reading = around
	return err
}
