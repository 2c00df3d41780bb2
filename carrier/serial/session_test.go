package serial_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
)

const (
	hubPort    = "/dev/hub"
	devicePort = "/dev/device"
)

func oneCable() *desk { return newDesk([2]string{hubPort, devicePort}) }

// TestOneAfterAnother: a listener keeps its port, and hands out one connection
// after another for it; who is there is the port's path.
func TestOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := oneCable()
		c := d.carrier(serial.Options{})
		ln := listen(t, c, "serial://"+hubPort+"?baud=115200")
		assert.Equal(t, "serial://"+hubPort+"?baud=115200", ln.Addr())
		for range 5 {
			a := dial(t, c, "serial://"+devicePort)
			b := accept(t, ln)
			send(t, a, "21.5 C")
			assert.Equal(t, "21.5 C", receive(t, b))
			id, ok := carrier.IdentityOf(b)
			assert.True(t, ok)
			assert.Equal(t, carrier.Identity{ID: hubPort, Method: serial.Method}, id)
			peer, ok := b.(serial.Linked).Peer()
			assert.True(t, ok)
			assert.Equal(t, 246, peer.MTU)
			assert.NotZero(t, b.(serial.Linked).LinkStats().FramesIn)
			begun := time.Now()
			require.NoError(t, a.Close())
			assert.Equal(t, io.EOF, ended(t, b))
			assert.Less(t, time.Since(begun), 50*time.Millisecond, "nobody waits for a timer")
		}
		assert.Equal(t, 1, d.opened(hubPort), "the listener's port stays open")
		assert.Equal(t, 5, d.opened(devicePort))
	})
}

// TestCloseDelivers: what was sent before Close arrives, however slow the line.
func TestCloseDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := oneCable().carrier(serial.Options{Baud: 1200})
		ln := listen(t, c, "serial://"+hubPort)
		a := dial(t, c, "serial://"+devicePort)
		b := accept(t, ln)
		text := strings.Repeat("x", 3000) // 25 s of this line; the last 6 wait when Send returns
		got := make(chan string, 1)       // one message
		go func() { got <- receive(t, b) }()
		send(t, a, text)
		begun := time.Now()
		require.NoError(t, a.Close())
		assert.InDelta(t, 6, time.Since(begun).Seconds(), 1.5, "Close waits while it goes out")
		assert.Equal(t, text, <-got)
	})
}

// TestRestart: a device that begins anew without a word is a new connection, and
// the old one ends with an error that is no clean end (P5).
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := oneCable()
		c := d.carrier(serial.Options{})
		ln := listen(t, c, "serial://"+hubPort)
		a := dial(t, c, "serial://"+devicePort)
		b := accept(t, ln)
		d.unplug(devicePort) // as when it loses power: it says nothing
		require.Error(t, ended(t, a))
		a.Close()
		d.plugIn(devicePort)
		begun := time.Now()
		a = dial(t, c, "serial://"+devicePort)
		next := accept(t, ln)
		err := ended(t, b)
		require.ErrorContains(t, err, "the peer restarted")
		require.ErrorIs(t, err, serial.ErrRestarted)
		require.NotErrorIs(t, err, io.EOF)
		assert.Less(t, time.Since(begun), 50*time.Millisecond, "once it speaks again that is noticed")
		send(t, next, "hello again")
		assert.Equal(t, "hello again", receive(t, a))
	})
}

// TestSilence: a peer that is not heard of any more is given up after 3.5 times
// the keepalive.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := oneCable()
		c := d.carrier(serial.Options{Keepalive: 200 * time.Millisecond})
		ln := listen(t, c, "serial://"+hubPort)
		dial(t, c, "serial://"+devicePort)
		b := accept(t, ln)
		time.Sleep(time.Minute) // nothing is said but signs of life
		begun := time.Now()
		d.unplug(devicePort)
		require.ErrorContains(t, ended(t, b), "the peer is silent")
		assert.LessOrEqual(t, time.Since(begun), 700*time.Millisecond)
	})
}

