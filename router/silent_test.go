package router_test

import (
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/router/routertest"
)

// TestSilentConnections: 5,000 that open a connection of the medium beneath and
// say nothing are sent away in time, cost nothing afterwards, and keep nobody out.
// Those over UDP, where nothing said is no connection, and WebSocket, which ends
// them before the router hears of them, are in the carriers' own tests.
func TestSilentConnections(t *testing.T) {
	for _, c := range []medium{{"tcp", overTCP}, {"unix", overUnix}, {"tls", overTLS}} {
		t.Run(c.name, func(t *testing.T) { silentConnections(t, c.setup(t)) })
	}
}

func silentConnections(t *testing.T, setup routertest.Setup) {
	const silent = 5000 // a descriptor for each end
	needDescriptors(t, 2*silent+200)
	srv, err := router.NewServerRouter(quietRegistry(t), &router.ServerOptions{
		Carriers: setup.Carriers, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
		Limits: router.Limits{Handshake: 500 * time.Millisecond, Unauthenticated: silent},
	})
	require.NoError(t, err)
	t.Cleanup(func() { srv.Close() })
	if setup.Another != nil {
		setup.Listen = setup.Another()
	}
	addr, err := srv.Listen(t.Context(), setup.Listen)
	require.NoError(t, err)
	target, err := url.Parse(addr)
	require.NoError(t, err)
	crowd(t, target, silent) // what Go itself keeps of so many goroutines is there from now on
	goroutines, memory := runtime.NumGoroutine(), heapInUse()
	crowd(t, target, silent)
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > goroutines || heapInUse() > memory+1<<20; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("before %d goroutines and %d bytes, now %d and %d", goroutines, memory, runtime.NumGoroutine(), heapInUse())
		}
	}
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
			_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
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
