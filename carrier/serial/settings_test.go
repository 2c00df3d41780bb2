package serial_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
)

// TestAddresses: what an address says reaches the opener, and what it must not
// say is refused before.
func TestAddresses(t *testing.T) {
	var got serial.Line
	errOpened := errors.New("opened")
	c := serial.New(&serial.Options{Open: func(_ context.Context, line serial.Line) (io.ReadWriteCloser, error) {
		got = line
		return nil, errOpened
	}})
	for _, row := range []struct {
		addr string
		want serial.Line
	}{
		{"serial:///dev/ttyUSB0", serial.Line{Path: "/dev/ttyUSB0", Baud: 115200, StopBits: 1}},
		{"serial:///dev/ttyS1?baud=9600&parity=even&stop=2", serial.Line{Path: "/dev/ttyS1", Baud: 9600, Parity: serial.Even, StopBits: 2}},
		{"serial:///dev/serial/by-id/usb-FTDI_A:1-port0?parity=odd", serial.Line{Path: "/dev/serial/by-id/usb-FTDI_A:1-port0", Baud: 115200, Parity: serial.Odd, StopBits: 1}},
		{"serial:///dev/a%20b?pace=off&mtu=60&window=2&max_message=512&keepalive=5s&parity=none", serial.Line{Path: "/dev/a b", Baud: 115200, Parity: serial.None, StopBits: 1}},
	} {
		_, err := c.Dial(t.Context(), parse(t, row.addr))
		require.ErrorIs(t, err, errOpened, row.addr)
		assert.Equal(t, row.want, got, row.addr)
	}
	for _, row := range []struct{ addr, says string }{
		{"serial:///dev/ttyUSB0?baudrate=9600", `unknown parameter "baudrate"; serial:// knows baud, parity`},
		{"serial:///dev/ttyUSB0?baud=fast", "parameter baud=fast: want a number from 1200 to 20000000"},
		{"serial:///dev/ttyUSB0?baud=0", "want a number"},
		{"serial:///dev/ttyUSB0?baud=300", "want a number"},
		{"serial:///dev/ttyUSB0?parity=mark", "want one of none, odd, even"},
		{"serial:///dev/ttyUSB0?stop=3", "want a number from 1 to 2"},
		{"serial:///dev/ttyUSB0?mtu=31", "want a number from 32 to 4096"},
		{"serial:///dev/ttyUSB0?window=16", "want a number from 1 to 15"},
		{"serial:///dev/ttyUSB0?max_message=0", "want a number from 1 to 268435455"},
		{"serial:///dev/ttyUSB0?keepalive=1", "want a duration from 50ms to 1m0s"},
		{"serial:///dev/ttyUSB0?pace=no", "want one of line, off"},
		{"serial:///dev/ttyUSB0?stop=1&stop=2", "given 2 times"},
		{"serial://ttyUSB0/", "write serial:///ttyUSB0"},
		{"serial:///", "names no port"},
		{"serial:///dev/tty[", "syntax error in pattern"},
		{"serial:///dev/ttyUSB*", "one dials one port"},
	} {
		_, err := c.Dial(t.Context(), parse(t, row.addr))
		require.ErrorContains(t, err, row.says, row.addr)
		require.NotErrorIs(t, err, errOpened, row.addr)
	}
	_, err := c.Dial(t.Context(), parse(t, "tcp://127.0.0.1:1"))
	require.ErrorContains(t, err, "is not serial")
}

// TestDescribed: every parameter that is described is looked at.
func TestDescribed(t *testing.T) {
	c := serial.New(nil)
	for _, info := range carrier.Describe(c) {
		for _, p := range info.Params {
			_, err := c.Dial(t.Context(), parse(t, "serial:///dev/null?"+p.Name+"=!"))
			require.ErrorContains(t, err, "parameter "+p.Name+"=!")
			assert.Equal(t, carrier.Dialing|carrier.Listening, p.Use)
		}
	}
}
