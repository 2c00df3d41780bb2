package carriertest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/mem"
)

// fault is a way to break a promise, the case that must notice, and words of
// the rule it must name.
type fault struct {
	name, noticed, rule string
	wrap                func(carrier.Conn) carrier.Conn
}

var faults = []fault{
	{"loses a frame", "framing", "arrives whole", func(c carrier.Conn) carrier.Conn { return &losing{Conn: c} }},
	{"changes a byte", "framing", "its bytes", func(c carrier.Conn) carrier.Conn { return changing{c} }},
	{"turns batches round", "several_batches", "in order", func(c carrier.Conn) carrier.Conn { return turning{c} }},
	{"ignores contexts", "receive_cancelled", "the end of ctx ends Receive", func(c carrier.Conn) carrier.Conn { return ignoring{c} }},
	{"stays open", "close_unblocks_receive", "Close unblocks Receive", func(c carrier.Conn) carrier.Conn { return open{c} }},
	{"hides the reason", "use_after_close", "net.ErrClosed", func(c carrier.Conn) carrier.Conn { return hiding{c} }},
	{"wraps io.EOF", "end_between_frames", "then io.EOF", func(c carrier.Conn) carrier.Conn { return hiding{c} }},
	{"sends later", "send_leaves_batches", "nor reads it later", func(c carrier.Conn) carrier.Conn { return &later{Conn: c} }},
	{"keeps its buffer", "received_batch_is_the_callers", "not touched by the next", func(c carrier.Conn) carrier.Conn { return &keeping{Conn: c} }},
	{"brings its own buffer", "reads_into_buf", "the caller's buffer", func(c carrier.Conn) carrier.Conn { return own{c} }},
	{"has no limit", "frame_over_the_limit", "ErrFrameTooLarge", func(c carrier.Conn) carrier.Conn { return unlimited{c} }},
	{"never blocks", "back_pressure", "Send blocks", func(c carrier.Conn) carrier.Conn { return boundless{c} }},
	{"leaves a goroutine", "close_twice", "whoever starts a goroutine", func(c carrier.Conn) carrier.Conn { return leaking{c} }},
}

const asFault = "GOSIG_CARRIERTEST_FAULT"

// TestSuiteNoticesFaults runs the suite on conns that break one promise each, in
// a process of its own, since that run must fail.
func TestSuiteNoticesFaults(t *testing.T) {
	if os.Getenv(asFault) != "" {
		return
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFault$/^"+f.noticed+"$")
			cmd.Env = append(os.Environ(), asFault+"="+f.name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			assert.True(t, errors.As(err, &exit), "the suite noticed nothing: %v\n%s", err, out)
			assert.Regexp(t, "--- FAIL: TestFault/"+f.noticed, string(out))
			assert.Contains(t, string(out), "broken rule: ")
			assert.Contains(t, string(out), f.rule)
		})
	}
}

// TestFault is the process with a fault; without one there is nothing to run.
func TestFault(t *testing.T) {
	for _, f := range faults {
		if f.name != os.Getenv(asFault) {
			continue
		}
		carriertest.TestConn(t, func(testing.TB) (a, b carrier.Conn) {
			a, b = mem.Pipe()
			return f.wrap(a), f.wrap(b)
		}, &carriertest.Options{Patience: time.Second})
	}
}

type losing struct {
	carrier.Conn
	n int
}

func (c *losing) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	batch, err := c.Conn.Receive(ctx, buf)
	if c.n++; err == nil && c.n == 2 {
		return c.Conn.Receive(ctx, buf)
	}
	return batch, err
}

type changing struct{ carrier.Conn }

func (c changing) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	batch, err := c.Conn.Receive(ctx, buf)
	if len(batch) > 2000 {
		batch[1999] ^= 1
	}
	return batch, err
}

type turning struct{ carrier.Conn }

func (c turning) Send(ctx context.Context, batches ...[]byte) error {
	for i := range batches {
		if err := c.Conn.Send(ctx, batches[len(batches)-1-i]); err != nil {
			return err
		}
	}
	return nil
}

type ignoring struct{ carrier.Conn }

func (c ignoring) Receive(_ context.Context, buf []byte) ([]byte, error) {
	return c.Conn.Receive(context.Background(), buf)
}

type open struct{ carrier.Conn }

func (open) Close() error { return nil }

type hiding struct{ carrier.Conn }

func (c hiding) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	batch, err := c.Conn.Receive(ctx, buf)
	if err == io.EOF {
		return batch, fmt.Errorf("receive: %w", err)
	}
	if err != nil {
		return batch, errors.New("something went wrong")
	}
	return batch, nil
}

// later sends in a goroutine, from memory that the caller may use again.
type later struct {
	carrier.Conn
	mu sync.Mutex
}

func (c *later) Send(ctx context.Context, batches ...[]byte) error {
	c.mu.Lock()
	time.AfterFunc(time.Millisecond, func() {
		defer c.mu.Unlock()
		_ = c.Conn.Send(context.Background(), batches...)
	})
	return nil
}

// keeping returns a part of a buffer of its own.
type keeping struct {
	carrier.Conn
	buf []byte
}

func (c *keeping) Receive(ctx context.Context, _ []byte) ([]byte, error) {
	var err error
	c.buf, err = c.Conn.Receive(ctx, c.buf)
	return c.buf, err
}

type own struct{ carrier.Conn }

func (c own) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	batch, err := c.Conn.Receive(ctx, buf)
	return bytes.Clone(batch), err
}

type unlimited struct{ carrier.Conn }

func (c unlimited) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	carrier.SetMaxFrame(c.Conn, 1<<30)
	return c.Conn.Receive(ctx, buf)
}

type boundless struct{ carrier.Conn }

func (c boundless) Send(context.Context, ...[]byte) error { return nil }

type leaking struct{ carrier.Conn }

func (c leaking) Close() error {
	go func() { select {} }()
	return c.Conn.Close()
}
