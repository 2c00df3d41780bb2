package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/carrier"
)

const (
	listening, closed = "listening", "closed" // files that say: somebody listens; nothing more comes
	most              = 1 << 30               // bytes in a frame
	backlog           = 64                    // files wait for their reader before Send waits too
)

// spool is a carrier for spool:///dir: a connection is a directory there, a batch is a file.
type spool struct{}

func (spool) Schemes() []string { return []string{"spool"} }

// Dial makes a directory, which gets its name when it is complete.
func (spool) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	dir, err := directory(ctx, addr)
	if err != nil {
		return nil, err
	}
	making, err := os.MkdirTemp(dir, "new-*")
	made := strings.Replace(making, "new-", "conn-", 1)
	err = errors.Join(err, os.Mkdir(filepath.Join(making, "up"), 0o700), os.Mkdir(filepath.Join(making, "down"), 0o700), os.Rename(making, made))
	if err != nil || !exists(dir, listening) { // also if that was closed just now
		return nil, errors.Join(fmt.Errorf("nobody listens on %s: is a router running there?", carrier.Redact(addr)), err, os.RemoveAll(made))
	}
	return newConn(made, "down", "up"), nil
}

func (spool) Listen(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	dir, err := directory(ctx, addr)
	if err == nil {
		err = errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, listening), nil, 0o600))
	}
	l := &listener{addr: carrier.Redact(addr), dir: dir}
	l.life, l.end = context.WithCancelCause(context.Background())
	return l, err
}

// directory checks all of an address: what nobody understands is an error.
func directory(ctx context.Context, addr *url.URL) (string, error) {
	if _, err := carrier.Query(addr); err != nil || addr.Host == "" {
		return filepath.FromSlash(addr.Path), errors.Join(err, ctx.Err())
	}
	return "", fmt.Errorf("%s names no directory: write spool:///directory", carrier.Redact(addr))
}

type listener struct {
	addr, dir string
	life      context.Context // ends with Close
	end       context.CancelCauseFunc
}

func (l *listener) Accept(ctx context.Context) (c carrier.Conn, err error) {
	err = until(ctx, l.life, func() (bool, error) { c, err = l.next(); return c != nil, err })
	return c, err
}

// next returns a connection that nobody has accepted, or nil.
func (l *listener) next() (carrier.Conn, error) {
	entries, err := os.ReadDir(l.dir)
	for _, e := range entries {
		dir := filepath.Join(l.dir, e.Name())
		if strings.HasPrefix(e.Name(), "conn-") && os.Mkdir(filepath.Join(dir, "accepted"), 0o700) == nil {
			return newConn(dir, "up", "down"), nil
		}
	}
	return nil, err
}

// Close also closes the connections that nobody has accepted.
func (l *listener) Close() error {
	l.end(net.ErrClosed)
	_ = os.Remove(filepath.Join(l.dir, listening)) // it is gone when Close is called again
	for c, _ := l.next(); c != nil; c, _ = l.next() {
		c.Close()
	}
	return nil
}

func (l *listener) Addr() string { return l.addr }

type conn struct {
	dir, in, out   string
	received, sent int             // files
	rest           []byte          // received, and not yet handed out
	broken         error           // why Send has failed
	limit          atomic.Int64    // largest frame
	life           context.Context // ends with Close
	end            context.CancelCauseFunc
}

func newConn(dir, in, out string) *conn {
	c := &conn{dir: dir, in: filepath.Join(dir, in), out: filepath.Join(dir, out)}
	c.life, c.end = context.WithCancelCause(context.Background())
	c.SetMaxFrame(carrier.DefaultMaxFrame)
	return c
}

func (c *conn) Receive(ctx context.Context, buf []byte) (batch []byte, err error) {
	err = until(ctx, c.life, func() (bool, error) {
		if len(c.rest) == 0 {
			if ok, err := c.next(); !ok || err != nil {
				return false, err
			}
		}
		batch, c.rest, err = carrier.Split(c.rest, cap(buf), int(c.limit.Load()))
		return true, err
	})
	return append(buf[:0], batch...), err
}

// next reads the next file, if it is there.
func (c *conn) next() (ok bool, err error) {
	ended, file := exists(c.in, closed), filepath.Join(c.in, fmt.Sprint(c.received+1)) // files come before the end
	c.rest, err = os.ReadFile(file)
	if gone := errors.Is(err, os.ErrNotExist); gone && ended {
		return false, io.EOF
	} else if gone {
		return false, nil
	}
	c.received++
	return true, errors.Join(err, os.Remove(file))
}

// Send writes a file for each batch, which gets its name when it is complete.
func (c *conn) Send(ctx context.Context, batches ...[]byte) error {
	for _, b := range batches {
		c.broken = until(ctx, c.life, func() (bool, error) {
			switch {
			case c.broken != nil || len(b) == 0:
				return true, c.broken
			case exists(c.in, closed):
				return false, io.ErrClosedPipe
			case exists(c.out, fmt.Sprint(c.sent+1-backlog)):
				return false, nil
			}
			c.sent++
			making, made := filepath.Join(c.out, "new"), filepath.Join(c.out, fmt.Sprint(c.sent))
			return true, errors.Join(os.WriteFile(making, b, 0o600), os.Rename(making, made))
		})
		if c.broken != nil {
			return fmt.Errorf("send to %s: %w", c.RemoteAddr(), c.broken)
		}
	}
	return nil
}

// Close tells the peer. Whoever closes last clears up.
func (c *conn) Close() error {
	c.end(net.ErrClosed)
	err := os.WriteFile(filepath.Join(c.out, closed), nil, 0o600)
	if gone := filepath.Join(filepath.Dir(c.dir), "gone"+filepath.Base(c.dir)); !exists(c.dir, "") || exists(c.in, closed) {
		_, err = os.Rename(c.dir, gone), os.RemoveAll(gone) // at once: nobody is to accept what is half removed
	}
	return err
}

func (*conn) Traits() carrier.Traits {
	return carrier.Traits{Reliable: true, Ordered: true, MaxFrame: most}
}
func (c *conn) SetMaxFrame(n int)  { c.limit.Store(int64(n)) }
func (c *conn) LocalAddr() string  { return "spool://" + filepath.ToSlash(c.in) }
func (c *conn) RemoteAddr() string { return "spool://" + filepath.ToSlash(c.out) }

// until tries until it has worked, or one of the two contexts has ended.
func until(ctx, life context.Context, try func() (bool, error)) error {
	for ctx.Err() == nil && life.Err() == nil {
		if ok, err := try(); (ok || err != nil) && life.Err() == nil {
			return err
		}
		select {
		case <-time.After(time.Millisecond):
		case <-life.Done():
		case <-ctx.Done():
		}
	}
	return errors.Join(context.Cause(life), ctx.Err())
}

func exists(dir, file string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}
