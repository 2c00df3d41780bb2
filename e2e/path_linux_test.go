//go:build lossy

package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// path is a network of two hosts, which are network namespaces of Linux, and a
// line between them that delays packets and loses some:
//
//	router  <-> TUN <-- direction --> TUN <->  clients
//	10.77.0.1       delay, loss           10.77.0.2
//
// Linux's own netem would do the same; few kernels in containers have it.
type path struct {
	router, clients namespace
	loss            float64
	there, back     *direction
}

const (
	routerIP  = "10.77.0.1"
	clientsIP = "10.77.0.2"
	pathMTU   = 1500
)

// pathQueue is how many packets may be on their way in one direction. What
// comes beyond is dropped, as by any network.
const pathQueue = 4096

// namespace is the name of a network namespace.
type namespace string

// paths numbers them, for their names.
var paths atomic.Int32

// needNamespaces skips a test where namespaces cannot be made.
func needNamespaces(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("no ip: install iproute2")
	}
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no TUN devices: %v", err)
	}
	f.Close()
}

// newPath makes a path that ends with the test. The seed decides which packets
// are lost; how the traffic is cut into packets is up to both ends, however.
func newPath(t *testing.T, loss float64, delay time.Duration, seed uint64) *path {
	t.Helper()
	id := fmt.Sprintf("gs%x-%d", os.Getpid(), paths.Add(1))
	p := &path{router: namespace(id + "r"), clients: namespace(id + "c"), loss: loss}
	a, b := p.router.host(t, routerIP), p.clients.host(t, clientsIP)
	p.there = &direction{from: b, to: a, loss: loss, delay: delay, rand: rand.New(rand.NewPCG(seed, 1))}
	p.back = &direction{from: a, to: b, loss: loss, delay: delay, rand: rand.New(rand.NewPCG(seed, 2))}
	var wg sync.WaitGroup
	wg.Go(p.there.run) // both end when their device is closed
	wg.Go(p.back.run)
	t.Cleanup(func() {
		a.Close()
		b.Close()
		wg.Wait()
	})
	return p
}

// host makes the namespace with one device, which has the address, and returns
// the device.
func (ns namespace) host(t *testing.T, ip string) *os.File {
	t.Helper()
	name := string(ns)
	system(t, "ip", "netns", "add", name)
	t.Cleanup(func() { system(t, "ip", "netns", "delete", name) })
	dev, err := openTUN(name)
	require.NoError(t, err)
	t.Cleanup(func() { dev.Close() })
	system(t, "ip", "link", "set", name, "netns", name)
	system(t, "ip", "-netns", name, "address", "add", ip+"/30", "dev", name)
	system(t, "ip", "-netns", name, "link", "set", name, "mtu", fmt.Sprint(pathMTU), "up")
	return dev
}

func system(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

// command returns a program that will run in the namespace.
func (ns namespace) command(program string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", string(ns), program}, args...)...)
}

// openTUN makes a device whose packets are read and written here. It stays so
// when the device moves to another namespace.
func openTUN(name string) (*os.File, error) {
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var req struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(req.name[:syscall.IFNAMSIZ-1], name)
	req.flags = syscall.IFF_TUN | syscall.IFF_NO_PI
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TUNSETIFF, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		err = fmt.Errorf("TUNSETIFF %s: %w", name, errno)
	} else {
		err = syscall.SetNonblock(fd, true) // then Close ends a Read
	}
	if err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// direction is one of the two of a path.
type direction struct {
	from, to *os.File
	loss     float64
	delay    time.Duration
	rand     *rand.Rand

	packets, lost, crowded atomic.Int64 // that came; that were lost by chance; for which there was no room
}

type packet struct {
	due  time.Time
	data []byte
}

// run carries packets until from is closed.
func (d *direction) run() {
	queue := make(chan packet, pathQueue) // closed when nothing comes any more
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(queue)
	wg.Go(func() { d.deliver(queue) }) // ends with queue
	buf := make([]byte, 64<<10)
	for {
		n, err := d.from.Read(buf)
		if err != nil {
			return
		}
		d.packets.Add(1)
		if d.rand.Float64() < d.loss {
			d.lost.Add(1)
			continue
		}
		select {
		case queue <- packet{time.Now().Add(d.delay), append([]byte(nil), buf[:n]...)}:
		default:
			d.crowded.Add(1)
		}
	}
}

// deliver hands each packet over when it is due. All have the same delay, so
// none overtakes another.
func (d *direction) deliver(queue <-chan packet) {
	for p := range queue {
		time.Sleep(time.Until(p.due)) // this is the line's length
		_, _ = d.to.Write(p.data)     // a host that is going away takes nothing
	}
}

func (d *direction) String() string {
	return fmt.Sprintf("%d of %d", d.lost.Load()+d.crowded.Load(), d.packets.Load())
}

// String says how many packets were lost.
func (p *path) String() string {
	return fmt.Sprintf("%.0f %% loss (%v packets there, %v back)", 100*p.loss, p.there, p.back)
}

// requireLoss checks that the path was as bad as it was to be.
func (p *path) requireLoss(t *testing.T) {
	t.Helper()
	for _, d := range []*direction{p.there, p.back} {
		require.Greater(t, d.packets.Load(), int64(100), "packets")
		require.InEpsilon(t, p.loss, float64(d.lost.Load())/float64(d.packets.Load()), 0.5, "%v were lost", d)
	}
}
