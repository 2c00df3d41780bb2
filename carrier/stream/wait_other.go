//go:build !unix

package stream

import (
	"errors"
	"io"

	"github.com/gosig/gosig/carrier"
)

// waiter is for systems that tell when a socket can be read.
type waiter struct{ raw any }

func (*waiter) of(io.ReadWriteCloser) {}

func (*waiter) read(carrier.BufferSource) ([]byte, int, error) {
	return nil, 0, errors.ErrUnsupported
}
