package router_test

import (
	"encoding/binary"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router/routertest"
	"github.com/gosig/gosig/sig"
)

// BenchmarkBehindLarge measures how long small events take, one every 10 ms, while
// one of 1 MiB of another sender goes out on the same connection, over a path of
// 10 Mbit/s and 20 ms each way with a queue of 64 KiB. The line needs 839 ms for
// the large one.
func BenchmarkBehindLarge(b *testing.B) {
	for _, c := range []struct {
		name  string
		setup func(testing.TB) routertest.Setup
		slow  func(b *testing.B, to string) (from string)
	}{
		{"tcp", overTCP, slowTCP},
		{"tls", overTLS, slowTCP},
		{"ws", overWS, slowTCP},
		{"quic", overQUIC, slowUDP},
		{"dtls", overDTLS, slowUDP},
	} {
		b.Run(c.name, func(b *testing.B) { behindLarge(b, c.setup(b), c.slow) })
	}
}

const (
	slowRate  = 10e6 / 8 // bytes a second
	slowDelay = 20 * time.Millisecond
	slowQueue = 64 << 10
)

func behindLarge(b *testing.B, setup routertest.Setup, slow func(*testing.B, string) string) {
	hub := benchServerOn(b, setup)
	from, to := benchClientOn(b, setup, slow(b, hub)), benchClientOn(b, setup, hub)
	small, large := make(chan time.Duration, 1000), make(chan struct{}, 1)
	sub, err := sig.Subscribe(to, "**", "*", func(ev sig.EventOf[[]byte]) {
		if ev.Name == "image" {
			large <- struct{}{}
			return
		}
		small <- time.Since(time.Unix(0, int64(binary.BigEndian.Uint64(ev.Data))))
	}, nil)
	require.NoError(b, err)
	require.NoError(b, sub.InForce(b.Context()))
	camera, err := from.Connect("camera", sig.Spec{Events: []sig.Name{"image"}})
	require.NoError(b, err)
	kitchen, err := from.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(b, err)
	require.NoError(b, from.Sync(b.Context()))
	payload := make([]byte, 1<<20-64)
	var sum, worst time.Duration
	n := 0
	for b.Loop() {
		require.NoError(b, camera.Emit("image", payload))
		for done, due := false, 0; !done || due > 0; {
			if !done {
				time.Sleep(10 * time.Millisecond)
				now := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
				require.NoError(b, kitchen.Emit("temp", now))
				due++
			}
			select {
			case took := <-small:
				due--
				n++
				sum += took
				worst = max(worst, took)
			case <-large:
				done = true
			default:
			}
		}
	}
	b.ReportMetric(sum.Seconds()*1e3/float64(n), "ms/small")
	b.ReportMetric(worst.Seconds()*1e3, "ms/worst")
}

// slowLine paces one direction.
type slowLine struct{ free time.Time }

// send waits until the line has taken n bytes and returns when they arrive; it
// drops them, if they may be, when too many wait.
func (l *slowLine) send(n int, drops bool) (arrives time.Time, ok bool) {
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	if waits := int(l.free.Sub(now).Seconds() * slowRate); drops && waits > slowQueue {
		return now, false
	}
	l.free = l.free.Add(time.Duration(float64(n) / slowRate * float64(time.Second)))
	return l.free.Add(slowDelay), true
}

type late struct {
	at   time.Time
	data []byte
}

// deliver writes what is late when its time has come, until in is closed.
func deliver(in <-chan late, write func([]byte)) {
	for p := range in {
		time.Sleep(time.Until(p.at))
		write(p.data)
	}
}

// slowTCP puts a slow path before a listener. What the relay has not read waits
// in the sockets, whose buffers are the path's queue.
func slowTCP(b *testing.B, to string) string {
	target, err := url.Parse(to)
	require.NoError(b, err)
	host := target.Host
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	var wg sync.WaitGroup
	b.Cleanup(func() { ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			front, err := ln.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", host)
			if err != nil {
				b.Error(err)
				return
			}
			for _, dir := range [][2]net.Conn{{front, back}, {back, front}} {
				_ = dir[0].(*net.TCPConn).SetReadBuffer(slowQueue / 2)
				wg.Go(func() { slowCopy(dir[1], dir[0]) })
			}
		}
	})
	target.Host = ln.Addr().String()
	return target.String()
}

func slowCopy(to, from net.Conn) {
	defer to.Close()
	line := make(chan late, 1000) // more than the delay is long
	var wg sync.WaitGroup
	wg.Go(func() { deliver(line, func(p []byte) { _, _ = to.Write(p) }) })
	defer wg.Wait()
	defer close(line)
	var pace slowLine
	for {
		buf := make([]byte, 1400)
		n, err := from.Read(buf)
		if n > 0 {
			at, _ := pace.send(n, false)
			line <- late{at, buf[:n]}
			time.Sleep(time.Until(pace.free))
		}
		if err != nil {
			return
		}
	}
}

// slowUDP is slowTCP for one client's packets; what does not fit into the queue is
// dropped.
func slowUDP(b *testing.B, to string) string {
	target, err := url.Parse(to)
	require.NoError(b, err)
	router, err := net.ResolveUDPAddr("udp", target.Host)
	require.NoError(b, err)
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(b, err)
	back, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(b, err)
	var wg sync.WaitGroup
	b.Cleanup(func() { front.Close(); back.Close(); wg.Wait() })
	var mu sync.Mutex
	var client *net.UDPAddr
	relay := func(from, to *net.UDPConn, addr func() *net.UDPAddr, seen func(*net.UDPAddr)) {
		line := make(chan late, 10_000) // more than the queue holds
		wg.Go(func() { deliver(line, func(p []byte) { _, _ = to.WriteToUDP(p, addr()) }) })
		defer close(line)
		var pace slowLine
		for {
			buf := make([]byte, 2048)
			n, peer, err := from.ReadFromUDP(buf)
			if err != nil {
				return
			}
			seen(peer)
			if at, ok := pace.send(n, true); ok {
				line <- late{at, buf[:n]}
			}
		}
	}
	wg.Go(func() {
		relay(front, back, func() *net.UDPAddr { return router }, func(a *net.UDPAddr) { mu.Lock(); client = a; mu.Unlock() })
	})
	wg.Go(func() {
		relay(back, front, func() *net.UDPAddr { mu.Lock(); defer mu.Unlock(); return client }, func(*net.UDPAddr) {})
	})
	target.Host = front.LocalAddr().String()
	return target.String()
}
