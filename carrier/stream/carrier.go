package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/gosig/gosig/carrier"
)

// Dialer opens a stream to an address.
type Dialer func(ctx context.Context, addr *url.URL) (io.ReadWriteCloser, error)

// ListenFunc starts listening on an address, see [NewListener] and [One].
type ListenFunc func(ctx context.Context, addr *url.URL) (carrier.Listener, error)

// NewCarrier makes a carrier of what opens streams, for one scheme. A nil dial or
// listen is for a medium that can do without it. Addresses take no parameters.
//
//	pipes := stream.NewCarrier("pipe", func(context.Context, *url.URL) (io.ReadWriteCloser, error) {
//		return stream.Join(os.Stdin, os.Stdout), nil
//	}, nil)
func NewCarrier(scheme string, dial Dialer, listen ListenFunc) carrier.Carrier {
	return &functions{scheme, dial, listen}
}

type functions struct {
	scheme string
	dial   Dialer
	listen ListenFunc
}

func (f *functions) Schemes() []string { return []string{f.scheme} }

func (f *functions) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	if f.dial == nil {
		return nil, fmt.Errorf("%s:// can only be listened on", f.scheme)
	}
	if _, err := carrier.Query(addr); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rwc, err := f.dial(ctx, addr)
	if err != nil {
		return nil, ofContext(ctx, err)
	}
	return New(rwc, &Options{RemoteAddr: carrier.Redact(addr)}), nil
}

// ofContext makes err the context's own where the context's end is behind it: a
// socket that is given ctx's deadline can notice it a moment before ctx does.
func ofContext(ctx context.Context, err error) error {
	end, ok := ctx.Deadline()
	if !ok || time.Now().Before(end) || !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w (%w)", err, context.DeadlineExceeded)
}

func (f *functions) Listen(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	if f.listen == nil {
		return nil, fmt.Errorf("%s:// can only be dialled", f.scheme)
	}
	if _, err := carrier.Query(addr); err != nil {
		return nil, err
	}
	return f.listen(ctx, addr)
}

// One returns a listener on which one connection waits, over rwc; further
// Accepts wait until Close. addr is what it says as its address.
func One(rwc io.ReadWriteCloser, addr string) carrier.Listener {
	l := &one{addr: addr, waiting: make(chan carrier.Conn, 1), quit: make(chan struct{})}
	l.waiting <- New(rwc, &Options{LocalAddr: addr})
	return l
}

type one struct {
	addr    string
	waiting chan carrier.Conn // one place for the one conn; never closed
	quit    chan struct{}     // closed by Close
	once    sync.Once
}

func (l *one) Accept(ctx context.Context) (carrier.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	select {
	case c := <-l.waiting:
		return c, nil
	case <-l.quit:
		return nil, fmt.Errorf("accept on %s: %w", l.addr, net.ErrClosed)
	case <-ctx.Done():
		return nil, fmt.Errorf("accept: %w", ctx.Err())
	}
}

func (l *one) Close() (err error) {
	l.once.Do(func() {
		close(l.quit)
		select {
		case c := <-l.waiting:
			err = c.Close()
		default:
		}
	})
	return err
}

func (l *one) Addr() string { return l.addr }

// Join makes one stream of two, such as the standard input and output of this
// process or of a child. Close closes both. It has deadlines where both have
// them, as pipes do.
func Join(r io.ReadCloser, w io.WriteCloser) io.ReadWriteCloser {
	return &joined{r, w}
}

type joined struct {
	r io.ReadCloser
	w io.WriteCloser
}

func (j *joined) Read(p []byte) (int, error)  { return j.r.Read(p) }
func (j *joined) Write(p []byte) (int, error) { return j.w.Write(p) }

// Close closes the writing end first, which the other side reads as the end.
func (j *joined) Close() error { return errors.Join(j.w.Close(), j.r.Close()) }

func (j *joined) SetReadDeadline(t time.Time) error {
	if d, ok := j.r.(interface{ SetReadDeadline(time.Time) error }); ok {
		return d.SetReadDeadline(t)
	}
	return os.ErrNoDeadline
}

func (j *joined) SetWriteDeadline(t time.Time) error {
	if d, ok := j.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		return d.SetWriteDeadline(t)
	}
	return os.ErrNoDeadline
}
