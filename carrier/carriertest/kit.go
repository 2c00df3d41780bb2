package carriertest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosig/gosig/carrier"
)

// kit is what one case works with.
type kit struct {
	*testing.T
	Options
	rule string

	// steps counts what has moved, frames received and batches sent: while
	// it grows nothing is stuck, however slow the machine.
	steps atomic.Int64

	mu      sync.Mutex
	closers []io.Closer
	cancels []context.CancelFunc
}

// broken fails the case.
func (k *kit) broken(got, want string) {
	k.Helper()
	k.Fatalf("got:  %s\nwant: %s\nbroken rule: %s", got, want, k.rule)
}

// check fails the case unless ok.
func (k *kit) check(ok bool, got, want string) {
	k.Helper()
	if !ok {
		k.broken(got, want)
	}
}

// wantErr fails the case unless err matches one of the targets.
func (k *kit) wantErr(what string, err error, targets ...error) {
	k.Helper()
	var names string
	for _, target := range targets {
		if errors.Is(err, target) {
			return
		}
		if names != "" {
			names += " or "
		}
		names += target.Error()
	}
	got := "no error"
	if err != nil {
		got = "error " + err.Error()
	}
	k.broken(what+": "+got, "an error that matches: "+names)
}

func (k *kit) closeLater(c io.Closer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closers = append(k.closers, c)
}

func (k *kit) closeAll() {
	k.mu.Lock()
	closers, cancels := k.closers, k.cancels
	k.mu.Unlock() // a Close may wait for a deadline, which takes the lock
	for _, c := range closers {
		k.close(c)
	}
	for _, cancel := range cancels {
		cancel()
	}
}

// close closes what a case may have closed before. What Close returns is a case of
// its own.
func (k *kit) close(c io.Closer) {
	defer k.contain(closeRule)
	_ = c.Close()
}

// contain is deferred: a panic of the carrier's fails the case, and the others are
// run all the same.
func (k *kit) contain(rule string) {
	if p := recover(); p != nil {
		k.Errorf("got:  a panic: %v\nwant: none\nbroken rule: %s\n%s", p, rule, debug.Stack())
	}
}

func (k *kit) parse(addr string) *url.URL {
	k.Helper()
	u, err := carrier.Parse(addr)
	if err != nil {
		k.Fatal(err)
	}
	return u
}

// deadline returns a context for what must not get stuck: it ends when nothing
// has moved for as long as Patience.
func (k *kit) deadline() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	k.mu.Lock()
	defer k.mu.Unlock()
	last := k.steps.Load()
	var t *time.Timer
	t = time.AfterFunc(k.Patience, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if now := k.steps.Load(); now != last && ctx.Err() == nil {
			last = now
			t.Reset(k.Patience)
			return
		}
		cancel()
	})
	k.cancels = append(k.cancels, func() { t.Stop(); cancel() })
	return ctx
}

func (k *kit) handshake(a, b carrier.Conn) {
	k.Helper()
	k.handshakeWithin(k.deadline(), a, b)
}

func (k *kit) handshakeWithin(ctx context.Context, a, b carrier.Conn) {
	k.Helper()
	other := begin(func() (any, error) { return nil, carrier.Handshake(ctx, b) })
	err := carrier.Handshake(ctx, a)
	k.check(err == nil, sprintf("Handshake: %v", err), "no error")
	must(k, other, "Handshake")
}

// result is what a function in another goroutine returned.
type result[T any] struct {
	value T
	err   error
}

// panicked is a panic in a goroutine, for the case to fail with.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("a panic: %v\n%s", p.value, p.stack) }

// begin runs f in a goroutine, which ends with f.
func begin[T any](f func() (T, error)) <-chan result[T] {
	ch := make(chan result[T], 1) // one result; nobody need be waiting
	go func() {
		var v T
		var err error
		defer func() {
			if p := recover(); p != nil {
				ch <- result[T]{err: &panicked{p, debug.Stack()}}
			}
		}()
		v, err = f()
		ch <- result[T]{v, err}
	}()
	return ch
}

