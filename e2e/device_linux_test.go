//go:build boards

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/sig"
)

// goodLine is what a board is used to; badLine is what it must survive.
var (
	goodLine = linesim.LineOptions{Baud: 115200}
	badLine  = linesim.LineOptions{Baud: 115200, Damage: linesim.Damage{
		BitErrors: 5e-5, Drops: 1e-4, Inserts: 1e-4, Bursts: 2e-5, Breaks: 2e-5,
	}}
)

// machines are the boards; each has another UART.
var machines = []string{"lm3s6965evb", "mps2-an385"}

// onBoards runs a test on both.
func onBoards(t *testing.T, test func(t *testing.T, machine string)) {
	t.Parallel()
	for _, m := range machines {
		t.Run(m, func(t *testing.T) {
			t.Parallel()
			test(t, m)
		})
	}
}

// measurement is the payload of "temp".
type measurement struct {
	N       uint64
	Celsius float64
}

// deviceStatus is what "status" answers.
type deviceStatus struct {
	Lamp                                           bool
	Lost, Refused, Interval, Measured, Connections uint64
}

// ears hears the device, through the router, from elsewhere: every measurement,
// and what is said of its coming and going.
type ears struct {
	mu      sync.Mutex
	said    []string // #connect, #disconnect, #lost, "restart"
	got     []uint64 // n of each measurement
	missing uint64   // announced as lost since the last one
	lost    uint64   // in all
	lamp    []bool
	epochs  map[uint64]bool // lives of the device
	wrong   []string
}

func listenTo(t *testing.T, c *client) *ears {
	t.Helper()
	e := &ears{epochs: map[uint64]bool{}}
	for _, event := range []sig.Name{"temp", "lamp", sig.EventConnect, sig.EventDisconnect} {
		sub, err := sig.Subscribe(c.Registry, "thermometer", event, e.take, nil)
		require.NoError(t, err)
		require.NoError(t, sub.InForce(patient(t)))
	}
	return e
}

func (e *ears) take(ev sig.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch data := ev.Data.(type) {
	case sig.Presence:
		e.said = append(e.said, string(ev.Name))
		e.epochs[data.Epoch] = true
	case sig.Lost:
		e.said = append(e.said, string(ev.Name))
		if data.Event == "temp" {
			e.missing += data.Count
			e.lost += data.Count
		}
	case bool:
		e.lamp = append(e.lamp, data)
	default:
		m, err := sig.Data[measurement](data)
		if err != nil || m.Celsius < 20 || m.Celsius > 24 {
			e.wrong = append(e.wrong, fmt.Sprint(data, err))
		}
		if n := len(e.got); n > 0 && m.N != 1 && m.N != e.got[n-1]+1+e.missing {
			e.wrong = append(e.wrong, fmt.Sprintf("%d after %d, with %d lost", m.N, e.got[n-1], e.missing))
		}
		e.got, e.missing = append(e.got, m.N), 0
	}
}

func (e *ears) heard() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.got)
}

func (e *ears) count(what string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, s := range e.said {
		if s == what {
			n++
		}
	}
	return n
}

// check reports whatever was wrong.
func (e *ears) check(t *testing.T) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	assert.Empty(t, e.wrong)
}

// deskOf connects the sender that the device asks and listens to; it answers with
// an interval in which the line has much to do.
func deskOf(t *testing.T, c *client) (desk *sig.Sender, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	desk, err := c.Connect("desk", sig.Spec{Events: []sig.Name{"light"}, Requests: map[sig.Name]sig.RequestHandler{
		"interval": sig.Handle(func(context.Context, any) (int, error) { asked.Add(1); return 20, nil }),
	}})
	require.NoError(t, err)
	return desk, asked
}

func status(t *testing.T, c *client) deviceStatus {
	t.Helper()
	s, err := sig.Call[deviceStatus](patient(t), c.Registry, "thermometer", "status", nil)
	require.NoError(t, err)
	return s
}

// TestBoard: an emulated board at a bad line is a client like any other. Its events
// arrive in order, it answers, it asks, and it switches its lamp when it hears to.
func TestBoard(t *testing.T) {
	onBoards(t, func(t *testing.T, machine string) {
		b := newBoard(t, machine, badLine)
		p := serve(t, "--listen", b.url(), "--listen", "tcp://127.0.0.1:0")
		c := dial(t, "json", p.addrs[1:])
		e := listenTo(t, c)
		desk, asked := deskOf(t, c)
		await(t, "the device to ask the desk", func() bool { return asked.Load() > 0 })
		await(t, "100 measurements", func() bool { return e.heard() >= 100 })

		for i := range 20 {
			require.NoError(t, desk.Emit("light", i%2 == 0))
		}
		await(t, "the lamp to go off at last", func() bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			return len(e.lamp) > 0 && !e.lamp[len(e.lamp)-1]
		})
		assert.False(t, b.lampIsOn())
		require.NoError(t, desk.Emit("light", true))
		await(t, "the lamp to go on", b.lampIsOn)
		assert.True(t, status(t, c).Lamp)
		for range 20 {
			celsius, err := sig.Call[float64](patient(t), c.Registry, "thermometer", "read", nil)
			require.NoError(t, err)
			assert.InDelta(t, 22, celsius, 2.1)
		}
		_, err := c.Request(patient(t), "thermometer", "bake", nil)
		require.ErrorIs(t, err, sig.ErrNoMethod)
		s := status(t, c)
		assert.Zero(t, s.Lost)
		assert.EqualValues(t, 1, s.Connections, "the noise has ended no session")
		e.check(t)
		assert.Zero(t, e.lost)
	})
}

