package stream_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
)

const fuzzLimit = 300

// reference cuts data into frames in the plainest way, and says how it ends.
func reference(data []byte) (frames [][]byte, end error) {
	for {
		switch {
		case len(data) == 0:
			return frames, io.EOF
		case len(data) < 4:
			return frames, io.ErrUnexpectedEOF
		}
		n := uint64(binary.BigEndian.Uint32(data))
		switch {
		case n == 0:
			return frames, carrier.ErrProtocol
		case n > fuzzLimit:
			return frames, carrier.ErrFrameTooLarge
		case n > uint64(len(data)-4):
			return frames, io.ErrUnexpectedEOF
		}
		frames = append(frames, data[4:4+n])
		data = data[4+n:]
	}
}

// chunks is a stream that gives its bytes in pieces, whose sizes follow a
// pattern.
type chunks struct {
	input
	data    []byte
	pattern []byte
	i       int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := 1
	if len(c.pattern) > 0 {
		n += int(c.pattern[c.i%len(c.pattern)])
		c.i++
	}
	n = copy(p, c.data[:min(n, len(c.data))])
	c.data = c.data[n:]
	return n, nil
}

// FuzzReceive: whatever the bytes, however they are cut and however large the
// buffer, the frames and the end are those of the reference.
func FuzzReceive(f *testing.F) {
	f.Add(batch("a", "bb"), []byte{0}, byte(0))
	f.Add(batch("a", string(make([]byte, fuzzLimit)), "b"), []byte{200, 3}, byte(20))
	f.Add(batch("a", string(make([]byte, fuzzLimit+1))), []byte{255}, byte(255))
	f.Add([]byte{0, 0, 0, 0}, []byte{1}, byte(4))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, []byte{3}, byte(3))
	f.Add([]byte{0, 0, 0, 9, 1, 2}, []byte{}, byte(8))
	f.Fuzz(func(t *testing.T, data, pattern []byte, size byte) {
		want, wantErr := reference(data)
		conn := stream.New(&chunks{data: bytes.Clone(data), pattern: pattern}, &stream.Options{MaxFrame: fuzzLimit})
		buf := make([]byte, size)
		var got [][]byte
		for {
			b, err := conn.Receive(context.Background(), buf)
			if err != nil {
				if !errors.Is(err, wantErr) {
					t.Fatalf("ended with %v, want %v", err, wantErr)
				}
				break
			}
			if err := carrier.Check(b, fuzzLimit); err != nil || len(b) == 0 {
				t.Fatalf("a batch of %d bytes is not of whole frames: %v", len(b), err)
			}
			for frame := range carrier.Frames(b) {
				got = append(got, bytes.Clone(frame))
			}
			for i := range b {
				b[i] = 0xEE // what was returned is not needed any more
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d frames, want %d", len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("frame %d is %x, want %x", i, got[i], want[i])
			}
		}
	})
}
