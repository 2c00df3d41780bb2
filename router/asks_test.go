package router_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestChangesOfMindTowardsAServer: subscribing and unsubscribing all the time, to the
// same or to this and that, fills no buffer of a connection to a server that does not
// read. What the server has been told before a barrier is what holds, never twice, and
// what was subscribed to throughout is never taken back (P8, protocol.md §7.1).
func TestChangesOfMindTowardsAServer(t *testing.T) {
	const times = 20_000
	for name, pattern := range map[string]func(i int) sig.Pattern{
		"the same":      func(int) sig.Pattern { return sig.Pattern{Sender: "kitchen", Event: "temp"} },
		"always others": func(i int) sig.Pattern { return sig.Pattern{Sender: sig.Name(fmt.Sprint("kitchen", i)), Event: "temp"} },
		"some of many": func(int) sig.Pattern {
			return sig.Pattern{Sender: "kitchen", Event: sig.Name(fmt.Sprint("e", rand.IntN(300)))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeerOf(t, router.ClientOptions{Limits: router.Limits{WriteTimeout: patience}})
			p.send(p.welcome())
			var first wire.Sync // of the connection's beginning
			require.NoError(t, first.Decode(p.await(wire.TypeSync)))
			p.send(wire.Synced(first))
			p.round()
			subscribe := func(x sig.Pattern) *sig.Subscription {
				sub, err := sig.Subscribe(p.reg, x.Sender, x.Event, func(sig.Event) {}, &sig.SubscribeOptions{Lossy: rand.IntN(2) == 0})
				require.NoError(t, err)
				return sub
			}
			stays := sig.Pattern{Sender: "stays", Event: "e"}
			holds := map[sig.Pattern]*sig.Subscription{stays: subscribe(stays)}
			most := 0
			for i := range times { // the server does not read
				x := pattern(i)
				if sub := holds[x]; sub != nil {
					sub.Unsubscribe()
					delete(holds, x)
					continue
				}
				holds[x] = subscribe(x)
				if name == "always others" {
					holds[x].Unsubscribe()
					delete(holds, x)
				}
				most = max(most, p.cr.Stats().Outbound)
			}
			require.Less(t, most, 64<<10)
			inForce := make(chan error, 1)
			go func() { inForce <- holds[stays].InForce(p.ctx) }()
			told := map[sig.Pattern]bool{}
			for synced := false; !synced; {
				frame := p.next()
				var on wire.Subscribe
				var off wire.Unsubscribe
				var sync wire.Sync
				switch {
				case on.Decode(frame) == nil:
					x := sig.Pattern{Sender: sig.Name(on.Sender), Event: sig.Name(on.Event)}
					require.False(t, told[x], "%v twice", x)
					told[x] = true
				case off.Decode(frame) == nil:
					x := sig.Pattern{Sender: sig.Name(off.Sender), Event: sig.Name(off.Event)}
					require.NotEqual(t, stays, x)
					require.True(t, told[x], "%v was not asked for", x)
					delete(told, x)
				case sync.Decode(frame) == nil:
					p.send(wire.Synced(sync))
					synced = true
				}
			}
			require.NoError(t, receive(t, p.ctx, inForce))
			require.Len(t, told, len(holds))
			for x := range holds {
				require.True(t, told[x], "%v", x)
			}
		})
	}
}
