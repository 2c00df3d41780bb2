package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/quic"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
)

// wired are the carriers of a client: all that leave a process.
func wired() []carrier.Carrier {
	return []carrier.Carrier{
		tcp.New(&tcp.Options{Logger: silent}), quic.New(&quic.Options{Logger: silent}),
		dtls.New(&dtls.Options{Logger: silent}), ws.New(&ws.Options{Logger: silent}),
		serial.New(&serial.Options{Logger: silent}),
	}
}

// medium is where one process listens by one carrier.
type medium struct {
	scheme string
	addr   string // with what a client needs
}

// patientLimits are for a busy machine: there is no peer to give up on.
const patientLimits = `
[limits]
write = "1m"
sync = "1m"
`

// serveEverywhere starts one "gosig serve" that listens on every carrier.
func serveEverywhere(t testing.TB) []medium {
	t.Helper()
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	keys := filepath.Join(t.TempDir(), "keys.psk")
	require.NoError(t, os.WriteFile(keys, []byte("device:000102030405060708090a0b0c0d0e0f\n"), 0o600))
	args := append(configured(t, patientLimits), "--tls-cert", cert, "--tls-key", key, "--psk-file", keys)
	for _, addr := range []string{
		"tcp://127.0.0.1:0", "tls://127.0.0.1:0", socket(t, "router"), "quic://127.0.0.1:0",
		"dtls://127.0.0.1:0", "ws://127.0.0.1:0", "wss://127.0.0.1:0",
	} {
		args = append(args, "--listen", addr)
	}
	var all []medium
	for _, addr := range serve(t, args...).addrs {
		scheme, _, _ := strings.Cut(addr, "://")
		switch scheme {
		case "tls", "quic", "wss":
			addr += "?" + url.Values{"ca": {ca.File}}.Encode()
		case "dtls":
			addr += "?" + url.Values{"psk_file": {keys}}.Encode()
		}
		all = append(all, medium{scheme, addr})
	}
	return all
}

// clientPair issues a certificate that names a client, and returns it as
// parameters of an address.
func clientPair(ca *certstest.CA, id string) string {
	return certstest.Pair(ca.Issue("client", certstest.URIs("sig:"+id)))
}

// resident is a client on one carrier: it counts, answers, and hears everybody.
type resident struct {
	*client
	medium
	codec   codec.ID
	name    sig.Name
	counter *counter
	stories map[sig.Name]*story // of the others
}

func settle(t *testing.T, m medium, c codec.ID) *resident {
	r := &resident{client: dial(t, c, []string{m.addr}), medium: m, codec: c, name: sig.Name("at/" + m.scheme), stories: map[sig.Name]*story{}}
	echo := func(_ context.Context, q string) (string, error) { return q + ", answered by " + m.scheme, nil }
	r.counter = &counter{sender: r.connect(t, r.name, sig.Spec{
		Events:   []sig.Name{"n"},
		Requests: map[sig.Name]sig.RequestHandler{"echo": sig.Handle(echo)},
	})}
	return r
}

// TestEveryCarrierAtOnce: one router process, one client on each of its carriers.
// All emit at the same time, as fast as they may, and each hears every other,
// complete and in order. Then each asks each.
func TestEveryCarrierAtOnce(t *testing.T) {
	t.Parallel()
	const events = 1000
	var all []*resident
	for i, m := range serveEverywhere(t) {
		all = append(all, settle(t, m, []codec.ID{"json", "cbor"}[i%2]))
	}
	require.Len(t, all, 7)
	others(all, func(r, other *resident) {
		r.knows(t, other.name)
		r.stories[other.name] = follow(t, r.client, other.name, nil)
	})
	for _, r := range all {
		r.counter.start(t, r.codec, heldBack, events)
	}
	for _, r := range all {
		assert.EqualValues(t, events, r.counter.finished(t), r.scheme)
	}
	others(all, func(r, other *resident) {
		r.stories[other.name].whole(t, events)
		if t.Failed() {
			t.Fatalf("that was what %s heard of %s", r.scheme, other.scheme)
		}
	})
	askEachOther(t, all)
}

// askEachOther lets each client ask each other one at the same time.
func askEachOther(t *testing.T, all []*resident) {
	var wg sync.WaitGroup
	others(all, func(r, other *resident) {
		wg.Go(func() { // ends with the answer, or when the test's patience is over
			q := fmt.Sprintf("asked by %s", r.scheme)
			got, err := sig.Call[string](patient(t), r.Registry, other.name, "echo", q)
			assert.NoError(t, err)
			assert.Equal(t, q+", answered by "+other.scheme, got)
		})
	})
	wg.Wait()
}

// others calls f for each client with each other one.
func others(all []*resident, f func(r, other *resident)) {
	for _, r := range all {
		for _, other := range all {
			if other != r {
				f(r, other)
			}
		}
	}
}
