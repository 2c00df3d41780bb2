package router_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/router/routertest"
)

// TestSilentConnections: 5,000 that open a connection of the medium beneath and
// say nothing are sent away in time, cost nothing afterwards, and keep nobody out.
// Those over UDP, where nothing said is no connection, and WebSocket, which ends
// them before the router hears of them, are in the carriers' own tests; those who
// do shake hands first are in [TestSilentPeers].
func TestSilentConnections(t *testing.T) {
	for _, c := range []medium{{"tcp", overTCP}, {"unix", overUnix}, {"tls", overTLS}} {
		t.Run(c.name, func(t *testing.T) {
			silentConnections(t, c.setup(t), 5000, 500*time.Millisecond, func(t *testing.T, addr string, n int) {
				target, err := url.Parse(addr)
				require.NoError(t, err)
				crowd(t, target, n)
			})
		})
	}
}

// TestSilentPeers: so are those that complete the handshakes of their carrier, of
// TLS, QUIC, DTLS and WebSocket, and then never say HELLO. By default they are as
// many as take a few seconds; GOSIG_SCALE says how many.
func TestSilentPeers(t *testing.T) {
	silent, limit := 100, 1500*time.Millisecond
	if n := os.Getenv("GOSIG_SCALE"); n != "" {
		_, err := fmt.Sscan(n, &silent)
		require.NoError(t, err)
		limit += time.Duration(silent) * 5 * time.Millisecond // all of them are silent at once
	}
	for _, c := range []medium{{"tls", overTLS}, {"quic", overQUIC}, {"dtls", overDTLS}, {"wss", overWSS}} {
		t.Run(c.name, func(t *testing.T) {
			setup := c.setup(t)
			if setup.Clients == nil {
				setup.Clients = setup.Carriers
			}
			silentConnections(t, setup, silent, limit, func(t *testing.T, addr string, n int) {
				courteous(t, setup, addr, n)
			})
		})
	}
}

// silentConnections has a crowd come three times, which the router must send away.
func silentConnections(t *testing.T, setup routertest.Setup, silent int, limit time.Duration, crowd func(t *testing.T, addr string, n int)) {
	needDescriptors(t, uint64(2*silent+200)) // one for each end
	srv, err := router.NewServerRouter(quietRegistry(t), &router.ServerOptions{
		Carriers: setup.Carriers, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
		Limits: router.Limits{Handshake: limit, Unauthenticated: silent, UnauthenticatedBytes: 1 << 30},
	})
	require.NoError(t, err)
	t.Cleanup(func() { srv.Close() })
	if setup.Another != nil {
		setup.Listen = setup.Another()
	}
	addr, err := srv.Listen(t.Context(), setup.Listen)
	require.NoError(t, err)
	goroutines := runtime.NumGoroutine() + 3 // a timer's, or one more that listens
	for range 2 {                            // what Go itself keeps of so many goroutines is there from then on
		crowd(t, addr, silent)
		settled(t, goroutines, math.MaxUint64)
	}
	memory := heapInUse()
	crowd(t, addr, silent)
	settled(t, goroutines, memory+1<<20+400*uint64(silent)) // a connection takes 10 kB
	if setup.Clients == nil {
		setup.Clients = setup.Carriers
	}
	client, err := router.NewClientRouter(quietRegistry(t), []string{addr}, &router.ClientOptions{
		Carriers: setup.Clients, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.WaitConnected(t.Context()))
}

// settled waits until no more goroutines and bytes than these are in use.
func settled(t *testing.T, goroutines int, memory uint64) {
	t.Helper()
	for end := time.Now().Add(patience); runtime.NumGoroutine() > goroutines || heapInUse() > memory; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines where there were %d, %d bytes where %d are allowed", runtime.NumGoroutine(), goroutines, heapInUse(), memory)
		}
	}
}

// courteous has n clients shake hands with addr, so far as their carrier does, and
// wait until the server hangs up.
func courteous(t *testing.T, setup routertest.Setup, addr string, n int) {
	t.Helper()
	set, err := carrier.NewSet(setup.Clients...)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	shaking := make(chan struct{}, 8) // so many at once: more have to wait for the processor
	for range n {
		shaking <- struct{}{}
		wg.Go(func() {
			conn, err := shakesHands(ctx, set, addr)
			<-shaking
			if !assert.NoError(t, err) {
				return
			}
			defer conn.Close()
			for err == nil { // some are told why
				_, err = conn.Receive(ctx, nil)
			}
			assert.NotErrorIs(t, err, context.DeadlineExceeded, "a silent peer was not sent away")
		})
	}
	wg.Wait()
}

// shakesHands dials, and again where the time for a handshake has run out, which on a
// busy machine some out of thousands have.
func shakesHands(ctx context.Context, set *carrier.Set, addr string) (conn carrier.Conn, err error) {
	for {
		if conn, err = set.Dial(ctx, addr); err == nil {
			if err = carrier.Handshake(ctx, conn); err == nil {
				return conn, nil
			}
			conn.Close()
		}
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return nil, err
		}
	}
}

// crowd has n connections wait until the server hangs up.
func crowd(t *testing.T, target *url.URL, n int) {
	t.Helper()
	network, address := "tcp", target.Host
	if target.Scheme == "unix" {
		network, address = "unix", target.Path
	}
	var wg sync.WaitGroup
	for range n {
		conn, err := net.Dial(network, address)
		for network == "unix" && err != nil && t.Context().Err() == nil { // no more fit into its queue now
			time.Sleep(time.Millisecond)
			conn, err = net.Dial(network, address)
		}
		require.NoError(t, err)
		wg.Go(func() {
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			for buf := make([]byte, 512); ; { // some are told why
				if _, err := conn.Read(buf); err != nil {
					if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
						t.Error("a silent connection was not ended")
					}
					return
				}
			}
		})
	}
	wg.Wait()
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
