package serial_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// hub is a router that listens on serial lines.
func hub(t *testing.T, c carrier.Carrier, addrs ...string) *sig.Registry {
	t.Helper()
	reg := sig.New(&sig.Options{Name: "hub"})
	r, err := router.NewServerRouter(reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{c}, Codecs: []codec.Codec{cbor.New()}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, r.Close())
		assert.NoError(t, reg.Close())
	})
	for _, addr := range addrs {
		_, err := r.Listen(t.Context(), addr)
		require.NoError(t, err)
	}
	return reg
}

// device is a program that dials a router.
type device struct {
	reg    *sig.Registry
	router *router.ClientRouter
	states atomic.Int64 // how often it was connected
}

func newDevice(t *testing.T, c carrier.Carrier, name, addr string) *device {
	t.Helper()
	d := &device{reg: sig.New(&sig.Options{Name: name, OnWarning: func(sig.Warning) {}})}
	var err error
	d.router, err = router.NewClientRouter(d.reg, []string{addr}, &router.ClientOptions{
		Carriers: []carrier.Carrier{c}, Codecs: []codec.Codec{cbor.New()}, Name: name, Logger: slog.New(slog.DiscardHandler),
		OnState: func(s router.State) {
			if s.Phase == router.Connected {
				d.states.Add(1)
			}
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { d.off(t) })
	return d
}

func (d *device) off(t *testing.T) {
	assert.NoError(t, d.router.Close())
	assert.NoError(t, d.reg.Close())
}

// await waits until the device has been connected n times.
func (d *device) await(t *testing.T, n int64) {
	t.Helper()
	for begun := time.Now(); d.states.Load() < n; time.Sleep(10 * time.Millisecond) {
		require.Less(t, time.Since(begun), time.Minute, "connection %d", n)
	}
}

// journal notes what a subscription hears.
type journal struct {
	mu   sync.Mutex
	said []string
}

func listenTo(t *testing.T, reg *sig.Registry) *journal {
	t.Helper()
	j := &journal{}
	_, err := sig.Subscribe(reg, sig.Any, sig.Any, func(ev sig.EventOf[any]) {
		j.mu.Lock()
		defer j.mu.Unlock()
		line := fmt.Sprintf("%s %s", ev.Sender, ev.Name)
		if !strings.HasPrefix(string(ev.Name), "#") {
			line += fmt.Sprintf(" %v", ev.Data)
		}
		j.said = append(j.said, line)
	}, nil)
	require.NoError(t, err)
	return j
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.said...)
}

func (j *journal) has(line string) bool {
	for _, l := range j.all() {
		if l == line {
			return true
		}
	}
	return false
}

func (j *journal) await(t *testing.T, line string) {
	t.Helper()
	for begun := time.Now(); !j.has(line); time.Sleep(10 * time.Millisecond) {
		require.Less(t, time.Since(begun), 5*time.Minute, "waiting for %q, heard %q", line, j.all())
	}
}

func sensor(t *testing.T, reg *sig.Registry, name sig.Name) *sig.Sender {
	t.Helper()
	s, err := reg.Connect(name, sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	return s
}

// TestPlugs: either end is pulled out and plugged in again: the device's sender
// leaves and returns, and what it emits meanwhile arrives, or is announced as lost
// (P5, P7, P9).
func TestPlugs(t *testing.T) {
	for _, end := range []string{hubPort, devicePort} {
		t.Run(end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := oneCable()
				c := d.carrier(serial.Options{})
				j := listenTo(t, hub(t, c, "serial://"+hubPort))
				dev := newDevice(t, c, "dev", "serial://"+devicePort)
				s := sensor(t, dev.reg, "dev/sensor")
				dev.await(t, 1)
				require.NoError(t, s.EmitWait(t.Context(), "temp", 1))
				j.await(t, "dev/sensor temp 1")
				d.unplug(end)
				j.await(t, "dev/sensor #disconnect")
				opens := d.opened(end)
				time.Sleep(10 * time.Minute)
				assert.Less(t, d.opened(end)-opens, 400, "tried less and less often")
				d.plugIn(end)
				dev.await(t, 2)
				require.NoError(t, s.EmitWait(t.Context(), "temp", 2))
				j.await(t, "dev/sensor temp 2")
				assert.Equal(t, []string{
					"dev/sensor #connect", "dev/sensor temp 1", "dev/sensor #disconnect", "dev/sensor #connect", "dev/sensor temp 2",
				}, j.all())
			})
		})
	}
}

// TestReboot: a device that restarts without a word has its name again at once: it
// is on the same port, so it is the same (P10).
func TestReboot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := oneCable()
		c := d.carrier(serial.Options{})
		reg := hub(t, c, "serial://"+hubPort)
		j := listenTo(t, reg)
		for life := range 5 {
			dev := newDevice(t, c, "dev", "serial://"+devicePort)
			s := sensor(t, dev.reg, "dev/sensor")
			dev.await(t, 1)
			require.NoError(t, s.EmitWait(t.Context(), "temp", life))
			j.await(t, fmt.Sprintf("dev/sensor temp %d", life))
			d.unplug(devicePort) // its power
			dev.off(t)
			d.plugIn(devicePort)
		}
	})
}

