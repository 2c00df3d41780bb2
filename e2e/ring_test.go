package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// TestRing: three routers in a ring, each a process. One connection of the three
// is refused, with an error that says so at both ends of it, and what is left is
// a row that works (P12).
func TestRing(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c"}
	var addrs []string
	for _, name := range names {
		addrs = append(addrs, socket(t, name))
	}
	var all []*process
	for i, name := range names {
		all = append(all, serve(t, "--listen", addrs[i], "--uplink", addrs[(i+1)%3], "--name", name))
	}
	await(t, "the ring to be refused", func() bool {
		for _, p := range all {
			if strings.Contains(p.stderr.String(), "ring of routers: ") {
				return true
			}
		}
		return false
	})
	for _, p := range all {
		for _, l := range strings.Split(p.stderr.String(), "\n") {
			if strings.Contains(l, "ring of routers") {
				require.Regexp(t, `ring of routers: node \\+"[abc]\\+" \([0-9a-f]{8}\) already reaches node \\+"[abc]\\+" \([0-9a-f]{8}\) by node .*; remove one of the two connections`, l)
			}
		}
	}
	from, to := dial(t, "cbor", addrs[:1]), dial(t, "cbor", addrs[1:2])
	third := dial(t, "json", addrs[2:])
	heard, heard3 := follow(t, to, "ticker", nil), follow(t, third, "ticker", nil)
	k := count(t, from, "ticker", "cbor", paced, 2000)
	heard.whole(t, k.finished(t))
	heard3.whole(t, 2000)
}

// TestRingInOneProcess: the same with routers of this process, whose state says
// what is wrong as a value. The third connection comes last and is the one that
// is refused.
func TestRingInOneProcess(t *testing.T) {
	t.Parallel()
	var hubs []*hub
	for range 3 {
		hubs = append(hubs, listen(t, router.Limits{}, nil, "tcp://127.0.0.1:0"))
	}
	joinHub := func(i int) *router.ClientRouter {
		cr, err := router.NewClientRouter(hubs[i].Registry, hubs[(i+1)%3].addrs, &router.ClientOptions{
			Codecs: []codec.Codec{codecs["cbor"]}, Carriers: []carrier.Carrier{tcp.New(nil)}, Logger: silent, Name: fmt.Sprint("router-", i),
		})
		require.NoError(t, err)
		t.Cleanup(func() { _ = cr.Close() })
		return cr
	}
	for i := range 2 {
		require.NoError(t, joinHub(i).WaitConnected(patient(t)))
	}
	third := joinHub(2)
	await(t, "the third connection to be refused", func() bool { return third.State().Err != nil })
	require.ErrorIs(t, third.State().Err, sig.ErrRing)
	require.ErrorContains(t, third.State().Err, "ring of routers: ")
	require.ErrorContains(t, third.State().Err, "remove one of the two connections")
	require.NotEqual(t, router.Connected, third.State().Phase)

	own := listen(t, router.Limits{}, nil, "tcp://127.0.0.1:0")
	cr, err := router.NewClientRouter(own.Registry, own.addrs, &router.ClientOptions{
		Codecs: []codec.Codec{codecs["cbor"]}, Carriers: []carrier.Carrier{tcp.New(nil)}, Logger: silent,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = cr.Close() })
	await(t, "a router that joins itself to be refused", func() bool { return cr.State().Err != nil })
	require.ErrorIs(t, cr.State().Err, sig.ErrRing)
	require.ErrorContains(t, cr.State().Err, "leads back to node \"hub\"")
}