// TestUnplugged: a listener's port that is pulled out ends its connection at
// once, is looked for less and less often, and serves again when it is back (P9).
func TestUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := oneCable()
		c := d.carrier(serial.Options{})
		ln := listen(t, c, "serial://"+hubPort)
		dial(t, c, "serial://"+devicePort)
		b := accept(t, ln)
		d.unplug(hubPort)
		err := ended(t, b)
		require.ErrorContains(t, err, "the port is gone: was it unplugged?")
		require.NotErrorIs(t, err, io.EOF, "nobody has closed it")

		time.Sleep(10 * time.Minute)
		tries := d.opened(hubPort)
		assert.Less(t, tries, 130, "0.1 s, doubling up to 5 s")
		assert.Equal(t, 2, strings.Count(d.logged(), "level=WARN"), "each complaint is logged once:\n%s", d.logged())
		d.plugIn(hubPort)
		begun := time.Now()
		a := dial(t, c, "serial://"+devicePort+"?keepalive=10s")
		_ = a
		for {
			conn, err := c.Dial(t.Context(), parse(t, "serial://"+devicePort))
			require.NoError(t, err)
			if err = carrier.Handshake(t.Context(), conn); err == nil {
				defer conn.Close()
				break
			}
			conn.Close()
		}
		accept(t, ln)
		assert.Less(t, time.Since(begun), 12*time.Second)
	})
}

// TestIdle counts what happens on a line where nobody says anything.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := oneCable()
		var reads, writes atomic.Int64
		d.wrap = func(_ string, rwc io.ReadWriteCloser) io.ReadWriteCloser {
			return counted{rwc, &reads, &writes}
		}
		c := d.carrier(serial.Options{})
		ln := listen(t, c, "serial://"+hubPort)
		time.Sleep(time.Minute) // nobody is there: a SYN each 250 ms
		assert.LessOrEqual(t, writes.Load(), int64(250))
		assert.LessOrEqual(t, reads.Load(), int64(2))

		dial(t, c, "serial://"+devicePort)
		accept(t, ln)
		reads.Store(0)
		writes.Store(0)
		time.Sleep(time.Minute) // a PING each second at most, and its answer, each way
		assert.LessOrEqual(t, writes.Load(), int64(250))
		assert.GreaterOrEqual(t, writes.Load(), int64(60), "signs of life")
		assert.LessOrEqual(t, reads.Load(), int64(250), "a Read for what was written")
	})
}

// counted counts the calls of a port.
type counted struct {
	io.ReadWriteCloser
	reads, writes *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	c.reads.Add(1)
	return c.ReadWriteCloser.Read(p)
}

func (c counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.ReadWriteCloser.Write(p)
}

// odd is a port that behaves as its functions say.
type odd struct {
	io.ReadWriteCloser
	read  func(p []byte) (int, error)
	write func(p []byte) (int, error)
	close func() error
}

func (o odd) Read(p []byte) (int, error) {
	if o.read != nil {
		return o.read(p)
	}
	return o.ReadWriteCloser.Read(p)
}

func (o odd) Write(p []byte) (int, error) {
	if o.write != nil {
		return o.write(p)
	}
	return o.ReadWriteCloser.Write(p)
}

func (o odd) Close() error {
	if o.close != nil {
		return o.close()
	}
	return o.ReadWriteCloser.Close()
}

