package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// The whole story, told quickly; nothing of it is left afterwards.
func TestRunTellsTheStoryAndCleansUp(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var out bytes.Buffer
	require.NoError(t, Run(t.Context(), Options{Out: &out, For: 1500 * time.Millisecond}))
	for _, want := range []string{
		"  tcp://127.0.0.1:", "  tls://127.0.0.1:", "  unix:///", "  mem://demo",
		"event       host/cpu", "event       host/memory", "event       host/load", "event       host/net",
		"request     host/memory", "because: restarting", " 0 were lost", "1 request was answered",
	} {
		assert.Contains(t, out.String(), want)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left, "the folder of the unix socket")
}

func TestRunEndsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := stopper{after: "event", stop: cancel}
	require.NoError(t, Run(ctx, Options{Out: &out}))
	assert.Contains(t, out.String(), "Next, a router of your own")
}

// stopper keeps what is written and calls stop when it has seen a word. The
// screen writes one line at a time.
type stopper struct {
	bytes.Buffer
	after string
	stop  func()
}

func (s *stopper) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(s.after)) {
		s.stop()
	}
	return s.Buffer.Write(p)
}

// closed is a pipe whose reader has gone.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestRunSaysThatNobodyReads(t *testing.T) {
	defer goleak.VerifyNone(t)
	err := Run(t.Context(), Options{Out: closed{}, For: 50 * time.Millisecond})
	assert.ErrorContains(t, err, "broken pipe")
}
