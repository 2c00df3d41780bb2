package serial_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
)

// The goals of the serial line, measured in real time: two ports that this carrier
// opens, and a line of 115200 baud between them. Without -goals they are run for a
// moment each, and what a busy computer may miss is not asked for.
var goals = flag.Bool("goals", false, "measure the goals of the serial line, in some minutes of real time")

const baud = 115200

// bench is a line with a carrier at either end.
type bench struct {
	t      testing.TB
	line   *linesim.Line
	ports  [2]*linesim.Port // of the server, of the client
	addr   [2]string
	server *serial.Carrier
	client *serial.Carrier
	ln     carrier.Listener

	serverPort, clientPort lastPort
}

func newBench(t testing.TB, opts serial.Options, line linesim.LineOptions) *bench {
	line.Exact = true
	b := &bench{t: t, line: linesim.NewLine(&line)}
	t.Cleanup(func() { require.NoError(t, b.line.Close()) })
	for i := range b.ports {
		var err error
		b.ports[i], err = linesim.NewPort("")
		require.NoError(t, err)
		b.line.Attach(linesim.End(i), b.ports[i])
		b.addr[i] = fmt.Sprintf("serial://%s?baud=%d", b.ports[i].Path(), max(line.Baud, 115200))
	}
	opts.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	server, client := opts, opts
	b.serverPort.really, b.clientPort.really = serial.OpenPort, serial.OpenPort
	b.serverPort.drained = func() { b.awaitSent(linesim.B) }
	b.clientPort.drained = func() { b.awaitSent(linesim.A) }
	server.Open, client.Open = b.serverPort.open, b.clientPort.open
	b.server, b.client = serial.New(&server), serial.New(&client)
	return b
}

// overSockets gives both ends sockets in place of pseudo-terminals, between which the
// system hands bytes by a thread of its own: a byte alone took up to 60 ms on a busy
// computer.
func (b *bench) overSockets() {
	for end, port := range map[linesim.End]*lastPort{linesim.A: &b.serverPort, linesim.B: &b.clientPort} {
		port.drained = func() {}
		port.really = func(context.Context, serial.Line) (io.ReadWriteCloser, error) {
			fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
			if err != nil {
				return nil, err
			}
			b.line.Attach(end, os.NewFile(uintptr(fds[1]), "far"))
			return os.NewFile(uintptr(fds[0]), "near"), nil
		}
	}
}

// listen starts the server.
func (b *bench) listen() {
	u, err := carrier.Parse(b.addr[0])
	require.NoError(b.t, err)
	b.ln, err = b.server.Listen(b.t.Context(), u)
	require.NoError(b.t, err)
}

func (b *bench) dial() carrier.Conn {
	u, err := carrier.Parse(b.addr[1])
	require.NoError(b.t, err)
	conn, err := b.client.Dial(b.t.Context(), u)
	require.NoError(b.t, err)
	return conn
}

// connect returns both ends of a session.
func (b *bench) connect() (server, client carrier.Conn) {
	b.listen()
	client = b.dial()
	require.NoError(b.t, carrier.Handshake(b.t.Context(), client))
	server, err := b.ln.Accept(b.t.Context())
	require.NoError(b.t, err)
	b.t.Cleanup(func() {
		client.Close()
		server.Close()
		require.NoError(b.t, b.ln.Close())
	})
	return server, client
}

// lastPort opens ports, and knows the last one.
type lastPort struct {
	drained func() // returns when what was written to the last one has left it
	really  serial.Opener

	mu     sync.Mutex
	port   io.ReadWriteCloser
	spoken time.Time // when the first byte was written to it
}

// open waits for the line first: nothing boots faster than its UART sends the last
// bytes, and a simulated one may be late.
func (l *lastPort) open(ctx context.Context, line serial.Line) (io.ReadWriteCloser, error) {
	l.drained()
	rwc, err := l.really(ctx, line)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.port, l.spoken = rwc, time.Time{}
	return &stamped{rwc, l}, nil
}

// kill takes the port away from under the carrier, which can say nothing more.
func (l *lastPort) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.port.Close() // that is what is tested
}

// since returns how long ago the first byte was written.
func (l *lastPort) since() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.spoken)
}

type stamped struct {
	io.ReadWriteCloser
	last *lastPort
}

func (s *stamped) Write(p []byte) (int, error) {
	s.last.mu.Lock()
	if s.last.spoken.IsZero() {
		s.last.spoken = time.Now()
	}
	s.last.mu.Unlock()
	return s.ReadWriteCloser.Write(p)
}

