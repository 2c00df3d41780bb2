package quic_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/quic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	carriertest.Test(t, carriertest.Subject{
		Carrier: quic.New(&quic.Options{CAFile: ca.File}),
		Listen: func(testing.TB) string {
			return "quic://127.0.0.1:0?client_auth=none&" + certstest.Pair(cert, key)
		},
	})
}

func TestConformanceMutual(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	mine, mineKey := ca.Issue("me", certstest.DNS("me.example"))
	carriertest.Test(t, carriertest.Subject{
		Carrier: quic.New(&quic.Options{CAFile: ca.File, CertFile: cert, KeyFile: key}),
		Dialer:  quic.New(&quic.Options{CAFile: ca.File, CertFile: mine, KeyFile: mineKey}),
		Listen:  func(testing.TB) string { return "quic://127.0.0.1:0" },
	})
}
