package cli

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openTerminal returns the two ends of a pseudo-terminal.
func openTerminal(t *testing.T) (screen, tty *os.File) {
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("this machine has no pseudo-terminals: ", err)
	}
	t.Cleanup(func() { screen.Close() })
	var number, unlock uint32
	for request, arg := range map[uintptr]*uint32{syscall.TIOCGPTN: &number, syscall.TIOCSPTLCK: &unlock} {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, screen.Fd(), request, uintptr(unsafe.Pointer(arg)))
		require.Zero(t, errno)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { tty.Close() })
	return screen, tty
}

// On a terminal a bench shows how far it is.
func TestBarOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	screen, tty := openTerminal(t)
	assert.True(t, terminal(&lockedWriter{w: tty}))
	t.Setenv("TERM", "dumb")
	assert.False(t, terminal(&lockedWriter{w: tty}))
	t.Setenv("TERM", "xterm")

	ended := make(chan int, 1) // one value
	var out strings.Builder
	go func() {
		ended <- run(t.Context(), []string{"bench", "--for", "400ms", "--warmup", "0s", "--rate", "100/s"}, Streams{Out: &out, Err: tty})
		tty.Close() // the screen's reader gets its end
	}()
	var seen strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := screen.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			break
		}
	}
	assert.Zero(t, <-ended)
	assert.Contains(t, seen.String(), "%")
	assert.Contains(t, seen.String(), "delivered")
	assert.Contains(t, out.String(), "latency")
	assert.NotContains(t, out.String(), "\r", "the bar is no data")
}
