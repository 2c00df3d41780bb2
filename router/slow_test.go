package router_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/router/routertest"
)

// slowOnes is a carrier whose conns say that they are slow, as a serial line does,
// and are not.
type slowOnes struct{ carrier.Carrier }

type slowOne struct{ carrier.Conn }

func (s slowOnes) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	conn, err := s.Carrier.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return slowOne{conn}, nil
}

func (c slowOne) Traits() carrier.Traits {
	t := c.Conn.Traits()
	t.Rate = 11520
	return t
}

// TestSlowClients: what clients keep until they know what is wanted breaks no promise.
func TestSlowClients(t *testing.T) {
	setup := func(testing.TB) routertest.Setup {
		network := mem.New()
		return routertest.Setup{
			Carriers: []carrier.Carrier{network}, Clients: []carrier.Carrier{slowOnes{network}}, Listen: "mem://:0",
		}
	}
	routertest.Promises(t, routertest.World{Setup: setup, Shape: routertest.Up, Senders: cbor.New()})
}
