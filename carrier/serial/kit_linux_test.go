package serial_test

import (
	"testing"
	"time"

	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/serialtest"
)

// TestConformance runs the kit over pairs of pseudo-terminals, as fast as they
// go.
func TestConformance(t *testing.T) {
	n := serialtest.New(t, &serial.Options{MaxMessage: 64 << 10, HandshakeTimeout: time.Second}, nil)
	carriertest.Test(t, carriertest.Subject{
		Carrier: n.Server, Dialer: n.Client,
		Listen:  func(testing.TB) string { return n.Listen() },
		Options: carriertest.Options{Bytes: 400_000},
	})
}