// lively waits until the device is heard, n measurements from now on.
func lively(t *testing.T, e *ears, n int) {
	t.Helper()
	goal := e.heard() + n
	await(t, "the device to be heard", func() bool { return e.heard() >= goal })
}

// comeback waits until the device has left and come back, once more than before.
func comeback(t *testing.T, e *ears, before int) {
	t.Helper()
	await(t, "#disconnect of the device", func() bool { return e.count("#disconnect") > before })
	await(t, "#connect of the device", func() bool { return e.count("#connect") > before+1 })
	lively(t, e, 20)
}

func (e *ears) lives() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.epochs)
}

// TestBoardLives: the board's reset button and its plug, and its line at the
// router, over and over. Each is seen as a departure and an arrival; only a board
// that has begun anew is another life.
func TestBoardLives(t *testing.T) {
	onBoards(t, func(t *testing.T, machine string) {
		b := newBoard(t, machine, goodLine)
		p := serve(t, "--listen", b.url(), "--listen", "tcp://127.0.0.1:0")
		c := dial(t, "cbor", p.addrs[1:])
		e := listenTo(t, c)
		deskOf(t, c)
		lively(t, e, 20)
		for i := range 3 {
			b.reset()
			comeback(t, e, e.count("#connect")-1)
			assert.Equal(t, i+2, e.lives(), "a reset begins another life")
		}
		b.off()
		await(t, "#disconnect of the device", func() bool { return e.count("#disconnect") == 4 })
		b.on()
		comeback(t, e, 3)
		assert.Equal(t, 5, e.lives())

		b.port.Unplug()
		await(t, "#disconnect of the device", func() bool { return e.count("#disconnect") == 5 })
		require.NoError(t, b.port.Plug())
		comeback(t, e, 4)
		b.line.Cut() // both ends stay as they are, and hear nothing
		await(t, "#disconnect of the device", func() bool { return e.count("#disconnect") == 6 })
		b.line.Mend()
		comeback(t, e, 5)
		assert.Equal(t, 5, e.lives(), "a line that was down ends no life")
		assert.EqualValues(t, 3, status(t, c).Connections)
		e.check(t)
	})
}

// TestBoardRouterKilled: the router is killed, and another one started, while the
// board goes on.
func TestBoardRouterKilled(t *testing.T) {
	onBoards(t, func(t *testing.T, machine string) {
		b := newBoard(t, machine, goodLine)
		addr := fixedAddress(t)
		p := serve(t, "--listen", b.url(), "--listen", addr)
		c := dial(t, "cbor", []string{addr})
		e := listenTo(t, c)
		deskOf(t, c)
		lively(t, e, 20)
		for range 2 {
			before := e.count("#disconnect")
			p.kill()
			p = serve(t, "--listen", b.url(), "--listen", addr)
			comeback(t, e, before)
		}
		assert.Equal(t, 1, e.lives())
		assert.EqualValues(t, 3, status(t, c).Connections)
		e.check(t)
	})
}

// TestBoardGarbage: what another protocol, a loose wire or a wrong speed put on the
// line, in either direction, costs nothing but time.
func TestBoardGarbage(t *testing.T) {
	onBoards(t, func(t *testing.T, machine string) {
		b := newBoard(t, machine, goodLine)
		p := serve(t, "--listen", b.url(), "--listen", "tcp://127.0.0.1:0")
		c := dial(t, "cbor", p.addrs[1:])
		e := listenTo(t, c)
		deskOf(t, c)
		lively(t, e, 20)
		for _, garbage := range []string{
			strings.Repeat("AT+CREG?\r\n", 50), strings.Repeat("\x7e\xff\x7d\x23", 200), strings.Repeat("\xff", 600),
			"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n", strings.Repeat("\x00", 300),
		} {
			b.line.Inject(linesim.A, []byte(garbage))
			b.line.Inject(linesim.B, []byte(garbage))
			b.line.Break(linesim.B, 20)
			lively(t, e, 10)
			_ = status(t, c)
		}
		assert.EqualValues(t, 1, status(t, c).Connections)
		assert.Zero(t, e.lost)
		e.check(t)
	})
}
