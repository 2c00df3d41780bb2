package carrier

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// FrameOverhead is what a frame costs in a batch beside its own bytes.
const FrameOverhead = 4

// AppendFrame appends frame to the batch dst and returns the extended batch.
// frame must not be empty, nor longer than 4 GiB.
func AppendFrame(dst, frame []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(frame)))
	return append(dst, frame...)
}

// Next returns the first frame of batch, without its length, and what follows
// it. Both alias batch. The error of an empty, cut or wrong batch matches
// [ErrProtocol].
func Next(batch []byte) (frame, rest []byte, err error) {
	n, err := FrameLen(batch)
	if err != nil {
		return nil, nil, err
	}
	if n > len(batch)-FrameOverhead {
		return nil, nil, fmt.Errorf("%w: a frame of %d bytes is cut after %d", ErrProtocol, n, len(batch)-FrameOverhead)
	}
	end := FrameOverhead + n
	return batch[FrameOverhead:end:end], batch[end:], nil
}

// FrameEnd returns where the frame that begins at batch[at] ends, length field
// included, and 0 if there is no whole frame: [Next] says why. It costs less
// than Next, for loops over many small frames.
func FrameEnd(batch []byte, at int) int {
	if len(batch)-at < FrameOverhead {
		return 0
	}
	n := binary.BigEndian.Uint32(batch[at:])
	if n == 0 || uint64(n) > uint64(len(batch)-at-FrameOverhead) {
		return 0
	}
	return at + FrameOverhead + int(n)
}

// FrameLen returns the declared length of the first frame of batch, of which
// the length field must be there. The error matches [ErrProtocol].
func FrameLen(batch []byte) (int, error) {
	if len(batch) < FrameOverhead {
		return 0, fmt.Errorf("%w: %d bytes are too few for a frame's length", ErrProtocol, len(batch))
	}
	n := binary.BigEndian.Uint32(batch)
	if n == 0 {
		return 0, errEmptyFrame
	}
	if int64(n) > int64(maxInt) {
		return 0, TooLarge(maxInt, maxInt)
	}
	return int(n), nil
}

// maxInt is less than a length can say on machines of 32 bits.
const maxInt = int(^uint(0) >> 1)

// Frames yields the frames of a batch, each aliasing it. It stops at the first
// thing that is not a whole frame, which a batch that a [Conn] returned does
// not contain; use [Check] for others.
func Frames(batch []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(batch) > 0 {
			frame, rest, err := Next(batch)
			if err != nil || !yield(frame) {
				return
			}
			batch = rest
		}
	}
}

// Check returns nil if batch consists of whole frames of at most limit bytes.
func Check(batch []byte, limit int) error {
	for len(batch) > 0 {
		frame, rest, err := Next(batch)
		if err != nil {
			return err
		}
		if len(frame) > limit {
			return TooLarge(len(frame), limit)
		}
		batch = rest
	}
	return nil
}

// Split takes off the start of batch what a Receive may hand out: the frames
// that room bytes hold, the first in any case, up to one that is bad or larger
// than limit. If that is the first it returns the error that [Conn] promises.
// Both results alias batch.
func Split(batch []byte, room, limit int) (frames, rest []byte, err error) {
	size := 0
	for size < len(batch) {
		frame, _, err := Next(batch[size:])
		if err == nil && len(frame) > limit {
			err = TooLarge(len(frame), limit)
		}
		if err != nil && size == 0 {
			return nil, batch, err
		}
		next := size + FrameOverhead + len(frame)
		if err != nil || size > 0 && next > room {
			break // what is before it first
		}
		size = next
	}
	return batch[:size:size], batch[size:], nil
}
