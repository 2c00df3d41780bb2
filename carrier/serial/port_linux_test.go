package serial_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
)

// These are about the ports of the system, so over pseudo-terminals: what was found
// wrong with the use of them elsewhere.

// terminal returns a terminal's path, and its other side.
func terminal(t testing.TB) (path string, master *os.File) {
	t.Helper()
	master, path, err := linesim.OpenPTY()
	require.NoError(t, err)
	t.Cleanup(func() { master.Close() })
	return path, master
}

func openPort(t testing.TB, path string) io.ReadWriteCloser {
	t.Helper()
	port, err := serial.OpenPort(t.Context(), serial.Line{Path: path, Baud: 115200, StopBits: 1})
	require.NoError(t, err)
	t.Cleanup(func() { port.Close() })
	return port
}

// within fails the test if f takes longer than anything here may.
func within(t testing.TB, what string, f func() error) error {
	t.Helper()
	done := make(chan error, 1) // one result
	go func() { done <- f() }() // ends with f
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatalf("%s hangs", what)
		return nil
	}
}

// TestCloseUnblocks: Close ends a Read that waits for a byte and a Write that
// waits for room, and hangs with neither.
func TestCloseUnblocks(t *testing.T) {
	path, _ := terminal(t)
	port := openPort(t, path)
	read, wrote := make(chan error, 1), make(chan error, 1) // one result each
	var moved atomic.Int64
	go func() {
		_, err := port.Read(make([]byte, 10))
		read <- err
	}()
	go func() {
		for {
			n, err := port.Write(make([]byte, 1000))
			if err != nil {
				wrote <- err
				return
			}
			moved.Add(int64(n))
		}
	}()
	for last := int64(-1); last != moved.Load(); time.Sleep(50 * time.Millisecond) { // until it blocks
		last = moved.Load()
	}
	require.NoError(t, within(t, "Close", port.Close))
	require.ErrorIs(t, within(t, "Read", func() error { return <-read }), os.ErrClosed)
	require.ErrorIs(t, within(t, "Write", func() error { return <-wrote }), os.ErrClosed)
}

// TestSilenceIsNoEnd: a port on which nothing comes for longer than any timeout
// of the system's is not at its end.
func TestSilenceIsNoEnd(t *testing.T) {
	path, master := terminal(t)
	port := openPort(t, path)
	read := make(chan error, 1) // one result
	buf := make([]byte, 10)
	go func() {
		_, err := port.Read(buf)
		read <- err
	}()
	select {
	case err := <-read:
		t.Fatalf("Read of a silent port returned %v", err)
	case <-time.After(300 * time.Millisecond): // tarm/serial's least timeout is 100 ms
	}
	_, err := master.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, within(t, "Read", func() error { return <-read }))
	assert.Equal(t, byte('x'), buf[0])
}

// TestUnpluggedPort: a port that is pulled out is an error for who reads, whether
// before or after, and no reason to read again and again.
func TestUnpluggedPort(t *testing.T) {
	for _, early := range []bool{true, false} {
		path, master := terminal(t)
		var reads atomic.Int64
		c := serial.New(&serial.Options{Open: func(ctx context.Context, line serial.Line) (io.ReadWriteCloser, error) {
			rwc, err := serial.OpenPort(ctx, line)
			return counted{rwc, &reads, new(atomic.Int64)}, err
		}})
		if early {
			time.AfterFunc(50*time.Millisecond, func() { master.Close() })
		}
		conn := dial(t, c, "serial://"+path)
		if !early {
			require.NoError(t, master.Close())
		}
		err := within(t, "Receive", func() error { return ended(t, conn) })
		require.ErrorContains(t, err, "the port is gone")
		require.NotErrorIs(t, err, io.EOF)
		require.NoError(t, within(t, "Close", conn.Close))
		assert.LessOrEqual(t, reads.Load(), int64(3), "nobody reads on")
	}
}

// TestOpenTwice: a port that somebody has is busy, by whatever name, and free when
// it was closed. Who finds it busy has not changed how it is set.
func TestOpenTwice(t *testing.T) {
	path, _ := terminal(t)
	alias := filepath.Join(t.TempDir(), "alias")
	require.NoError(t, os.Symlink(path, alias))
	port := openPort(t, path)
	for _, name := range []string{path, alias} {
		_, err := serial.OpenPort(t.Context(), serial.Line{Path: name, Baud: 9600, StopBits: 1})
		require.ErrorContains(t, err, "the port is busy: another program has it open")
	}
	assert.Equal(t, uint32(syscall.B115200), speed(t, path))
	if os.Geteuid() != 0 { // it may open everything
		_, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
		require.ErrorIs(t, err, syscall.EBUSY, "for programs that do not look for a lock")
	}
	require.NoError(t, port.Close())
	openPort(t, alias)
}