// TestSameName: two devices of one name on two ports: the second is told, and the
// first does not notice (P10).
func TestSameName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk([2]string{"/hub1", "/dev1"}, [2]string{"/hub2", "/dev2"})
		c := d.carrier(serial.Options{})
		j := listenTo(t, hub(t, c, "serial:///hub1", "serial:///hub2"))
		one, two := newDevice(t, c, "one", "serial:///dev1"), newDevice(t, c, "two", "serial:///dev2")
		first := sensor(t, one.reg, "dev/sensor")
		one.await(t, 1)
		j.await(t, "dev/sensor #connect")
		second, err := two.reg.Connect("dev/sensor", sig.Spec{Events: []sig.Name{"temp"}})
		if err == nil {
			<-second.Done()
			err = second.Err()
		}
		require.ErrorIs(t, err, sig.ErrNameTaken)
		require.NoError(t, first.EmitWait(t.Context(), "temp", 1))
		j.await(t, "dev/sensor temp 1")
		assert.Equal(t, []string{"dev/sensor #connect", "dev/sensor temp 1"}, j.all())
	})
}

// simulated is a carrier between whose two ports there is a line in simulated
// time.
func simulated(t *testing.T, opt linesim.LineOptions, o serial.Options) carrier.Carrier {
	line := linesim.NewLine(&opt)
	t.Cleanup(func() { line.Close() })
	o.Logger = slog.New(slog.DiscardHandler)
	o.Open = func(_ context.Context, l serial.Line) (io.ReadWriteCloser, error) {
		near, far := net.Pipe()
		end := linesim.A
		if l.Path == hubPort {
			end = linesim.B
		}
		line.Attach(end, far)
		return near, nil
	}
	return serial.New(&o)
}

// TestSlowLine: over a line that takes minutes for what waits, nothing is lost and
// the connection stays: no limit of time is one of a faster medium.
func TestSlowLine(t *testing.T) {
	for _, row := range []struct {
		baud   int
		damage linesim.Damage
	}{
		{1200, linesim.Damage{}},
		{2400, linesim.Damage{BitErrors: 1e-5}},
		{9600, linesim.Damage{BitErrors: 1e-5}},
		{115200, linesim.Damage{}},
	} {
		t.Run(fmt.Sprint(row.baud), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := simulated(t, linesim.LineOptions{Baud: row.baud, Damage: row.damage, Seed: 3}, serial.Options{Baud: row.baud})
				j := listenTo(t, hub(t, c, "serial://"+hubPort))
				dev := newDevice(t, c, "dev", "serial://"+devicePort)
				s := sensor(t, dev.reg, "dev/sensor")
				dev.await(t, 1)
				begun := time.Now()
				text := strings.Repeat("x", 400)
				n := row.baud / 72 // the line needs 55 s and more: longer than Dead
				for i := range n {
					require.NoError(t, s.Emit("temp", text))
					if i == 0 {
						j.await(t, "dev/sensor temp "+text)
					}
				}
				require.NoError(t, s.EmitWait(t.Context(), "temp", "last"))
				j.await(t, "dev/sensor temp last")
				assert.Greater(t, time.Since(begun), 52*time.Second)
				assert.Len(t, j.all(), n+2, "all of them and #connect, nothing lost")
				assert.Equal(t, int64(1), dev.states.Load(), "one connection")
			})
		})
	}
}

// TestSixteenDevices counts what an idle router with as many does, and that a line
// that is full of noise disturbs no other.
func TestSixteenDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 16
		var cables [][2]string
		for i := range n {
			cables = append(cables, [2]string{fmt.Sprintf("/hub%d", i), fmt.Sprintf("/dev%d", i)})
		}
		d := newDesk(cables...)
		noise := linesim.New(linesim.Damage{}, 1)
		var mu sync.Mutex
		var reads, writes atomic.Int64
		d.wrap = func(path string, rwc io.ReadWriteCloser) io.ReadWriteCloser {
			switch {
			case path == "/dev0":
				return odd{ReadWriteCloser: rwc, write: func(p []byte) (int, error) {
					mu.Lock()
					defer mu.Unlock()
					_, err := rwc.Write(noise.Apply(nil, p))
					return len(p), err
				}}
			case strings.HasPrefix(path, "/hub"):
				return counted{rwc, &reads, &writes}
			}
			return rwc
		}
		c := d.carrier(serial.Options{})
		var addrs []string
		for _, cable := range cables {
			addrs = append(addrs, "serial://"+cable[0])
		}
		j := listenTo(t, hub(t, c, addrs...))
		var devices []*device
		var sensors []*sig.Sender
		for i, cable := range cables {
			dev := newDevice(t, c, fmt.Sprint("dev", i), "serial://"+cable[1])
			devices = append(devices, dev)
			sensors = append(sensors, sensor(t, dev.reg, sig.Name(fmt.Sprint("dev", i))))
			dev.await(t, 1)
		}
		reads.Store(0)
		writes.Store(0)
		time.Sleep(time.Minute)
		perSecond := float64(reads.Load()+writes.Load()) / 60
		assert.LessOrEqual(t, perSecond, float64(8*n), "wakeups a second: a sign of life and its answer, each way")
		t.Logf("idle: %.0f reads and writes a second for %d ports", perSecond, n)

		mu.Lock()
		noise.Set(linesim.Damage{BitErrors: 0.02, Drops: 0.02, Inserts: 0.02})
		mu.Unlock()
		time.Sleep(time.Minute)
		var slowest time.Duration
		for i := 1; i < n; i++ {
			begun := time.Now()
			require.NoError(t, sensors[i].EmitWait(t.Context(), "temp", 7))
			for !j.has(fmt.Sprintf("dev%d temp 7", i)) {
				time.Sleep(time.Millisecond)
			}
			slowest = max(slowest, time.Since(begun))
			assert.Equal(t, int64(1), devices[i].states.Load(), "dev%d keeps its connection", i)
		}
		assert.LessOrEqual(t, slowest, 100*time.Millisecond)
		assert.True(t, j.has("dev0 #disconnect"), "this one is lost")
	})
}
