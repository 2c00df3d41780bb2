package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serve starts a system's server in this process, over TCP.
func serve(t *testing.T, sys System, secure bool) Env {
	t.Helper()
	return serveOver(t, sys, "", secure)
}

func serveOver(t *testing.T, sys System, medium string, secure bool) Env {
	t.Helper()
	env := Env{Queue: 4096, Carrier: medium}
	if secure {
		env.Certificates = t.TempDir()
		require.NoError(t, WriteCertificates(env.Certificates))
	}
	address, server, err := sys.Serve(env)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	env.Address = address
	return env
}

func closeLater(t *testing.T, c io.Closer) {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() }) // some have lost their server by then
}

// numbers is a subscriber that expects messages numbered from 0.
type numbers struct {
	mu    sync.Mutex
	next  map[uint64]uint64 // by publisher
	total int
	wrong int
	all   chan struct{}
	want  int
}

func (n *numbers) take(p []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	from, i := binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:])
	if n.next[from] != i {
		n.wrong++
	}
	n.next[from] = i + 1
	if n.total++; n.total == n.want {
		close(n.all)
	}
}

func TestPublishDeliversEverythingInOrder(t *testing.T) {
	for _, c := range []struct {
		system string
		secure bool
	}{
		{"gosig", false},
		{"gosig", true},
		{"nats", false},
		{"nats", true},
		{"floor", false},
		{"floor", true},
		{"mochi", false},
		{"nexus", false},
		{"mangos", false},
	} {
		name := c.system
		if c.secure {
			name += "-tls"
		}
		t.Run(name, func(t *testing.T) { publishAndCount(t, c.system, c.secure) })
	}
}

func publishAndCount(t *testing.T, system string, secure bool) {
	sys, err := Find(system)
	require.NoError(t, err)
	publishTo(t, sys, serve(t, sys, secure))
}

func publishTo(t *testing.T, sys System, env Env) {
	t.Helper()
	const publishers, each = 2, 500
	var subs []*numbers
	for range 3 {
		n := &numbers{next: make(map[uint64]uint64), all: make(chan struct{}), want: publishers * each}
		sub, err := sys.Subscribe(env, nil, n.take)
		require.NoError(t, err)
		closeLater(t, sub)
		subs = append(subs, n)
	}
	for p := range publishers {
		pub, err := sys.Publish(env, Topics(p*5, 5, 4))
		require.NoError(t, err)
		closeLater(t, pub)
		for i := range each {
			payload := binary.BigEndian.AppendUint64(nil, uint64(p))
			payload = binary.BigEndian.AppendUint64(payload, uint64(i))
			require.NoError(t, pub.Publish(payload, 1))
		}
	}
	for _, n := range subs {
		select {
		case <-n.all:
		case <-time.After(time.Minute):
			n.mu.Lock()
			t.Errorf("%d of %d messages arrived", n.total, n.want)
			n.mu.Unlock()
		}
		n.mu.Lock()
		// gosig promises order per sender; so many senders on one
		// connection happen to keep theirs in all systems.
		assert.Zero(t, n.wrong, "out of order or not the ones sent")
		n.mu.Unlock()
	}
}

// TestEveryMedium: gosig, and what it is compared with, over each carrier.
func TestEveryMedium(t *testing.T) {
	for _, c := range []struct {
		medium, system string
		secure         bool
	}{
		{OverQUIC, "gosig", true},
		{OverQUIC, "floor", true},
		{OverDTLS, "gosig", false},
		{OverDTLS, "floor", false},
		{OverWS, "gosig", false},
		{OverWS, "gosigtcp", false},
	} {
		t.Run(c.medium+"-"+c.system, func(t *testing.T) {
			sys, err := Find(c.system)
			require.NoError(t, err)
			env := serveOver(t, sys, c.medium, c.secure)
			publishTo(t, sys, env)
			responder, err := sys.Respond(env)
			require.NoError(t, err)
			closeLater(t, responder)
			requestAndCompare(t, sys, env, 1)
			requestAndCompare(t, sys, env, 16)
		})
	}
	_, err := dial(Env{Carrier: OverWS})
	require.ErrorContains(t, err, "nothing is compared")
}

func TestSubscribeToOneTopic(t *testing.T) {
	for _, system := range []string{"gosig", "nats", "mochi", "nexus", "mangos"} {
		t.Run(system, func(t *testing.T) {
			sys, err := Find(system)
			require.NoError(t, err)
			env := serve(t, sys, false)
			n := &numbers{next: make(map[uint64]uint64), all: make(chan struct{}), want: 3}
			sub, err := sys.Subscribe(env, &Topic{1, 1}, n.take)
			require.NoError(t, err)
			closeLater(t, sub)
			pub, err := sys.Publish(env, []Topic{{1, 0}, {1, 1}})
			require.NoError(t, err)
			closeLater(t, pub)
			for i := range 3 {
				payload := binary.BigEndian.AppendUint64(make([]byte, 8), uint64(i))
				require.NoError(t, pub.Publish(payload, 2))
			}
			select {
			case <-n.all:
			case <-time.After(time.Minute):
				t.Fatal("not all have arrived")
			}
			assert.Zero(t, n.wrong)
		})
	}
}

func TestRequestsAreAnswered(t *testing.T) {
	for _, c := range []struct {
		system string
		secure bool
	}{
		{"gosig", false},
		{"gosig", true},
		{"nats", false},
		{"floor", false},
		{"floor", true},
		{"floorecho", false},
		{"nexus", false},
		{"mangos", false},
		{"grpc", false},
		{"grpcstream", false},
		{"netrpc", false},
	} {
		t.Run(c.system, func(t *testing.T) {
			sys, err := Find(c.system)
			require.NoError(t, err)
			env := serve(t, sys, c.secure)
			responder, err := sys.Respond(env)
			require.NoError(t, err)
			closeLater(t, responder)
			for _, callers := range []int{1, 16} {
				requestAndCompare(t, sys, env, callers)
			}
		})
	}
}

func requestAndCompare(t *testing.T, sys System, env Env, callers int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	calls, conn, err := sys.Request(env, callers)
	require.NoError(t, err)
	defer conn.Close()
	require.Len(t, calls, callers)
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() {
			for j := range 50 {
				payload := bytes.Repeat([]byte{byte(i), byte(j)}, 64)
				answer, err := call(ctx, payload)
				if !assert.NoError(t, err) || !assert.Equal(t, payload, answer) {
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestConnect(t *testing.T) {
	for name, sys := range systems {
		t.Run(name, func(t *testing.T) {
			conn, err := sys.Connect(serve(t, sys, false))
			require.NoError(t, err)
			assert.NoError(t, conn.Close())
		})
	}
}
