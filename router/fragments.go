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
	if len(s.partial) == 0 {
		switch t, _ := wire.TypeOf(e.Data); t {
		case wire.TypeEvent, wire.TypeNumbered, wire.TypeRequest, wire.TypeReply:
		default:
			return unless("what is cut", sig.NewError(sig.CodeProtocol, fmt.Sprintf("%v in pieces", t)))
		}
		s.partial = make([]byte, carrier.FrameOverhead, carrier.FrameOverhead+len(e.Data))
	}
	if n := len(s.partial) - carrier.FrameOverhead + len(e.Data); n > s.maxFrame && enforced("pieces of a frame") {
		return carrier.TooLarge(n, s.maxFrame)
	}
	s.partial = append(s.partial, e.Data...)
	if s.pieces++; s.pieces > freePieces+len(s.partial)/leastPiece {
		s.came++
	}
	if e.More {
		return nil
	}
	batch := s.partial
	s.partial, s.pieces = nil, 0
	binary.BigEndian.PutUint32(batch, uint32(len(batch)-carrier.FrameOverhead))
	return s.handleApart(batch)
}

// To a peer's allowance an envelope in pieces is one envelope, unless it comes in many
// more pieces than anybody has reason to make: these count as well.
const (
	freePieces = 16
	leastPiece = minPiece / 2
)

// handleApart takes in a batch in the middle of another one, of which what came
// before has been flushed.
func (s *session) handleApart(batch []byte) error {
	s.lendHere()
	around := s.reading
	s.reading = bufferOf(batch)
	err := s.handle(batch)
	s.flush()
	s.lendHere()
	s.reading.free()
	s.reading = around
	return err
}
