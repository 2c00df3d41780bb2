package router_test

import (
	"testing"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/carrier/serial/serialtest"
	"github.com/gosig/gosig/router/routertest"
)

// serialLines are the link over pairs of pseudo-terminals: as they are, and with
// one bit of 100,000 damaged.
var serialLines = []medium{
	{"serial", overSerial(linesim.Damage{})},
	{"serial, noisy", overSerial(linesim.Damage{BitErrors: 1e-5})},
}

func overSerial(damage linesim.Damage) func(testing.TB) routertest.Setup {
	return func(t testing.TB) routertest.Setup {
		n := serialtest.New(t, nil, &linesim.LineOptions{Damage: damage, Seed: 1})
		return routertest.Setup{
			Carriers: []carrier.Carrier{n.Server}, Clients: []carrier.Carrier{n.Client}, Another: n.Listen,
		}
	}
}
