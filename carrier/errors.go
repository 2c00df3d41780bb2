package carrier

import (
	"errors"
	"fmt"
)

var (
	// ErrFrameTooLarge is matched by the error of a frame over the limit.
	ErrFrameTooLarge = errors.New("frame too large")
	// ErrProtocol is matched by the error of bytes that are no frames.
	ErrProtocol = errors.New("framing violated")
	// ErrNoRoom is matched by the error of a datagram that was not sent
	// because too many were waiting, see [Datagrams].
	ErrNoRoom = errors.New("too many datagrams are waiting")
)

// TooLarge returns the error for a frame of size bytes where limit are allowed.
func TooLarge(size, limit int) error {
	return fmt.Errorf("%w: %d bytes, the limit is %d", ErrFrameTooLarge, size, limit)
}

// errEmptyFrame: a length of 0 carries nothing, not even a type byte, and would
// let a peer keep a reader busy without ever sending a frame.
var errEmptyFrame = fmt.Errorf("%w: a frame of length 0", ErrProtocol)
