//go:build boards

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/e2e/child"
)

// needPrograms skips a test where a program is missing.
func needPrograms(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("there is no %s: apt-get install --no-install-recommends qemu-system-arm gcc-arm-none-eabi libnewlib-arm-none-eabi make", p)
		}
	}
}

// firmware is what examples/device makes, once for all tests.
var firmware struct {
	once sync.Once
	err  error
}

// image builds the firmware and returns the file for a machine.
func image(t *testing.T, machine string) string {
	t.Helper()
	gosig(t) // makes the folder, which the tests' end removes
	dir := filepath.Join(built.dir, "firmware")
	firmware.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // a busy computer takes its time to compile
		defer cancel()
		cmd := exec.CommandContext(ctx, "make", "-C", filepath.Join("..", "examples", "device"), "BUILD="+dir, "boards")
		if out, err := cmd.CombinedOutput(); err != nil {
			firmware.err = fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	})
	require.NoError(t, firmware.err)
	return filepath.Join(dir, machine+".elf")
}

// board is an emulated board whose UART is one end of a line. The other end is a
// port that "gosig serve" can open.
//
//	QEMU -- socket -- linesim.Line -- pseudo-terminal -- tarm/serial -- gosig serve
type board struct {
	t       *testing.T
	machine string
	image   string
	dir     string
	line    *linesim.Line
	port    *linesim.Port
	uart    net.Listener

	cmd *exec.Cmd
	qmp *qmp
	log child.Output
}

// newBoard makes a line and a port, and switches the board on.
func newBoard(t *testing.T, machine string, options linesim.LineOptions) *board {
	t.Helper()
	needPrograms(t, "qemu-system-arm", "arm-none-eabi-gcc", "make")
	dir, err := os.MkdirTemp("", "board") // t.TempDir is too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &board{t: t, machine: machine, image: image(t, machine), dir: dir, line: linesim.NewLine(&options)}
	t.Cleanup(func() { require.NoError(t, b.line.Close()) })
	b.port, err = linesim.NewPort(filepath.Join(dir, "ttyUSB0"))
	require.NoError(t, err)
	b.line.Attach(linesim.A, b.port)
	b.uart, err = net.Listen("unix", filepath.Join(dir, "uart"))
	require.NoError(t, err)
	t.Cleanup(func() { b.uart.Close() })
	b.on()
	t.Cleanup(b.off)
	return b
}

// url is what the router listens on.
func (b *board) url() string { return "serial://" + b.port.Path() }

// on switches the board on. Its memory is full of noise then, as far as the
// firmware looks at that: an emulated one would begin with zeros.
func (b *board) on() {
	b.t.Helper()
	control := filepath.Join(b.dir, "qmp")
	b.cmd = exec.Command("qemu-system-arm", "-M", b.machine, "-display", "none", "-monitor", "none", "-kernel", b.image,
		"-chardev", "socket,id=uart,path="+filepath.Join(b.dir, "uart"), "-serial", "chardev:uart",
		"-device", fmt.Sprintf("loader,addr=0x20000000,data=%#x,data-len=4", rand.Uint32()),
		"-qmp", "unix:"+control+",server=on,wait=off")
	b.cmd.Stdout, b.cmd.Stderr = &b.log, &b.log
	child.Bind(b.cmd)
	require.NoError(b.t, b.cmd.Start())
	conn, err := b.accept()
	require.NoError(b.t, err, "the UART of QEMU: %s", &b.log)
	b.line.Attach(linesim.B, conn)
	b.qmp = dialQMP(b.t, control)
}

func (b *board) accept() (net.Conn, error) {
	if err := b.uart.(*net.UnixListener).SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	return b.uart.Accept()
}

// off pulls the plug.
func (b *board) off() {
	if b.qmp == nil {
		return
	}
	b.qmp.conn.Close()
	b.qmp = nil
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait() // it was killed
	if b.t.Failed() {
		b.t.Logf("QEMU %s wrote:\n%s", b.machine, tail(b.log.String()))
	}
}

// reset is the button on the board.
func (b *board) reset() {
	b.t.Helper()
	b.qmp.do(b.t, "system_reset", nil)
}

// lampIsOn looks at the register of the LED.
func (b *board) lampIsOn() bool {
	b.t.Helper()
	register := map[string]string{"lm3s6965evb": "0x400253fc", "mps2-an385": "0x40028000"}[b.machine]
	out := b.qmp.do(b.t, "human-monitor-command", map[string]string{"command-line": "xp /1xw " + register})
	_, value, ok := strings.Cut(out, ": ")
	require.True(b.t, ok, "%q", out)
	var n uint32
	_, err := fmt.Sscanf(value, "0x%x", &n)
	require.NoError(b.t, err, "%q", out)
	return n&1 == 1
}

// qmp is a connection with QEMU's monitor.
type qmp struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialQMP(t *testing.T, path string) *qmp {
	t.Helper()
	var conn net.Conn
	await(t, "QEMU's monitor", func() bool {
		var err error
		conn, err = net.Dial("unix", path)
		return err == nil
	})
	q := &qmp{conn: conn, in: bufio.NewReader(conn)}
	q.do(t, "qmp_capabilities", nil)
	return q
}

// do runs a command and returns what it says.
func (q *qmp) do(t *testing.T, command string, arguments any) string {
	t.Helper()
	require.NoError(t, q.conn.SetDeadline(time.Now().Add(patience)))
	ask := map[string]any{"execute": command}
	if arguments != nil {
		ask["arguments"] = arguments
	}
	raw, err := json.Marshal(ask)
	require.NoError(t, err)
	_, err = q.conn.Write(append(raw, '\n'))
	require.NoError(t, err)
	for {
		line, err := q.in.ReadBytes('\n')
		require.NoError(t, err)
		var answer struct {
			Return json.RawMessage
			Error  *struct{ Desc string }
		}
		require.NoError(t, json.Unmarshal(line, &answer))
		if answer.Error != nil {
			require.NoError(t, errors.New(answer.Error.Desc), command)
		}
		if answer.Return != nil { // not the greeting, nor an event
			var text string
			_ = json.Unmarshal(answer.Return, &text) // most say {}
			return text
		}
	}
}
