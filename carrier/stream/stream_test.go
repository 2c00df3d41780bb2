package stream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformanceNetPipe(t *testing.T) {
	carriertest.TestConn(t, func(testing.TB) (a, b carrier.Conn) {
		x, y := net.Pipe()
		return stream.New(x, nil), stream.New(y, nil)
	}, &carriertest.Options{Bytes: 1 << 20})
}

func TestConformanceOSPipes(t *testing.T) {
	carriertest.TestConn(t, func(t testing.TB) (a, b carrier.Conn) {
		x, y := osPipes(t)
		return stream.New(x, nil), stream.New(y, nil)
	}, nil)
}

// TestConformanceNoDeadlines has nothing but Read, Write and Close.
func TestConformanceNoDeadlines(t *testing.T) {
	carriertest.TestConn(t, func(t testing.TB) (a, b carrier.Conn) {
		x, y := osPipes(t)
		return stream.New(bare{x}, nil), stream.New(bare{y}, nil)
	}, &carriertest.Options{CancelBreaks: true})
}

// bare hides everything else of what it holds.
type bare struct{ io.ReadWriteCloser }

// duplex is two pipes.
type duplex struct {
	*os.File // reads
	w        *os.File
}

func osPipes(t testing.TB) (a, b *duplex) {
	r1, w1, err := os.Pipe()
	require.NoError(t, err)
	r2, w2, err := os.Pipe()
	require.NoError(t, err)
	return &duplex{r1, w2}, &duplex{r2, w1}
}

func (d *duplex) Write(p []byte) (int, error)        { return d.w.Write(p) }
func (d *duplex) SetWriteDeadline(t time.Time) error { return d.w.SetWriteDeadline(t) }
func (d *duplex) Close() error                       { return errors.Join(d.File.Close(), d.w.Close()) }

// input is a stream to read from only.
type input struct {
	io.Reader
}

func (*input) Write(p []byte) (int, error) { return len(p), nil }
func (*input) Close() error                { return nil }

func reading(r io.Reader) *stream.Conn {
	return stream.New(&input{Reader: r}, &stream.Options{MaxFrame: 1000})
}

func batch(frames ...string) []byte {
	var b []byte
	for _, f := range frames {
		b = carrier.AppendFrame(b, []byte(f))
	}
	return b
}

func TestReceive(t *testing.T) {
	long := string(bytes.Repeat([]byte("x"), 1000))
	for _, c := range []struct {
		name  string
		input []byte
		want  []byte
		err   error
	}{
		{"nothing", nil, nil, io.EOF},
		{"frames", batch("a", "bb", "ccc"), batch("a", "bb", "ccc"), io.EOF},
		{"largest", batch(long), batch(long), io.EOF},
		{"end in a length", append(batch("a"), 0, 0), batch("a"), io.ErrUnexpectedEOF},
		{"end in a frame", append(batch("a"), 0, 0, 0, 2, 'x'), batch("a"), io.ErrUnexpectedEOF},
		{"end after a length", append(batch("a"), 0, 0, 0, 2), batch("a"), io.ErrUnexpectedEOF},
		{"length 0", append(batch("a"), 0, 0, 0, 0, 'x'), batch("a"), carrier.ErrProtocol},
		{"over the limit", append(batch("a", long), batch(long+"x")...), batch("a", long), carrier.ErrFrameTooLarge},
		{"absurd length", []byte{0xff, 0xff, 0xff, 0xff, 1}, nil, carrier.ErrFrameTooLarge},
	} {
		for reader, wrap := range map[string]func(io.Reader) io.Reader{
			"at once": func(r io.Reader) io.Reader { return r }, "by bytes": iotest.OneByteReader,
			"by halves": iotest.HalfReader, "error with data": iotest.DataErrReader,
		} {
			t.Run(c.name+" "+reader, func(t *testing.T) {
				conn := reading(wrap(bytes.NewReader(c.input)))
				var got []byte
				var err error
				for buf := make([]byte, 16); err == nil; {
					var b []byte
					b, err = conn.Receive(context.Background(), buf)
					require.NoError(t, carrier.Check(b, 1000))
					got = append(got, b...)
				}
				assert.Equal(t, c.want, got)
				assert.ErrorIs(t, err, c.err)
				_, err = conn.Receive(context.Background(), nil)
				assert.ErrorIs(t, err, c.err, "the same error again")
			})
		}
	}
}

// TestMemoryFollowsBytes: a length that was only declared costs nothing.
func TestMemoryFollowsBytes(t *testing.T) {
	x, y := net.Pipe()
	conn := stream.New(x, &stream.Options{MaxFrame: 1 << 30})
	defer conn.Close()
	done := make(chan error, 1) // one result
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		_, err := conn.Receive(context.Background(), make([]byte, 64))
		done <- err
	}()
	_, err := y.Write(append([]byte{0x3f, 0xff, 0xff, 0xff}, make([]byte, 10_000)...)) // declares 1 GiB
	require.NoError(t, err)
	require.NoError(t, y.Close())
	assert.ErrorIs(t, <-done, io.ErrUnexpectedEOF)
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(200_000))
}

