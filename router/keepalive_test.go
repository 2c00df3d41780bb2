package router_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/wire"
)

// TestKeepaliveWithinReason: a peer may ask for less than this side's, but not
// for a storm of pings.
func TestKeepaliveWithinReason(t *testing.T) {
	for _, row := range []struct {
		name   string
		own    time.Duration
		theirs uint32 // ms
		most   int    // pings in 10 s
	}{
		{"a storm", 15 * time.Second, 1, 10},
		{"two seconds", 15 * time.Second, 2000, 5},
		{"this side's own", 100 * time.Millisecond, 1, 100},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHubOn(t, t.Context(), mem.New(), "hub", router.Limits{Keepalive: row.own})
				g := h.guest(wire.Hello{Limits: wire.Limits{KeepaliveMS: row.theirs}})
				time.Sleep(10 * time.Second)
				pings := 0
				for _, got := range g.round() {
					if got == wire.TypePing {
						pings++
					}
				}
				require.LessOrEqual(t, pings, row.most)
				require.GreaterOrEqual(t, pings, row.most/2)
				g.conn.Close()
				require.NoError(t, h.srv.Close())
			})
		})
	}
}
