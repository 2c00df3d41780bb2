package main

import (
	"path/filepath"
	"testing"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/router/routertest"
)

// TestConformance runs what every carrier must pass.
func TestConformance(t *testing.T) {
	carriertest.Test(t, carriertest.Subject{
		Carrier: spool{},
		Listen:  func(t testing.TB) string { return "spool://" + filepath.ToSlash(t.TempDir()) },
		Options: carriertest.Options{Bytes: 200_000}, // a file for each Send takes its time
	})
}

// TestPromises runs what gosig promises its users, over this carrier.
func TestPromises(t *testing.T) {
	routertest.Carrier(t, setup)
}

// TestFaulty runs what must hold when connections are slow and get lost.
func TestFaulty(t *testing.T) {
	routertest.Faulty(t, setup, 1)
}

func setup(t testing.TB) routertest.Setup {
	return routertest.Setup{
		Carriers: []carrier.Carrier{spool{}},
		Another:  func() string { return "spool://" + filepath.ToSlash(t.TempDir()) },
	}
}

// Example has the program checked as well.
func Example() {
	main()
	// Output:
	// lathe done: 12 pieces
	// status: idle
}