func TestExplain(t *testing.T) {
	better := errors.New("you called the wrong port")
	explain := func(h []byte) error {
		if string(h) == "GET " {
			return better
		}
		return nil
	}
	conn := stream.New(&input{Reader: bytes.NewReader([]byte("GET / HTTP/1.1"))}, &stream.Options{Explain: explain})
	_, err := conn.Receive(context.Background(), nil)
	assert.ErrorIs(t, err, better)
	assert.ErrorIs(t, err, carrier.ErrFrameTooLarge)

	conn = stream.New(&input{Reader: bytes.NewReader(append(batch("a"), "GET /"...))}, &stream.Options{Explain: explain})
	_, err = conn.Receive(context.Background(), nil)
	require.NoError(t, err)
	_, err = conn.Receive(context.Background(), nil)
	assert.NotErrorIs(t, err, better, "only the first bytes show who called")
	assert.ErrorIs(t, err, carrier.ErrFrameTooLarge)
}

// failing takes n bytes, then fails.
type failing struct {
	input
	n int
}

var errFull = errors.New("disk full")

func (f *failing) Write(p []byte) (int, error) {
	if len(p) > f.n {
		return f.n, errFull
	}
	f.n -= len(p)
	return len(p), nil
}

func TestSendAfterError(t *testing.T) {
	f := &failing{n: 10}
	conn := stream.New(f, nil)
	require.NoError(t, conn.Send(context.Background(), batch("a")))
	assert.ErrorIs(t, conn.Send(context.Background(), batch("a"), batch("b")), errFull)
	f.n = 100
	assert.ErrorIs(t, conn.Send(context.Background(), batch("a")), errFull, "a part of a frame may be out: nothing can follow")
}

// writes counts calls.
type writes struct {
	input
	sizes []int
}

func (w *writes) Write(p []byte) (int, error) {
	w.sizes = append(w.sizes, len(p))
	return len(p), nil
}

func TestSmallBatchesAreGathered(t *testing.T) {
	for _, c := range []struct {
		name    string
		batches []int
		want    []int
	}{
		{"small", []int{100, 200, 300}, []int{600}},
		{"one", []int{100}, []int{100}},
		{"empty", []int{0, 0}, nil},
		{"large between", []int{100, 20_000, 100, 200}, []int{100, 20_000, 300}},
		{"more than fits", []int{16_000, 16_000, 16_000, 16_000, 16_000}, []int{64_000, 16_000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &writes{}
			var batches [][]byte
			for _, n := range c.batches {
				batches = append(batches, make([]byte, n))
			}
			require.NoError(t, stream.New(w, nil).Send(context.Background(), batches...))
			assert.Equal(t, c.want, w.sizes)
		})
	}
}

// timed has deadlines.
type timed struct{ input }

func (*timed) SetReadDeadline(time.Time) error  { return nil }
func (*timed) SetWriteDeadline(time.Time) error { return nil }

func TestListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := stream.NewListener(ln, nil)
	assert.Equal(t, "tcp://"+ln.Addr().String(), l.Addr())
	nc, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	conn, err := l.Accept(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	assert.Equal(t, "tcp://"+nc.LocalAddr().String(), conn.RemoteAddr())
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
}

// scripted accepts what its script says.
type scripted struct {
	script chan any // error or net.Conn; filled by the test, closed by Close
}

func (s *scripted) Accept() (net.Conn, error) {
	switch v := (<-s.script).(type) {
	case net.Conn:
		return v, nil
	case error:
		return nil, v
	}
	return nil, net.ErrClosed
}

func (s *scripted) Close() error   { close(s.script); return nil }
func (s *scripted) Addr() net.Addr { return &net.UnixAddr{Name: "/s", Net: "unix"} }

func TestListenerOutlivesShortages(t *testing.T) {
	x, y := net.Pipe()
	defer x.Close()
	s := &scripted{script: make(chan any, 3)}
	s.script <- syscall.EMFILE
	s.script <- os.NewSyscallError("accept", syscall.ENFILE)
	s.script <- y
	l := stream.NewListener(s, nil)
	conn, err := l.Accept(t.Context())
	require.NoError(t, err)
	conn.Close()
	require.NoError(t, l.Close())
}

func TestListenerFails(t *testing.T) {
	s := &scripted{script: make(chan any, 1)}
	s.script <- errFull
	l := stream.NewListener(s, nil)
	for range 2 {
		_, err := l.Accept(t.Context())
		assert.ErrorIs(t, err, errFull)
	}
	require.NoError(t, l.Close())
	_, err := l.Accept(t.Context())
	assert.ErrorIs(t, err, net.ErrClosed)
}

func TestListenerGoesOnAfterAUselessPeer(t *testing.T) {
	s := &scripted{script: make(chan any, 2)}
	a, b := net.Pipe()
	c, d := net.Pipe()
	defer c.Close()
	s.script <- b
	s.script <- d
	l := stream.NewListener(s, &stream.ListenerOptions{Wrap: func(nc net.Conn) (carrier.Conn, error) {
		if nc == b {
			return nil, errFull
		}
		return stream.New(nc, nil), nil
	}})
	conn, err := l.Accept(t.Context())
	require.NoError(t, err)
	conn.Close()
	_, err = a.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF, "the useless one is closed")
	require.NoError(t, l.Close())
}
