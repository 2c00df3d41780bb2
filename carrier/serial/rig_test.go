package serial_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
)

// desk has ports in memory, by their paths, with cables between them, so that
// tests run under simulated time. It counts.
type desk struct {
	// wrap, if it is set, changes a port that is being opened.
	wrap func(path string, rwc io.ReadWriteCloser) io.ReadWriteCloser

	mu     sync.Mutex
	cables map[string]string // from the path of each end to the other
	gone   map[string]bool   // unplugged
	lines  map[string]*wire  // that are open
	opens  map[string]int    // how often it was tried
	log    strings.Builder
}

func newDesk(cables ...[2]string) *desk {
	d := &desk{cables: map[string]string{}, gone: map[string]bool{}, lines: map[string]*wire{}, opens: map[string]int{}}
	for _, c := range cables {
		d.cables[c[0]], d.cables[c[1]] = c[1], c[0]
	}
	return d
}

// wire is a port whose writes nobody waits for: as a UART, it sends whether
// somebody listens or not.
type wire struct {
	d    *desk
	path string
	in   chan []byte // capacity: what a system keeps; more is lost
	rest []byte
	once sync.Once
	shut chan struct{}
}

func (d *desk) open(_ context.Context, line serial.Line) (io.ReadWriteCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opens[line.Path]++
	if d.cables[line.Path] == "" || d.gone[line.Path] {
		return nil, &fs.PathError{Op: "open", Path: line.Path, Err: fs.ErrNotExist}
	}
	w := &wire{d: d, path: line.Path, in: make(chan []byte, 64), shut: make(chan struct{})}
	d.lines[line.Path] = w
	if d.wrap != nil {
		return d.wrap(line.Path, w), nil
	}
	return w, nil
}

func (w *wire) Read(p []byte) (int, error) {
	for len(w.rest) == 0 {
		select {
		case w.rest = <-w.in:
		case <-w.shut:
			return 0, io.EOF
		}
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

func (w *wire) Write(p []byte) (int, error) {
	select {
	case <-w.shut:
		return 0, errors.New("input/output error")
	default:
	}
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if other := w.d.lines[w.d.cables[w.path]]; other != nil {
		other.give(p)
	}
	return len(p), nil
}

// give makes bytes arrive.
func (w *wire) give(p []byte) {
	select {
	case w.in <- append([]byte(nil), p...):
	default:
	}
}

func (w *wire) Close() error {
	w.once.Do(func() {
		close(w.shut)
		w.d.mu.Lock()
		defer w.d.mu.Unlock()
		if w.d.lines[w.path] == w {
			delete(w.d.lines, w.path)
		}
	})
	return nil
}

// unplug takes a port away, whoever has it open.
func (d *desk) unplug(path string) {
	d.mu.Lock()
	d.gone[path] = true
	w := d.lines[path]
	d.mu.Unlock()
	if w != nil {
		w.Close()
	}
}

func (d *desk) plugIn(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone[path] = false
}

func (d *desk) opened(path string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opens[path]
}

// Write implements io.Writer for the log.
func (d *desk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(p)
}

func (d *desk) logged() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

func (d *desk) carrier(o serial.Options) *serial.Carrier {
	o.Open = d.open
	o.Logger = slog.New(slog.NewTextHandler(d, nil))
	return serial.New(&o)
}

func parse(t testing.TB, addr string) *url.URL {
	t.Helper()
	u, err := carrier.Parse(addr)
	require.NoError(t, err)
	return u
}

func listen(t testing.TB, c carrier.Carrier, addr string) carrier.Listener {
	t.Helper()
	ln, err := c.Listen(t.Context(), parse(t, addr))
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	return ln
}

func dial(t testing.TB, c carrier.Carrier, addr string) carrier.Conn {
	t.Helper()
	conn, err := c.Dial(t.Context(), parse(t, addr))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func accept(t testing.TB, ln carrier.Listener) carrier.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := ln.Accept(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func send(t testing.TB, c carrier.Conn, text string) {
	t.Helper()
	require.NoError(t, c.Send(t.Context(), carrier.AppendFrame(nil, []byte(text))))
}

func receive(t testing.TB, c carrier.Conn) string {
	t.Helper()
	batch, err := c.Receive(t.Context(), nil)
	require.NoError(t, err)
	frame, _, err := carrier.Next(batch)
	require.NoError(t, err)
	return string(frame)
}

// ended waits for the end of a conn and returns why.
func ended(t testing.TB, c carrier.Conn) error {
	t.Helper()
	for {
		if _, err := c.Receive(t.Context(), nil); err != nil {
			return err
		}
	}
}