// end waits for what begin began, as long as something moves. Not ending is
// what breaks the rule.
func end[T any](k *kit, ch <-chan result[T], what string) (T, error) {
	k.Helper()
	t := time.NewTimer(k.Patience)
	defer t.Stop()
	for last := k.steps.Load(); ; {
		select {
		case r := <-ch:
			var p *panicked
			k.check(!errors.As(r.err, &p), sprintf("%s: %v", what, r.err), "no panic")
			return r.value, r.err
		case <-t.C:
		}
		now := k.steps.Load()
		if now == last {
			k.broken(what+" still blocks after "+k.Patience.String(), "it returns")
		}
		last = now
		t.Reset(k.Patience)
	}
}

func must[T any](k *kit, ch <-chan result[T], what string) T {
	k.Helper()
	v, err := end(k, ch, what)
	k.check(err == nil, sprintf("%s: %v", what, err), "no error")
	return v
}

// pending fails the case if what begin began ends within a moment.
func pending[T any](k *kit, ch <-chan result[T], what string) {
	k.Helper()
	t := time.NewTimer(20 * time.Millisecond)
	defer t.Stop()
	select {
	case r := <-ch:
		got := what + " returned at once"
		if r.err != nil {
			got += ": " + r.err.Error()
		}
		k.broken(got, "it blocks")
	case <-t.C:
	}
}

// frame returns the i-th test frame of a size; no two look alike.
func frame(i, size int) []byte {
	f := make([]byte, size)
	seed := uint32(i)*2654435761 + uint32(size)
	for j := range f {
		seed = seed*1664525 + 1013904223
		f[j] = byte(seed >> 24)
	}
	if size >= 4 {
		binary.BigEndian.PutUint32(f, uint32(i))
	}
	return f
}

// frames returns test frames of the sizes, numbered from 0.
func frames(sizes ...int) [][]byte {
	all := make([][]byte, len(sizes))
	for i, size := range sizes {
		all[i] = frame(i, size)
	}
	return all
}

func batchOf(frames ...[]byte) []byte {
	var b []byte
	for _, f := range frames {
		b = carrier.AppendFrame(b, f)
	}
	return b
}

// errNoFrames is what no Receive may return without an error.
var errNoFrames = errors.New("a batch was returned that is not of whole frames")

// receive receives n frames. It uses one buffer and soils it after each call,
// so that frames which share memory with what comes later are found out.
func (k *kit) receive(c carrier.Conn, n int) ([][]byte, error) {
	ctx := k.deadline()
	buf := make([]byte, 4096)
	var got [][]byte
	for len(got) < n {
		batch, err := c.Receive(ctx, buf)
		if err != nil {
			return got, err
		}
		k.steps.Add(1)
		if err := carrier.Check(batch, c.Traits().MaxFrame); err != nil {
			return got, errors.Join(errNoFrames, err)
		}
		if len(batch) == 0 {
			return got, fmt.Errorf("%w: no frame and no error", errNoFrames)
		}
		for f := range carrier.Frames(batch) {
			got = append(got, bytes.Clone(f))
		}
		buf = batch[:cap(batch)]
		scribble(buf)
	}
	return got, nil
}

// expect receives as many frames as want and compares.
func (k *kit) expect(c carrier.Conn, want [][]byte) {
	k.Helper()
	got, err := end(k, begin(func() ([][]byte, error) { return k.receive(c, len(want)) }), "Receive")
	if err != nil {
		k.broken(sprintf("%d frames, then %v", len(got), err), sprintf("%d frames", len(want)))
	}
	k.same(got, want)
}

func (k *kit) same(got, want [][]byte) {
	k.Helper()
	k.check(len(got) == len(want), sprintf("%d frames", len(got)), sprintf("%d frames", len(want)))
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			k.broken(sprintf("frame %d is %s", i, show(got[i])), show(want[i]))
		}
	}
}

func show(f []byte) string {
	return sprintf("%d bytes %x...", len(f), f[:min(len(f), 16)])
}

// send sends in a goroutine of its own, since a medium may hold little.
func (k *kit) send(c carrier.Conn, batches ...[]byte) <-chan result[any] {
	ctx := k.deadline()
	return begin(func() (any, error) { return nil, c.Send(ctx, batches...) })
}
