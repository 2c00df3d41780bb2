package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// goals has the serial line's goals measured for longer, and printed.
var goals = flag.Bool("goals", false, "measure the goals of many serial ports at one router for longer, and print them")

// device is a client at the other end of a line from a router's port.
type device struct {
	*client
	name sig.Name
	line *linesim.Line
	port *linesim.Port // of the router
}

// plugIn makes n devices at ports of a folder.
func plugIn(t *testing.T, dir string, n int) []*device {
	var all []*device
	for i := range n {
		line := linesim.NewLine(&linesim.LineOptions{Baud: 115200, Seed: uint64(i)})
		t.Cleanup(func() { require.NoError(t, line.Close()) })
		near, err := linesim.NewPort("")
		require.NoError(t, err)
		line.Attach(linesim.B, near)
		far, err := linesim.NewPort(filepath.Join(dir, fmt.Sprintf("ttyUSB%d", i)))
		require.NoError(t, err)
		line.Attach(linesim.A, far)
		c := join(t, "cbor", []string{"serial://" + near.Path()}, func(o *router.ClientOptions) {
			o.Carriers = []carrier.Carrier{serial.New(&serial.Options{Logger: silent})}
		})
		d := &device{c, sig.Name(fmt.Sprintf("device/%d", i)), line, far}
		d.connect(t, d.name, sig.Spec{
			Events:   []sig.Name{"noise"},
			Requests: map[sig.Name]sig.RequestHandler{"echo": sig.Handle(func(_ context.Context, s string) (string, error) { return s, nil })},
		})
		all = append(all, d)
	}
	for _, d := range all {
		require.NoError(t, d.router.WaitConnected(patient(t)))
	}
	return all
}

// ask returns how long the device takes to answer.
func (d *device) ask(t *testing.T, from *client) time.Duration {
	t.Helper()
	begin := time.Now()
	got, err := sig.Call[string](patient(t), from.Registry, d.name, "echo", "0123456789abcdef")
	require.NoError(t, err)
	require.Equal(t, "0123456789abcdef", got)
	return time.Since(begin)
}

// median of how long other devices take to answer, one after another.
func median(t *testing.T, from *client, devices []*device, rounds int) time.Duration {
	t.Helper()
	var all []time.Duration
	for range rounds {
		for _, d := range devices {
			all = append(all, d.ask(t, from))
		}
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// TestManyPorts: sixteen devices at sixteen ports of one router. While nothing
// happens it takes hardly any of a processor, nor while all ports are gone, and a line
// that is very bad and full disturbs no other.
func TestManyPorts(t *testing.T) {
	long(t)
	dir := shortDir(t)
	srv := serve(t, "--listen", "tcp://127.0.0.1:0", "--listen", "serial://"+dir+"/ttyUSB*")
	devices := plugIn(t, dir, 16)
	asker := dial(t, "cbor", srv.addrs[:1])
	for _, d := range devices {
		asker.knows(t, d.name)
	}
	idleFor, rounds := 3*time.Second, 2
	if *goals {
		idleFor, rounds = 30*time.Second, 20
	}
	time.Sleep(time.Second) // what there is to say after connecting
	tell(t, "16 devices on 16 ports, idle | < 5 %% of a core | %.1f %%", srv.idle(idleFor))

	quiet := median(t, asker, devices[1:], rounds)
	noisy := devices[0]
	noisy.line.Set(linesim.Damage{BitErrors: 3e-3, Bursts: 1e-3, Breaks: 1e-3})
	stop := make(chan struct{})
	flooded := make(chan struct{})
	go func() { // until stop
		defer close(flooded)
		garbage := []byte(strings.Repeat("\x00\x45\xff garbage", 100))
		for {
			select {
			case <-stop:
				return
			default:
				noisy.line.Inject(linesim.A, garbage)
			}
		}
	}()
	beside := median(t, asker, devices[1:], rounds)
	close(stop)
	<-flooded
	tell(t, "the other 15 while one line is nothing but noise | as before | a request takes %.1f ms, %.1f ms before",
		float64(beside.Microseconds())/1000, float64(quiet.Microseconds())/1000)
	for _, d := range devices[1:] {
		assert.Empty(t, d.failures(), "%s has lost its connection", d.name)
	}
	if *goals {
		assert.Less(t, beside, 2*quiet)
	}

	noisy.line.Set(linesim.Damage{})
	await(t, "the noisy device to be back", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := sig.Call[string](ctx, asker.Registry, noisy.name, "echo", "back")
		return err == nil
	})

	for _, d := range devices {
		d.port.Unplug()
	}
	time.Sleep(time.Second)
	tell(t, "the same, all ports unplugged | < 5 %% of a core | %.1f %%", srv.idle(idleFor))
	for _, d := range devices {
		require.NoError(t, d.port.Plug())
	}
	for _, d := range devices {
		await(t, "a device to be back", func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, err := sig.Call[string](ctx, asker.Registry, d.name, "echo", "back")
			return err == nil
		})
	}
}

// idle returns how much of a core the process takes in a while, in percent, which is to
// be little.
func (p *process) idle(while time.Duration) float64 {
	p.t.Helper()
	share := 100.
	for tries := 0; tries < 5 && share >= 5; tries++ { // on a busy machine it may still be at what came before
		used := p.cpu()
		time.Sleep(while)
		share = 100 * float64(p.cpu()-used) / float64(while)
		if raceEnabled {
			return share
		}
	}
	assert.Less(p.t, share, 5.0, "percent of a core, while nothing happens")
	return share
}

// tell prints a row of the table in docs/benchmarks.md.
func tell(t *testing.T, format string, args ...any) {
	if *goals {
		fmt.Fprintf(os.Stdout, "| "+format+" |\n", args...)
		return
	}
	t.Logf(format, args...)
}

// cpu is what the process has used of one.
func (p *process) cpu() time.Duration {
	p.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	// After the name, which may hold anything, utime and stime are the 12th and
	// the 13th field, in hundredths of a second.
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	var used int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		require.NoError(p.t, err)
		used += n
	}
	return time.Duration(used) * 10 * time.Millisecond
}
