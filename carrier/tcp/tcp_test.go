package tcp_test

import (
	"path/filepath"
	"testing"

	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/tcp"
)

func TestConformanceTCP(t *testing.T) {
	carriertest.Test(t, carriertest.Subject{
		Carrier: tcp.New(nil),
		Listen:  func(testing.TB) string { return "tcp://127.0.0.1:0" },
	})
}

func TestConformanceUnix(t *testing.T) {
	carriertest.Test(t, carriertest.Subject{
		Carrier: tcp.New(nil),
		Listen:  func(t testing.TB) string { return "unix://" + filepath.Join(t.TempDir(), "s") },
	})
}
