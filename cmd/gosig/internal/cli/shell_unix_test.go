//go:build unix

package cli

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// A cancelled request ends the command with everything it has started: nothing
// of it may stay behind and use the machine.
func TestCancelledCommandTakesItsChildrenAlong(t *testing.T) {
	r, w, err := os.Pipe() // held open by the child alone: closed means it is gone
	require.NoError(t, err)
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := shell(ctx, "sh -c 'echo started; sleep 1000; :'; :")
	cmd.Stdout = w
	require.NoError(t, cmd.Start())
	w.Close()
	started := make([]byte, len("started\n"))
	_, err = io.ReadFull(r, started)
	require.NoError(t, err)
	cancel()
	require.Error(t, cmd.Wait())
	rest, err := io.ReadAll(r)
	require.NoError(t, err, "the grandchild still holds the pipe")
	require.Empty(t, rest)
}

func TestCommandAnswers(t *testing.T) {
	h := runCommand("cat")
	reply, err := h(t.Context(), &sig.Request{Sender: "s", Method: "m", Data: int64(7)})
	require.NoError(t, err)
	require.Equal(t, "7", strings.TrimSpace(strconv.FormatInt(reply.(int64), 10)))
}

func TestLateCommandIsATimeout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := runCommand("sleep 1000")(ctx, &sig.Request{Sender: "s", Method: "m"})
	require.ErrorIs(t, err, context.DeadlineExceeded, "P6: not the signal that ended it")
}
