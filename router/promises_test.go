package router_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/carrier/quic"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router/routertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPromises runs the promises in one process, and in the shapes that
// routers give to several.
func TestPromises(t *testing.T) {
	for _, w := range []routertest.World{
		{},
		{Setup: overMem, Shape: routertest.Across},
		{Setup: overMem, Shape: routertest.Up, Senders: json.New()},
		{Setup: overMem, Shape: routertest.Down, Subscribers: raw.New()},
		{Setup: overMem, Shape: routertest.Chain, Senders: json.New(), Subscribers: cbor.New()},
	} {
		t.Run(w.String(), func(t *testing.T) { routertest.Promises(t, w) })
	}
}

// medium is a carrier under test.
type medium struct {
	name  string
	setup func(testing.TB) routertest.Setup
}

// carriers are those with a medium of their own; a further one is one line.
var carriers = slices.Concat([]medium{
	{"tcp", overTCP},
	{"tls", overTLS},
	{"unix", overUnix},
	{"quic", overQUIC},
	{"dtls", overDTLS},
	{"ws", overWS},
	{"wss", overWSS},
}, serialLines)

// TestCarriers runs all promises over each carrier, the quick ones with each
// codec.
func TestCarriers(t *testing.T) {
	t.Parallel()
	for _, c := range carriers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			routertest.Carrier(t, c.setup)
		})
	}
	t.Run("mem", func(t *testing.T) { routertest.Codecs(t, overMem) })
}

// TestFaultyCarriers runs over each carrier what must hold on a medium that is
// slow, stalls, and loses connections.
func TestFaultyCarriers(t *testing.T) {
	t.Parallel()
	for i, c := range carriers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			routertest.Faulty(t, c.setup, uint64(i))
		})
	}
	t.Run("mem", func(t *testing.T) { routertest.Faulty(t, overMem, 100) })
}

// TestTwoCarriers has the publisher on one carrier and the subscriber on another,
// each carrier at each end once; with GOSIG_PAIRS=all every two.
func TestTwoCarriers(t *testing.T) {
	t.Parallel()
	all := slices.Concat(carriers, []medium{{"mem", overMem}})
	for i, to := range all {
		for j, from := range all {
			if i == j || j != (i+len(all)-1)%len(all) && os.Getenv("GOSIG_PAIRS") != "all" {
				continue
			}
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				t.Parallel()
				routertest.Between(t, from.setup, to.setup)
			})
		}
	}
}

func overMem(testing.TB) routertest.Setup {
	network := []carrier.Carrier{mem.New()}
	return routertest.Setup{
		Carriers: network, Listen: "mem://:0",
		As: func(_ testing.TB, principal, addr string) ([]carrier.Carrier, string) {
			return network, addr + "?as=" + principal
		},
	}
}

func overTCP(testing.TB) routertest.Setup {
	return routertest.Setup{Carriers: []carrier.Carrier{tcp.New(nil)}, Listen: "tcp://127.0.0.1:0"}
}

func overUnix(t testing.TB) routertest.Setup {
	dir, err := os.MkdirTemp("", "gosig") // t.TempDir has names with a # in them, too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	n := atomic.Int32{}
	return routertest.Setup{
		Carriers: []carrier.Carrier{tcp.New(nil)},
		Another:  func() string { return "unix://" + filepath.Join(dir, fmt.Sprintf("%d.sock", n.Add(1))) },
	}
}

func overTLS(t testing.TB) routertest.Setup {
	ca := certstest.New(t, "CA")
	server := member(ca, "hub")
	return routertest.Setup{
		Carriers: []carrier.Carrier{tcp.New(&tcp.Options{Certificate: server, CAs: ca.Pool, ClientAuth: tcp.Verify})},
		Clients:  []carrier.Carrier{tcp.New(&tcp.Options{CAs: ca.Pool})},
		Listen:   "tls://127.0.0.1:0",
		As: func(_ testing.TB, principal, addr string) ([]carrier.Carrier, string) {
			client := member(ca, principal)
			return []carrier.Carrier{tcp.New(&tcp.Options{Certificate: client, CAs: ca.Pool})}, addr
		},
	}
}

func overQUIC(t testing.TB) routertest.Setup {
	ca := certstest.New(t, "CA")
	server := member(ca, "hub")
	return routertest.Setup{
		Carriers: []carrier.Carrier{quic.New(&quic.Options{Certificate: server, CAs: ca.Pool, ClientAuth: certs.Verify})},
		Clients:  []carrier.Carrier{quic.New(&quic.Options{CAs: ca.Pool})},
		Listen:   "quic://127.0.0.1:0",
		As: func(_ testing.TB, principal, addr string) ([]carrier.Carrier, string) {
			client := member(ca, principal)
			return []carrier.Carrier{quic.New(&quic.Options{Certificate: client, CAs: ca.Pool})}, addr
		},
	}
}

func overDTLS(testing.TB) routertest.Setup {
	keys := map[string][]byte{"hub": pskOf("hub")}
	for _, name := range []string{"cook", "thief"} {
		keys[name] = pskOf(name)
	}
	return routertest.Setup{
		Carriers: []carrier.Carrier{dtls.New(&dtls.Options{PSKs: keys})},
		Clients:  []carrier.Carrier{dtls.New(&dtls.Options{PSKs: keys, PSKIdentity: "hub"})},
		Listen:   "dtls://127.0.0.1:0",
		As: func(_ testing.TB, principal, addr string) ([]carrier.Carrier, string) {
			return []carrier.Carrier{dtls.New(&dtls.Options{PSKs: map[string][]byte{principal: pskOf(principal)}})}, addr
		},
	}
}

func overWS(testing.TB) routertest.Setup {
	return routertest.Setup{Carriers: []carrier.Carrier{ws.New(nil)}, Listen: "ws://127.0.0.1:0"}
}

func overWSS(t testing.TB) routertest.Setup {
	ca := certstest.New(t, "CA")
	server := member(ca, "hub")
	return routertest.Setup{
		Carriers: []carrier.Carrier{ws.New(&ws.Options{Certificate: server, CAs: ca.Pool, ClientAuth: certs.Verify})},
		Clients:  []carrier.Carrier{ws.New(&ws.Options{CAs: ca.Pool})},
		Listen:   "wss://127.0.0.1:0",
		As: func(_ testing.TB, principal, addr string) ([]carrier.Carrier, string) {
			client := member(ca, principal)
			return []carrier.Carrier{ws.New(&ws.Options{Certificate: client, CAs: ca.Pool})}, addr
		},
	}
}

// pskOf makes a key for a name.
func pskOf(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

// member issues a certificate for one name, for either side of a connection.
func member(ca *certstest.CA, name string) *tls.Certificate {
	return ca.Certificate(name, certstest.Loopback, certstest.URIs("spiffe://test/"+name))
}

// TestLossyEvents runs over QUIC, which has datagrams, through a bad network.
func TestLossyEvents(t *testing.T) {
	t.Parallel()
	t.Cleanup(awaitFlushed)
	routertest.LossyUDP(t, overQUIC, 7)
}

// awaitFlushed waits for QUIC connections that were closed: they go on for a moment to
// bring there what was sent, and through a bad network their words get lost.
func awaitFlushed() {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		stacks := make([]byte, 1<<20)
		if stacks = stacks[:runtime.Stack(stacks, true)]; !bytes.Contains(stacks, []byte("quic.(*link)")) {
			return
		}
	}
}
