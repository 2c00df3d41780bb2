package stream

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/gosig/gosig/carrier"
)

const (
	// firstBuffer is made when the caller brings no buffer.
	firstBuffer = 4096
	// keepBuffer is the largest store for a rest that is held on to while there is
	// none: enough for frames of 64 KiB and their length.
	keepBuffer = 72 << 10
)

// input cuts a byte stream into batches of whole frames.
type input struct {
	r       io.Reader
	limit   *atomic.Int64 // largest frame accepted
	explain func(header []byte) error

	kept    []byte // the beginning of a frame, left over from the last read
	started bool   // a whole frame has arrived
	err     error  // from the reader, to be returned once kept is used up

	lazy LazyReader // r, if it is one; nil: it is not
	more MoreReader // the same
}

// receive reads into buf, behind what was kept, until there is a whole frame.
func (in *input) receive(buf []byte) ([]byte, error) {
	return in.receiveMore(in.refill(buf))
}

// receiveLazily is receive with a buffer that is taken when there is something
// to read, as far as the stream can tell. It can where a read begins with a frame.
func (in *input) receiveLazily(from carrier.BufferSource) ([]byte, error) {
	if in.lazy == nil || len(in.kept) > 0 || in.err != nil {
		return in.receive(from.Take())
	}
	var n int
	var buf []byte
	buf, n, in.err = in.lazy.ReadLazily(from)
	if buf == nil { // it was not even tried
		buf = from.Take()
	}
	return in.receiveMore(buf, n)
}

// receiveMore goes on behind the first n bytes of buf.
func (in *input) receiveMore(buf []byte, n int) ([]byte, error) {
	for {
		end, need, err := in.whole(buf[:n])
		if end > 0 {
			in.keep(buf[end:n])
			in.started = true
			return buf[:end], nil
		}
		if err == nil && in.err != nil {
			err = in.ended(n)
		}
		if err != nil {
			in.keep(buf[:n])
			return nil, err
		}
		if n == len(buf) {
			buf = grow(buf, need)
		}
		var k int
		k, in.err = in.read(buf[n:])
		n += k
		n += in.readMore(buf[n:])
	}
}

// readMore reads what has arrived as well.
func (in *input) readMore(p []byte) (n int) {
	if in.more != nil && in.err == nil && len(p) > 0 {
		n, in.err = in.more.ReadMore(p)
	}
	return n
}

// refill returns buf at its full size with the kept bytes at its start, and
// their number.
func (in *input) refill(buf []byte) ([]byte, int) {
	buf = buf[:cap(buf)]
	if want := max(len(in.kept), carrier.FrameOverhead); len(buf) < want {
		buf = make([]byte, max(want, firstBuffer))
	}
	return buf, copy(buf, in.kept)
}

// whole returns the end of the whole frames at the start of data; where there
// is none, how many bytes the first needs, as far as its header is there.
func (in *input) whole(data []byte) (end, need int, err error) {
	limit := int(in.limit.Load()) + carrier.FrameOverhead
	for {
		next := carrier.FrameEnd(data, end)
		if next == 0 || next-end > limit {
			return in.after(data, end)
		}
		end = next
	}
}

// after is whole where no acceptable frame follows those that end at end.
func (in *input) after(data []byte, end int) (_, need int, err error) {
	rest, limit := data[end:], int(in.limit.Load())
	if len(rest) < carrier.FrameOverhead {
		return end, carrier.FrameOverhead, nil
	}
	size, err := carrier.FrameLen(rest)
	if err == nil && size > limit {
		err = carrier.TooLarge(size, limit)
	}
	if err != nil {
		return end, 0, in.refused(rest, err)
	}
	return end, carrier.FrameOverhead + size, nil
}

// refused returns the error for a bad header.
func (in *input) refused(header []byte, err error) error {
	if in.started || in.explain == nil {
		return err
	}
	if better := in.explain(header[:carrier.FrameOverhead]); better != nil {
		return fmt.Errorf("%w (%w)", better, err)
	}
	return err
}

// read reads once. An error that came along with bytes is met again after them.
func (in *input) read(p []byte) (int, error) {
	for range 100 {
		n, err := in.r.Read(p)
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// ended returns the reader's error for a stream that stopped n bytes into a
// frame.
func (in *input) ended(n int) error {
	err := in.err
	if err == io.EOF {
		if n > 0 {
			return io.ErrUnexpectedEOF
		}
		return io.EOF
	}
	in.err = nil // a deadline may have been moved: ask again
	return err
}

// keep stores the beginning of a frame until the next call.
func (in *input) keep(rest []byte) {
	if cap(in.kept) > keepBuffer && len(rest) == 0 {
		in.kept = nil
	}
	in.kept = append(in.kept[:0], rest...)
}

// grow returns a buffer twice as large with the same content, no larger than
// needed. Its size follows the bytes that came, not the length announced.
func grow(buf []byte, need int) []byte {
	larger := make([]byte, min(max(2*len(buf), firstBuffer), max(need, len(buf)+1)))
	copy(larger, buf)
	return larger
}