// flow sends numbered messages one way, and checks them at the other end.
type flow struct {
	size  int
	bytes atomic.Int64 // that have arrived
}

// send goes on until the conn fails or the context ends.
func (f *flow) send(ctx context.Context, to carrier.Conn) error {
	frame := make([]byte, f.size)
	var batch []byte
	for n := uint64(0); ; {
		batch = batch[:0]
		for range max(1, 244/f.size) {
			binary.LittleEndian.PutUint64(frame, n)
			for i := 8; i < len(frame); i++ {
				frame[i] = byte(n) + byte(i)*31
			}
			batch = carrier.AppendFrame(batch, frame)
			n++
		}
		if err := to.Send(ctx, batch); err != nil {
			return err
		}
	}
}

// receive goes on until the conn fails, which is what it returns, or something
// else came than was sent.
func (f *flow) receive(ctx context.Context, from carrier.Conn) error {
	buf := make([]byte, 4096)
	for want := uint64(0); ; {
		batch, err := from.Receive(ctx, buf)
		if err != nil {
			return err
		}
		for frame := range carrier.Frames(batch) {
			if len(frame) != f.size || binary.LittleEndian.Uint64(frame) != want {
				return fmt.Errorf("message %d: got one of %d bytes, number %d", want, len(frame), binary.LittleEndian.Uint64(frame))
			}
			for i := 8; i < len(frame); i++ {
				if frame[i] != byte(want)+byte(i)*31 {
					return fmt.Errorf("message %d is damaged", want)
				}
			}
			want++
			f.bytes.Add(int64(len(frame)))
		}
		buf = batch
	}
}

// TestGoalThroughput: payload that arrives, in percent of the line's bytes a
// second, while both ends send all they can.
func TestGoalThroughput(t *testing.T) {
	for _, row := range []struct {
		name   string
		damage linesim.Damage
		size   int
		goal   float64
	}{
		{"clean", linesim.Damage{}, 244, 94},
		{"clean", linesim.Damage{}, 32, 88},
		{"bit errors 1e-5", linesim.Damage{BitErrors: 1e-5}, 244, 90},
		{"bit errors 1e-4", linesim.Damage{BitErrors: 1e-4}, 244, 65},
		{"bit errors 1e-3", linesim.Damage{BitErrors: 1e-3}, 244, 1},
	} {
		t.Run(fmt.Sprintf("%s, %d B", row.name, row.size), func(t *testing.T) {
			b := newBench(t, serial.Options{}, linesim.LineOptions{Baud: baud, Seed: 42})
			server, client := b.connect()
			b.line.Set(row.damage)
			ctx, cancel := context.WithCancel(t.Context())
			up, down := flow{size: row.size}, flow{size: row.size}
			var wg sync.WaitGroup
			defer wg.Wait()
			defer cancel()
			wg.Go(func() { _ = up.send(ctx, client) })
			wg.Go(func() { _ = down.send(ctx, server) })
			failed := make(chan error, 2) // one of each direction
			wg.Go(func() { failed <- up.receive(ctx, server) })
			wg.Go(func() { failed <- down.receive(ctx, client) })
			measureFor, warmUp := time.Second, time.Second/4
			if *goals {
				measureFor, warmUp = 30*time.Second, 5*time.Second
			}
			wait := func(d time.Duration) {
				select {
				case err := <-failed:
					t.Fatal(err)
				case <-time.After(d):
				}
			}
			wait(warmUp)
			begin, u, d := time.Now(), up.bytes.Load(), down.bytes.Load()
			wait(measureFor)
			lasted := time.Since(begin).Seconds()
			u, d = up.bytes.Load()-u, down.bytes.Load()-d
			share := func(n int64) float64 { return float64(n) * 100 / (baud / 10) / lasted }
			report(t, "%s, %d B | >= %.0f %% | %.1f %%, %.1f %%", row.name, row.size, row.goal, share(u), share(d))
			if *goals {
				require.GreaterOrEqual(t, min(share(u), share(d)), row.goal)
			}
			require.Eventually(t, func() bool { return min(up.bytes.Load(), down.bytes.Load()) > 0 },
				30*time.Second, 10*time.Millisecond, "both directions make progress")
		})
	}
}

// report prints a row of the table in docs/benchmarks.md.
func report(t testing.TB, format string, args ...any) {
	if *goals {
		fmt.Fprintf(os.Stdout, "| "+format+" |\n", args...)
		return
	}
	t.Logf(format, args...)
}
