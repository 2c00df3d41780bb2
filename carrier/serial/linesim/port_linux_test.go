package linesim_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
)

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func newPort(t *testing.T, path string) *linesim.Port {
	t.Helper()
	p, err := linesim.NewPort(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

// TestPortBothWays: a port carries every byte as it is, both ways, over a line.
func TestPortBothWays(t *testing.T) {
	line := linesim.NewLine(&linesim.LineOptions{Baud: 1_000_000, Exact: true})
	defer line.Close()
	pa, pb := newPort(t, ""), newPort(t, "")
	line.Attach(linesim.A, pa)
	line.Attach(linesim.B, pb)
	a, b := open(t, pa.Path()), open(t, pb.Path())
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for range 20 {
		require.NoError(t, second(a.Write(every)))
		assert.Equal(t, every, read(t, b, 256))
		require.NoError(t, second(b.Write(every)))
		assert.Equal(t, every, read(t, a, 256))
	}
}

// TestPortNobodyThere: what comes while no program has the port open is lost,
// and a program that comes back is heard.
func TestPortNobodyThere(t *testing.T) {
	p := newPort(t, "")
	require.NoError(t, second(p.Write([]byte("before"))))
	for range 3 {
		f := open(t, p.Path())
		require.NoError(t, second(p.Write([]byte("yes"))))
		assert.Equal(t, "yes", string(read(t, f, 3)))
		require.NoError(t, second(f.Write([]byte("hear"))))
		assert.Equal(t, "hear", string(read(t, p, 4)))
		require.NoError(t, f.Close())
		require.NoError(t, second(p.Write([]byte("lost"))))
	}
}

// TestPortUnplug: its path goes and comes back, and who had it open is told.
func TestPortUnplug(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ttyUSB0")
	p := newPort(t, path)
	assert.Equal(t, path, p.Path())
	for range 3 {
		f := open(t, path)
		heard := make(chan string, 1) // one value a round
		go func() { heard <- string(read(t, p, 3)) }()
		time.Sleep(time.Millisecond)
		p.Unplug()
		p.Unplug()
		_, err := f.Read(make([]byte, 1))
		require.Error(t, err)
		_, err = os.Lstat(path)
		require.ErrorIs(t, err, os.ErrNotExist)
		require.NoError(t, second(p.Write([]byte("lost"))))
		require.NoError(t, f.Close())

		require.NoError(t, p.Plug())
		require.NoError(t, p.Plug())
		f = open(t, path)
		require.NoError(t, second(f.Write([]byte("new"))))
		assert.Equal(t, "new", <-heard)
		require.NoError(t, f.Close())
	}
}

// TestPortClose: Close unblocks whoever reads or writes, plugged in or not.
func TestPortClose(t *testing.T) {
	for _, unplugged := range []bool{false, true} {
		p := newPort(t, "")
		if unplugged {
			p.Unplug()
		}
		ended := make(chan error, 1) // one value
		go func() { ended <- second(p.Read(make([]byte, 1))) }()
		time.Sleep(time.Millisecond)
		require.NoError(t, p.Close())
		require.Error(t, <-ended)
		require.Error(t, second(p.Write([]byte{1})))
		require.Error(t, p.Plug())
	}
}

// TestPortFull: a program that does not read holds a line up, and loses bytes;
// closing frees it.
func TestPortFull(t *testing.T) {
	line := linesim.NewLine(&linesim.LineOptions{Baud: 4_000_000})
	p := newPort(t, "")
	line.Attach(linesim.A, p)
	open(t, p.Path())
	for line.Stats(linesim.A).Overrun == 0 {
		line.Inject(linesim.A, make([]byte, 1000))
	}
	require.NoError(t, line.Close())
}

// setSpeed does what a program does that opens a port for a speed.
func setSpeed(t *testing.T, f *os.File, code uint32) {
	t.Helper()
	conn, err := f.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, conn.Control(func(fd uintptr) {
		var mode syscall.Termios
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TCGETS, uintptr(unsafe.Pointer(&mode)))
		require.Zero(t, errno)
		mode.Cflag = mode.Cflag&^0o10017 | code
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TCSETS, uintptr(unsafe.Pointer(&mode)))
		require.Zero(t, errno)
	}))
}

// TestStrict: a port that is set to another speed than the line has gets other
// bytes, and what it sends arrives as others.
func TestStrict(t *testing.T) {
	line := linesim.NewLine(&linesim.LineOptions{Baud: 115200, Strict: true})
	defer line.Close()
	pa, pb := newPort(t, ""), newPort(t, "")
	line.Attach(linesim.A, pa)
	line.Attach(linesim.B, pb)
	a, b := open(t, pa.Path()), open(t, pb.Path())
	setSpeed(t, b, syscall.B115200)
	text := []byte(strings.Repeat("a text that should arrive as it is; ", 10))
	for _, row := range []struct {
		code uint32
		baud int
	}{{syscall.B115200, 115200}, {syscall.B9600, 9600}, {syscall.B57600, 57600}, {syscall.B230400, 230400}} {
		setSpeed(t, a, row.code)
		assert.Equal(t, row.baud, pa.Baud())
		for _, way := range []struct {
			from, to *os.File
			end      linesim.End
		}{{a, b, linesim.B}, {b, a, linesim.A}} {
			before := line.Stats(way.end)
			require.NoError(t, second(way.from.Write(text)))
			right := row.baud == 115200
			require.Eventually(t, func() bool {
				now := line.Stats(way.end)
				return now.Bytes-before.Bytes == uint64(len(text)) && (!right || now.Arrived-before.Arrived == uint64(len(text)))
			}, time.Minute, time.Millisecond)
			got := read(t, way.to, int(line.Stats(way.end).Arrived-before.Arrived))
			assert.Equal(t, right, string(got) == string(text), "%d baud: %q", row.baud, got)
		}
	}
}

// TestPortInterrupted: signals, of which the runtime sends itself many on a busy
// computer, make no byte get lost.
func TestPortInterrupted(t *testing.T) {
	p := newPort(t, "")
	f := open(t, p.Path())
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { // until stop
			for {
				select {
				case <-stop:
					return
				default:
					_ = syscall.Kill(syscall.Getpid(), syscall.SIGURG) // the runtime ignores those it did not send
				}
			}
		})
	}
	sent := make([]byte, 1<<19)
	for i := range sent {
		sent[i] = byte(i * 31 >> 3)
	}
	wg.Go(func() {
		for at := 0; at < len(sent); at += 16 {
			if _, err := p.Write(sent[at : at+16]); err != nil {
				t.Error(err)
				return
			}
		}
	})
	require.NoError(t, f.SetReadDeadline(time.Now().Add(time.Minute)))
	got := make([]byte, len(sent))
	_, err := io.ReadFull(f, got)
	close(stop)
	p.Close() // whoever still writes
	wg.Wait()
	require.NoError(t, err)
	assert.True(t, bytes.Equal(got, sent))
}