// TestOddPorts: ports of others, which do what ports do.
func TestOddPorts(t *testing.T) {
	timeout := func() error { return context.DeadlineExceeded }
	for _, row := range []struct {
		name string
		odd  func(freed chan struct{}, calls *atomic.Int64, rwc io.ReadWriteCloser) odd
		err  string // of the connection; "": it works
		most int64  // calls in a minute
	}{
		{"Close blocks", func(freed chan struct{}, _ *atomic.Int64, rwc io.ReadWriteCloser) odd {
			return odd{ReadWriteCloser: rwc, close: func() error { <-freed; return rwc.Close() }}
		}, "", 0},
		{"Close does not unblock Read", func(freed chan struct{}, _ *atomic.Int64, rwc io.ReadWriteCloser) odd {
			return odd{ReadWriteCloser: rwc, close: func() error { return nil }}
		}, "", 0},
		{"Write blocks", func(freed chan struct{}, _ *atomic.Int64, rwc io.ReadWriteCloser) odd {
			return odd{ReadWriteCloser: rwc, write: func([]byte) (int, error) { <-freed; return 0, net.ErrClosed }}
		}, "the port takes no bytes any more", 0},
		{"Write takes a part", func(_ chan struct{}, _ *atomic.Int64, rwc io.ReadWriteCloser) odd {
			return odd{ReadWriteCloser: rwc, write: func(p []byte) (int, error) { return len(p) - 1, nil }}
		}, "it took a part", 0},
		{"Read is at its end", func(_ chan struct{}, calls *atomic.Int64, rwc io.ReadWriteCloser) odd {
			return odd{ReadWriteCloser: rwc, read: func([]byte) (int, error) { calls.Add(1); return 0, io.EOF }}
		}, "the port is gone", 5},
		{"Read returns nothing, at once", func(_ chan struct{}, calls *atomic.Int64, rwc io.ReadWriteCloser) odd {
			return odd{ReadWriteCloser: rwc, read: func([]byte) (int, error) { calls.Add(1); return 0, nil }}
		}, "nothing comes", 500},
		{"Read times out, at once", func(_ chan struct{}, calls *atomic.Int64, rwc io.ReadWriteCloser) odd {
			return odd{ReadWriteCloser: rwc, read: func([]byte) (int, error) { calls.Add(1); return 0, timeout() }}
		}, "nothing comes", 500},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := oneCable()
				freed, calls := make(chan struct{}), &atomic.Int64{}
				d.wrap = func(path string, rwc io.ReadWriteCloser) io.ReadWriteCloser {
					if path == devicePort {
						t.Cleanup(func() { rwc.Close() })
						return row.odd(freed, calls, rwc)
					}
					return rwc
				}
				c := d.carrier(serial.Options{})
				listen(t, c, "serial://"+hubPort)
				a := dial(t, c, "serial://"+devicePort)
				err := carrier.Handshake(t.Context(), a)
				if row.err == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, row.err)
				}
				begun := time.Now()
				require.NoError(t, a.Close())
				assert.LessOrEqual(t, time.Since(begun), 2500*time.Millisecond, "Close ends in time")
				assert.LessOrEqual(t, calls.Load(), row.most, "no spin")
				close(freed)
			})
		})
	}
}

// TestOpenerThatHangs is given up with its context, and what it opens later is
// closed.
func TestOpenerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		freed := make(chan struct{})
		var closed atomic.Bool
		c := serial.New(&serial.Options{Open: func(context.Context, serial.Line) (io.ReadWriteCloser, error) {
			<-freed
			return odd{close: func() error { closed.Store(true); return nil }}, nil
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Dial(ctx, parse(t, "serial:///dev/x"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = c.Listen(ctx, parse(t, "serial:///dev/x"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(freed)
		synctest.Wait()
		assert.True(t, closed.Load())
	})
}

// TestTooLarge: the sender of a message that the peer does not accept is told,
// and the peer sees nothing of it.
func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := oneCable().carrier(serial.Options{})
		ln := listen(t, c, "serial://"+hubPort+"?max_message=100")
		a := dial(t, c, "serial://"+devicePort)
		b := accept(t, ln)
		assert.Equal(t, 100, b.Traits().MaxFrame)
		send(t, a, strings.Repeat("x", 100))
		assert.Len(t, receive(t, b), 100)
		before := b.(serial.Linked).LinkStats().FramesIn
		batch := carrier.AppendFrame(nil, []byte("this would do"))
		err := a.Send(t.Context(), carrier.AppendFrame(batch, make([]byte, 101)))
		require.ErrorIs(t, err, carrier.ErrFrameTooLarge)
		require.ErrorContains(t, err, "101 bytes, the limit is 100")
		synctest.Wait()
		assert.Equal(t, before, b.(serial.Linked).LinkStats().FramesIn, "nothing was sent, not the first frame either")
		require.NoError(t, a.Close())
		assert.Equal(t, io.EOF, ended(t, b))
	})
}

// TestMissing: what is not there is an error for whoever names it.
func TestMissing(t *testing.T) {
	c := newDesk().carrier(serial.Options{})
	_, err := c.Listen(t.Context(), parse(t, "serial:///dev/none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = c.Dial(t.Context(), parse(t, "serial:///dev/none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = serial.New(&serial.Options{Open: func(context.Context, serial.Line) (io.ReadWriteCloser, error) { return nil, nil }}).
		Dial(t.Context(), parse(t, "serial:///dev/none"))
	require.ErrorContains(t, err, "returned no port")
	require.False(t, errors.Is(err, fs.ErrNotExist))
}
