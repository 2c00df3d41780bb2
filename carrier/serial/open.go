package serial

import (
	"context"
	"errors"
	"io"
	"time"
)

// Opener opens a port and sets it as the line says. Of what it returns Read waits
// until something has come; it may return 0 bytes and no error, or an error that
// is a timeout, to say that nothing has. Any other error, io.EOF as well, says
// that the port is gone. One goroutine reads while another writes. Close should
// unblock both; it is called once, and given up after a while if it does not
// return.
type Opener func(ctx context.Context, line Line) (io.ReadWriteCloser, error)

// OpenPort opens a port of the system, which no other program that asks first has
// open then. It is what [Options.Open] is by default.
func OpenPort(ctx context.Context, line Line) (io.ReadWriteCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rwc, err := openSystem(line)
	if err != nil {
		return nil, explainOpen(&line, err)
	}
	return rwc, nil
}

// closeWait is how long a port may take to close. A system may wait that long
// for the last bytes to go out.
const closeWait = 2 * time.Second

// openPort calls an opener, and does not wait for it longer than for the context.
func openPort(ctx context.Context, open Opener, line Line) (io.ReadWriteCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type result struct {
		rwc io.ReadWriteCloser
		err error
	}
	done := make(chan result, 1) // one result, also if nobody waits any more
	go func() {                  // ends when open does
		rwc, err := open(ctx, line)
		done <- result{rwc, err}
	}()
	select {
	case r := <-done:
		if r.err == nil && r.rwc == nil {
			r.err = errors.New("the opener returned no port")
		}
		if r.err != nil {
			return nil, r.err
		}
		return r.rwc, nil
	case <-ctx.Done():
		go func() { // ends when open does
			if r := <-done; r.err == nil && r.rwc != nil {
				_ = r.rwc.Close() // nobody has it
			}
		}()
		return nil, ctx.Err()
	}
}
