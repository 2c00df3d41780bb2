package mem_test

import (
	"testing"

	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/mem"
)

func TestConformance(t *testing.T) {
	carriertest.Test(t, carriertest.Subject{
		Carrier: mem.New(),
		Listen:  func(testing.TB) string { return "mem://:0" },
	})
}
