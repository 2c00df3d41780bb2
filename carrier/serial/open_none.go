//go:build !linux && !windows && !(cgo && (darwin || freebsd || openbsd || netbsd || dragonfly))

package serial

import (
	"errors"
	"fmt"
	"io"
)

func openSystem(Line) (io.ReadWriteCloser, error) {
	return nil, fmt.Errorf("%w: on this system ports are opened by a library that needs cgo, and this program was built without; build it with CGO_ENABLED=1, or set Options.Open", errors.ErrUnsupported)
}
