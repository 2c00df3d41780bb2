package quic_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/quic"
)

// moving is how many frames go each way while the client moves.
const moving = 30_000

// TestMigrate: the client moves to other addresses under load, both ways, and
// nothing is lost, doubled or swapped.
func TestMigrate(t *testing.T) {
	w := newWorld(t, nil)
	client, server := w.pair(t, w.ln.Addr())
	underLoad(t, client, server, func(ctx context.Context) {
		for _, local := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.1", "127.0.0.4"} {
			require.NoError(t, client.Migrate(ctx, local+":0"))
			require.Eventually(t, func() bool { return strings.HasPrefix(quic.PeerAddr(server), local+":") },
				patience, time.Millisecond, "the router sends to the new address")
		}
	})
}

// TestMigrateFails: a move that fails changes nothing.
func TestMigrateFails(t *testing.T) {
	w := newWorld(t, nil)
	client, server := w.pair(t, w.ln.Addr())
	underLoad(t, client, server, func(ctx context.Context) {
		assert.ErrorContains(t, client.Migrate(ctx, "192.0.2.1:0"), "migrate to 192.0.2.1:0")
		ended, cancel := context.WithCancel(ctx)
		cancel()
		assert.ErrorIs(t, client.Migrate(ended, "127.0.0.2:0"), context.Canceled)
		assert.ErrorContains(t, server.Migrate(ctx, "127.0.0.2:0"), "only the side that dialled")
	})
}

// TestAddressChangesOnTheWay: the router sees another address of the client all
// of a sudden, as behind a NAT or when the host's network changes.
func TestAddressChangesOnTheWay(t *testing.T) {
	w := newWorld(t, nil)
	p := &path{}
	client, server := w.pair(t, p.open(t, w.ln))
	underLoad(t, client, server, func(context.Context) {
		p.rebind(t)
		p.rebind(t)
	})
}

// underLoad calls move in the middle of traffic both ways, and wants all of it
// to arrive.
func underLoad(t *testing.T, client, server carrier.Conn, move func(context.Context)) {
	ctx := patient(t)
	third := make(chan struct{}) // closed when a third of the frames has come
	var all []<-chan error
	for _, way := range []struct{ from, to carrier.Conn }{{client, server}, {server, client}} {
		all = append(all,
			background(func() error { return sendNumbered(ctx, way.from, moving, 200) }),
			background(func() error {
				return receiveNumbered(ctx, way.to, moving, func(i int) {
					if way.to == server && i == moving/3 {
						close(third)
					}
				})
			}))
	}
	select {
	case <-third:
		move(ctx)
	case <-ctx.Done():
	}
	for _, done := range all {
		require.NoError(t, <-done)
	}
}

// TestLoss: a path that loses packets costs time, and nothing else.
func TestLoss(t *testing.T) {
	for _, c := range []struct {
		loss   float64
		frames int
	}{{0.05, 5000}, {0.2, 1000}} {
		t.Run(fmt.Sprint(c.loss), func(t *testing.T) {
			w := newWorld(t, nil)
			p := &path{loss: c.loss, delay: 2 * time.Millisecond}
			client, server := w.pair(t, p.open(t, w.ln))
			ctx := patient(t)
			for _, way := range []struct{ from, to carrier.Conn }{{client, server}, {server, client}} {
				sent := background(func() error { return sendNumbered(ctx, way.from, c.frames, 100) })
				require.NoError(t, receiveNumbered(ctx, way.to, c.frames, nil))
				require.NoError(t, <-sent)
			}
		})
	}
}
