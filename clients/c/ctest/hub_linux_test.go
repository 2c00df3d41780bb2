package ctest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// deviceProgram is test/device.c under the sanitizers, with the sizes by default or those
// of flags.
func deviceProgram(t *testing.T, flags ...string) string {
	t.Helper()
	client := sources(t)
	if len(flags) == 0 {
		client = []string{sanitized(t)}
	}
	return program(t, host(t), join(warnings, sanitizers, flags, []string{
		filepath.Join(root, "test", "device.c"), filepath.Join(root, "ports", "posix", "gosig_posix.c"),
	}, client)...)
}

// hub is a router with one serial port, and what is at the other end of the line.
type hub struct {
	t      *testing.T
	reg    *sig.Registry
	router *router.ServerRouter
	line   *linesim.Line
	near   *linesim.Port // of the router
	far    *linesim.Port // of the device
	limits router.Limits
	codecs []codec.Codec
	access router.AccessOptions
}

func newHub(t *testing.T, line linesim.LineOptions, limits router.Limits) *hub {
	t.Helper()
	dir := t.TempDir()
	h := &hub{t: t, line: linesim.NewLine(&line), limits: limits, codecs: []codec.Codec{cbor.New(), raw.New()}}
	t.Cleanup(func() { require.NoError(t, h.line.Close()) })
	var err error
	h.near, err = linesim.NewPort(filepath.Join(dir, "router"))
	require.NoError(t, err)
	h.far, err = linesim.NewPort(filepath.Join(dir, "device"))
	require.NoError(t, err)
	h.line.Attach(linesim.A, h.near)
	h.line.Attach(linesim.B, h.far)
	h.start()
	t.Cleanup(func() { h.stop() })
	return h
}

// start begins a router, as a process would.
func (h *hub) start() {
	h.t.Helper()
	h.reg = sig.New(nil)
	silent := slog.New(slog.DiscardHandler)
	var err error
	h.router, err = router.NewServerRouter(h.reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{serial.New(&serial.Options{Logger: silent})},
		Codecs:   h.codecs, Logger: silent, Limits: h.limits, Access: h.access,
	})
	require.NoError(h.t, err)
	_, err = h.router.Listen(patient(h.t), "serial://"+h.near.Path())
	require.NoError(h.t, err)
}

func (h *hub) stop() {
	_ = h.router.Close()
	_ = h.reg.Close()
}

// device is test/device.c at the far end of the line.
type device struct {
	t   *testing.T
	in  io.WriteCloser
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string
	news  chan struct{} // capacity 1: there are more lines; never closed
	next  int           // of the lines, that expect looks at
	ended chan struct{} // closed when it has ended
}

// guard begins the router anew, with those who may do what.
func (h *hub) guard(access router.AccessOptions) {
	h.t.Helper()
	h.stop()
	h.access = access
	h.start()
}

func (h *hub) device(codec string, token ...string) *device {
	h.t.Helper()
	return startDevice(h.t, append([]string{h.far.Path(), codec}, token...)...)
}

// startDevice starts test/device.c.
func startDevice(t *testing.T, args ...string) *device {
	t.Helper()
	return startProgram(t, deviceProgram(t), args...)
}

// startProgram starts what deviceProgram has made.
func startProgram(t *testing.T, path string, args ...string) *device {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	d := &device{t: t, in: in, cmd: cmd, news: make(chan struct{}, 1), ended: make(chan struct{})}
	go d.read(out) // until the program ends
	t.Cleanup(func() {
		d.in.Close()
		<-d.ended
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code > 0 {
			t.Errorf("the device has ended with %d", code) // a sanitizer
		}
	})
	return d
}

func (d *device) read(out io.Reader) {
	defer close(d.ended)
	scan := bufio.NewScanner(out)
	for scan.Scan() {
		d.mu.Lock()
		d.lines = append(d.lines, scan.Text())
		d.mu.Unlock()
		select {
		case d.news <- struct{}{}:
		default:
		}
	}
}

// tell gives a command.
func (d *device) tell(format string, args ...any) {
	d.t.Helper()
	_, err := fmt.Fprintf(d.in, format+"\n", args...)
	require.NoError(d.t, err)
}

// do gives a command and waits for its code.
func (d *device) do(code int, format string, args ...any) {
	d.t.Helper()
	d.tell(format, args...)
	line := d.expect("= ")
	require.Equal(d.t, fmt.Sprint("= ", code), line, format, args)
}

// kill ends the program at once.
func (d *device) kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}

// line takes the next line that has come, and reports false if there is none.
func (d *device) line() (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next == len(d.lines) {
		return "", false
	}
	d.next++
	return d.lines[d.next-1], true
}

// expect waits for a line that begins so and returns it; those before are passed.
func (d *device) expect(prefix string) string {
	d.t.Helper()
	ctx := patient(d.t)
	for {
		for line, ok := d.line(); ok; line, ok = d.line() {
			if strings.HasPrefix(line, prefix) {
				return line
			}
		}
		select {
		case <-d.news:
		case <-ctx.Done():
			d.mu.Lock()
			require.FailNow(d.t, "the device did not say: "+prefix, strings.Join(d.lines[max(0, len(d.lines)-20):], "\n"))
		}
	}
}

// all returns every line so far that begins so.
func (d *device) all(prefix string) (found []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lines {
		if strings.HasPrefix(l, prefix) {
			found = append(found, l)
		}
	}
	return found
}

// recorder collects what a subscription is given.
type recorder struct {
	ch chan string
}

// record subscribes, and returns once that is in force.
func (h *hub) record(sender, event sig.Name) *recorder {
	h.t.Helper()
	r := &recorder{ch: make(chan string, 100_000)}
	sub, err := sig.Subscribe(h.reg, sender, event, func(ev sig.Event) {
		switch data := ev.Data.(type) {
		case sig.Lost:
			r.ch <- fmt.Sprintf("#lost %s %d %d", data.Event, data.Count, data.Reason)
		case sig.Presence:
			r.ch <- fmt.Sprintf("%s %s %v %v %s", ev.Name, data.Sender, data.Events, data.Requests, data.Reason)
		default:
			r.ch <- fmt.Sprintf("%s %v", ev.Name, data)
		}
	}, nil)
	require.NoError(h.t, err)
	require.NoError(h.t, sub.InForce(patient(h.t)))
	return r
}

func (r *recorder) next(t *testing.T) string {
	t.Helper()
	select {
	case s := <-r.ch:
		return s
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		return ""
	}
}
