package stream

import (
	"io"
	"net"
)

const (
	// gatherSize is how much is gathered into one Write: a few records of
	// TLS, which carry 16 KiB each.
	gatherSize = 64 << 10
	// gatherMax is the largest batch that is worth copying.
	gatherMax = 16 << 10
)

// output writes batches to a stream.
type output struct {
	w        io.Writer
	vectored bool   // w takes many buffers in one call
	corker   Corker // w, if it is one; nil: it is not
	broken   error  // a part of a frame may be out: nothing can follow

	vector  net.Buffers // what WriteTo consumes
	vectors net.Buffers // the same from its start, for reuse
	gather  []byte
}

// vectored reports whether net.Buffers reach w in one system call.
func vectored(w io.Writer) bool {
	switch w.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

func (o *output) send(batches [][]byte) error {
	if len(batches) == 0 {
		return nil
	}
	if o.corker != nil {
		o.corker.Cork()
	}
	var err error
	switch {
	case len(batches) == 1:
		err = o.write(batches[0])
	case o.vectored:
		err = o.writeVector(batches)
	default:
		err = o.writeGathered(batches)
	}
	if o.corker != nil {
		if uncorked := o.corker.Uncork(); err == nil {
			err = uncorked
		}
	}
	o.broken = err
	return err
}

// writeVector sends all batches with one call. The vector is a copy, since
// WriteTo cuts what it is given.
func (o *output) writeVector(batches [][]byte) error {
	o.vectors = append(o.vectors[:0], batches...)
	o.vector = o.vectors
	_, err := o.vector.WriteTo(o.w)
	clear(o.vectors) // the caller's memory is not ours to keep alive
	o.vector = nil
	return err
}

// writeGathered packs small batches into large writes: over TLS each is a
// record, over others at least a call.
func (o *output) writeGathered(batches [][]byte) error {
	o.gather = o.gather[:0]
	for _, b := range batches {
		if len(o.gather)+len(b) > gatherSize || len(b) > gatherMax {
			if err := o.flush(); err != nil {
				return err
			}
		}
		if len(b) > gatherMax {
			if err := o.write(b); err != nil {
				return err
			}
			continue
		}
		o.gather = append(o.gather, b...)
	}
	return o.flush()
}

func (o *output) flush() error {
	err := o.write(o.gather)
	o.gather = o.gather[:0]
	return err
}

func (o *output) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := o.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}