// speed is how a terminal is set.
func speed(t testing.TB, path string) uint32 {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.EBUSY) {
		return syscall.B115200 // only root can look
	}
	require.NoError(t, err)
	defer f.Close()
	var mode syscall.Termios
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), syscall.TCGETS, uintptr(unsafe.Pointer(&mode)))
	require.Zero(t, errno)
	return mode.Cflag & 0o10017 // CBAUD
}

// TestNoThreads: a port that waits keeps no thread of the system.
func TestNoThreads(t *testing.T) {
	before := threads(t)
	for range 50 {
		path, _ := terminal(t)
		port := openPort(t, path)
		go func() { _, _ = port.Read(make([]byte, 1)) }() // until the port is closed
	}
	time.Sleep(100 * time.Millisecond) // they come to wait
	assert.Less(t, threads(t), before+25)
}

func threads(t testing.TB) int {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "Threads:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return n
}

// TestNoPort: what cannot be opened, and what to do about it.
func TestNoPort(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	path, _ := terminal(t)
	for _, row := range []struct {
		line serial.Line
		says string
		is   error
	}{
		{serial.Line{Path: filepath.Join(dir, "none"), Baud: 115200, StopBits: 1}, "is it plugged in?", fs.ErrNotExist},
		{serial.Line{Path: file, Baud: 115200, StopBits: 1}, "is no serial port", syscall.ENOTTY},
		{serial.Line{Path: path, Baud: 115201, StopBits: 1}, "a speed of 115201 baud cannot be set", nil},
	} {
		_, err := serial.OpenPort(t.Context(), row.line)
		require.ErrorContains(t, err, row.says)
		if row.is != nil {
			require.ErrorIs(t, err, row.is)
		}
	}
}

// TestWhoMay: an error about permission names the group to join.
func TestWhoMay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "port")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	assert.Contains(t, serial.WhoMay(file), "its mode is -rw-------")
	group, err := user.LookupGroup("dialout")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs the group dialout, and root")
	}
	gid, err := strconv.Atoi(group.Gid)
	require.NoError(t, err)
	require.NoError(t, os.Chown(file, 0, gid))
	require.NoError(t, os.Chmod(file, 0o660))
	assert.Equal(t, "join the group dialout (sudo usermod -aG dialout $USER) and log in again", serial.WhoMay(file))
	err = serial.ExplainOpen(&serial.Line{Path: file}, &fs.PathError{Op: "open", Path: file, Err: syscall.EACCES})
	require.ErrorContains(t, err, "no permission to open the port: join the group dialout")
	require.ErrorIs(t, err, fs.ErrPermission)
}

// TestPattern: a listener serves the ports of a pattern as they come and go, each
// with its connections, and none disturbs another.
func TestPattern(t *testing.T) {
	dir := t.TempDir()
	c := serial.New(&serial.Options{ScanEvery: 5 * time.Millisecond, Unpaced: true, Keepalive: 10 * time.Second})
	other := newCable(t, filepath.Join(dir, "other"))
	ln := listen(t, c, "serial://"+dir+"/tty*")
	cables := map[string]*cable{}
	conns, devices := map[string]carrier.Conn{}, map[string]carrier.Conn{}
	for i := range 4 {
		name := fmt.Sprintf("tty%d", i)
		cables[name] = newCable(t, filepath.Join(dir, name))
		devices[name] = dial(t, c, "serial://"+cables[name].near.Path())
		conns[name] = accept(t, ln)
		id, _ := carrier.IdentityOf(conns[name])
		assert.Equal(t, filepath.Join(dir, name), id.ID)
	}
	cables["tty2"].far.Unplug()
	err := within(t, "Receive", func() error { return ended(t, conns["tty2"]) })
	require.ErrorContains(t, err, "the port is gone")
	require.NoError(t, cables["tty2"].far.Plug())
	err = within(t, "Receive", func() error { return ended(t, devices["tty2"]) })
	require.ErrorContains(t, err, "the peer restarted", "for the device it is a new session")
	require.NoError(t, devices["tty2"].Close())
	dial(t, c, "serial://"+cables["tty2"].near.Path())
	back := accept(t, ln)
	id, _ := carrier.IdentityOf(back)
	assert.Equal(t, filepath.Join(dir, "tty2"), id.ID, "it is there again")
	for _, name := range []string{"tty0", "tty1", "tty3"} {
		require.NoError(t, conns[name].Send(t.Context(), carrier.AppendFrame(nil, []byte("x"))), "the others go on")
	}
	openPort(t, other.far.Path()) // it is of another name, and so not busy
	require.NoError(t, ln.Close())
}

// cable is a line between two ports.
type cable struct {
	near, far *linesim.Port
	line      *linesim.Line
}

func newCable(t testing.TB, far string) *cable {
	t.Helper()
	var c cable
	var err error
	c.near, err = linesim.NewPort("")
	require.NoError(t, err)
	c.far, err = linesim.NewPort(far)
	require.NoError(t, err)
	c.line = linesim.NewLine(nil)
	c.line.Attach(linesim.A, c.near)
	c.line.Attach(linesim.B, c.far)
	t.Cleanup(func() { c.line.Close() })
	return &c
}
