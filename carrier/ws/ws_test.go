package ws_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	carriertest.Test(t, carriertest.Subject{
		Carrier: ws.New(atLeisure(nil)),
		Listen:  func(testing.TB) string { return "ws://127.0.0.1:0" },
		Options: carriertest.Options{CancelBreaks: true},
	})
}

func TestConformanceTLS(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	carriertest.Test(t, carriertest.Subject{
		Carrier: ws.New(atLeisure(&ws.Options{CAFile: ca.File})),
		Listen: func(testing.TB) string {
			return "wss://127.0.0.1:0/signals?client_auth=none&" + certstest.Pair(cert, key)
		},
		Options: carriertest.Options{CancelBreaks: true},
	})
}

// atLeisure are options with a limit for handshakes that no machine reaches because it
// is busy, but for one that a test has chosen.
func atLeisure(opts *ws.Options) *ws.Options {
	var o ws.Options
	if opts != nil {
		o = *opts
	}
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, time.Minute)
	return &o
}

func newSet(t testing.TB, opts *ws.Options) *carrier.Set {
	set, err := carrier.NewSet(ws.New(atLeisure(opts)))
	require.NoError(t, err)
	return set
}
