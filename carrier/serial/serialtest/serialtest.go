// Package serialtest joins clients to listeners of carrier/serial over lines of
// package linesim, for tests that want any number of connections: the real link,
// real ports, as fast as this computer goes.
//
//	n := serialtest.New(t, nil, &linesim.LineOptions{Damage: linesim.Damage{BitErrors: 1e-5}})
//	ln, err := n.Server.Listen(ctx, n.Listen())
//	conn, err := n.Client.Dial(ctx, ln.Addr())
//
// A listener's address is a pattern of ports in a folder of its own. To dial it is
// to plug in a port there: it appears with the first byte, and is pulled out when
// the client has closed and the listener has read everything.
package serialtest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
)

// Net is where lines are made.
type Net struct {
	// Server listens, Client dials.
	Server, Client carrier.Carrier

	opts serial.Options
	line linesim.LineOptions
	dir  string
	n    atomic.Int64
	wg   sync.WaitGroup

	mu      sync.Mutex
	readers map[string]*reader // of the listeners' ports, by path
}

// New returns a network whose lines are such. Its ports are unpaced, found within
// milliseconds, take messages of 4 MiB, and nobody waits for more than a second
// where nobody is; nil means the defaults. What is left of it is thrown away
// at the end of the test.
func New(t testing.TB, opts *serial.Options, line *linesim.LineOptions) *Net {
	t.Helper()
	n := &Net{readers: map[string]*reader{}}
	if opts != nil {
		n.opts = *opts
	}
	if line != nil {
		n.line = *line
	}
	dir, err := os.MkdirTemp("", "gosig-lines-") // t.TempDir has names with a # in them
	if err != nil {
		t.Fatal(err)
	}
	n.dir = dir
	n.opts.Unpaced = true
	if n.opts.Logger == nil {
		n.opts.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if n.opts.MaxMessage == 0 {
		n.opts.MaxMessage = 4 << 20
	}
	if n.opts.HandshakeTimeout == 0 {
		n.opts.HandshakeTimeout = time.Second
	}
	if n.opts.ScanEvery == 0 {
		n.opts.ScanEvery = 5 * time.Millisecond
	}
	server, client := n.opts, n.opts
	server.Open, client.Open = n.openServer, n.openClient
	n.Server, n.Client = serial.New(&server), dialer{serial.New(&client)}
	t.Cleanup(func() {
		n.wg.Wait()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return n
}

// Listen returns a pattern to listen on, of ports that are not there yet.
func (n *Net) Listen() string {
	dir := filepath.Join(n.dir, fmt.Sprint(n.n.Add(1)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		panic(err) // the folder has just been made
	}
	return "serial://" + filepath.ToSlash(dir) + "/tty*"
}

// dialer dials a pattern: a port of such a name is plugged in.
type dialer struct{ *serial.Carrier }

// Dial implements [carrier.Carrier].
func (d dialer) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	one := *addr
	one.Path = filepath.ToSlash(filepath.Dir(filepath.FromSlash(addr.Path)))
	return d.Carrier.Dial(ctx, &one)
}

// openClient makes a line from a port of the folder line.Path to one of the client.
func (n *Net) openClient(ctx context.Context, line serial.Line) (_ io.ReadWriteCloser, err error) {
	id := n.n.Add(1)
	far, err := linesim.NewPort(filepath.Join(line.Path, fmt.Sprintf("tty%d", id)))
	if err != nil {
		return nil, err
	}
	near, err := linesim.NewPort("")
	if err != nil {
		far.Close()
		return nil, err
	}
	opt := n.line
	opt.Seed += uint64(id)
	l := &live{net: n, far: far, line: linesim.NewLine(&opt)}
	l.line.Attach(linesim.A, near)
	l.line.Attach(linesim.B, far)
	n.awaitReader(ctx, far.Path())
	line.Path = near.Path()
	if l.ReadWriteCloser, err = serial.OpenPort(ctx, line); err != nil {
		l.line.Close()
		return nil, err
	}
	return l, nil
}

// awaitReader waits until the listener has opened a port, for a while: there may
// be none.
func (n *Net) awaitReader(ctx context.Context, path string) {
	ctx, cancel := context.WithTimeout(ctx, 20*n.opts.ScanEvery)
	defer cancel()
	for ctx.Err() == nil && n.reader(path) == nil {
		time.Sleep(time.Millisecond)
	}
}

// live is a client's port, and the line behind it.
type live struct {
	io.ReadWriteCloser
	net     *Net
	line    *linesim.Line
	far     *linesim.Port
	written atomic.Uint64
}

// Write implements [io.Writer].
func (l *live) Write(p []byte) (int, error) {
	n, err := l.ReadWriteCloser.Write(p)
	l.written.Add(uint64(n))
	return n, err
}

// Close closes the port, and pulls out the listener's when that has read all.
func (l *live) Close() error {
	err := l.ReadWriteCloser.Close()
	l.net.wg.Go(func() { // until the listener has read, or does not listen any more
		for r := l.net.reader(l.far.Path()); r != nil && !l.delivered(r); r = l.net.reader(l.far.Path()) {
			time.Sleep(time.Millisecond)
		}
		l.line.Close()
	})
	return err
}

// delivered reports whether all that was written has been read.
func (l *live) delivered(r *reader) bool {
	s := l.line.Stats(linesim.B)
	onTheWay := s.Bytes + s.Noise.Inserted - s.Noise.Dropped - s.Overrun - s.Unheard - s.Arrived
	return s.Bytes >= l.written.Load() && onTheWay == 0 && s.Arrived <= r.settled.Load()
}

// reader returns the listener's port of a path, nil if it is not open.
func (n *Net) reader(path string) *reader {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.readers[path]
}

// reader is a listener's port that counts what is read.
type reader struct {
	io.ReadWriteCloser
	net     *Net
	path    string
	read    uint64        // by the one who reads
	settled atomic.Uint64 // of read: the reader has come back for more
}

func (n *Net) openServer(ctx context.Context, line serial.Line) (io.ReadWriteCloser, error) {
	rwc, err := serial.OpenPort(ctx, line)
	if err != nil {
		return nil, err
	}
	r := &reader{ReadWriteCloser: rwc, net: n, path: line.Path}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.readers[line.Path] = r
	return r, nil
}

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	r.settled.Store(r.read)
	n, err := r.ReadWriteCloser.Read(p)
	r.read += uint64(n)
	return n, err
}

// Close implements [io.Closer].
func (r *reader) Close() error {
	r.net.mu.Lock()
	delete(r.net.readers, r.path)
	r.net.mu.Unlock()
	return r.ReadWriteCloser.Close()
}
