package serial

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// explainOpen says what to do about a port that cannot be opened because of err.
func explainOpen(line *Line, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no port %s: is it plugged in? \"gosig ports\" lists those there are (%w)", line.Path, err)
	case errors.Is(err, syscall.EBUSY), errors.Is(err, syscall.EWOULDBLOCK):
		return fmt.Errorf("the port is busy: another program has it open, such as a second router, a terminal program or ModemManager (%w)", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to open the port: %s (%w)", whoMay(line.Path), err)
	case errors.Is(err, syscall.ENOTTY):
		return fmt.Errorf("%s is no serial port (%w)", line.Path, err)
	case strings.Contains(err.Error(), "Unrecognized baud rate"):
		return fmt.Errorf("a speed of %d baud cannot be set: take a usual one, such as 115200 or 921600", line.Baud)
	}
	return err
}

// errGone is matched by the error of a port that has failed.
var errGone = errors.New("the port is gone")

// explainGone says what it means that a port which was open has failed.
func explainGone(err error) error {
	// Not wrapped: io.EOF would mean that the peer has closed.
	return fmt.Errorf("%w: was it unplugged? (%v)", errGone, err)
}
