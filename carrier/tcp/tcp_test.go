package tcp_test

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformanceTCP(t *testing.T) {
	carriertest.Test(t, carriertest.Subject{
		Carrier: tcp.New(atLeisure(nil)),
		Listen:  func(testing.TB) string { return "tcp://127.0.0.1:0" },
	})
}

func TestConformanceTLS(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	carriertest.Test(t, carriertest.Subject{
		Carrier: tcp.New(atLeisure(&tcp.Options{CAFile: ca.File})),
		Listen: func(testing.TB) string {
			return "tls://127.0.0.1:0?client_auth=none&" + certstest.Pair(cert, key)
		},
	})
}

func TestConformanceMutualTLS(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	myCert, myKey := ca.Issue("me", certstest.DNS("me.example"))
	carriertest.Test(t, carriertest.Subject{
		Carrier: tcp.New(atLeisure(&tcp.Options{CAFile: ca.File, CertFile: cert, KeyFile: key, AllowTLS12: true})),
		Dialer:  tcp.New(atLeisure(&tcp.Options{CAFile: ca.File, CertFile: myCert, KeyFile: myKey})),
		Listen:  func(testing.TB) string { return "tls://127.0.0.1:0" },
	})
}

func TestConformanceUnix(t *testing.T) {
	carriertest.Test(t, carriertest.Subject{
		Carrier: tcp.New(atLeisure(nil)),
		Listen:  func(t testing.TB) string { return "unix://" + filepath.Join(t.TempDir(), "s") },
	})
}

func TestAddresses(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	ok := certstest.Pair(cert, key)
	none := filepath.Join(t.TempDir(), "none")
	long := filepath.Join(t.TempDir(), fmt.Sprintf("%0120d", 0))
	for _, c := range []struct {
		name, addr string
		listen     bool
		want       string
	}{
		{"no port", "tcp://127.0.0.1", false, "names no port: write tcp://host:port"},
		{"path", "tcp://127.0.0.1:1/x", false, "has a path"},
		{"parameter of tls on tcp", "tcp://127.0.0.1:1?ca=x", false, `unknown parameter "ca"; tcp:// takes none`},
		{"unknown", "tls://127.0.0.1:1?cart=x", false, `unknown parameter "cart"; tls:// knows ca, cert, key, server_name, min_tls`},
		{"listener's parameter when dialling", "tls://127.0.0.1:1?client_auth=none", false, `unknown parameter "client_auth"`},
		{"twice", "tls://127.0.0.1:1?ca=x&ca=y", false, `parameter "ca" is given 2 times`},
		{"bad query", "tls://127.0.0.1:1?ca=%zz", false, "cannot be read"},
		{"cert without key", "tls://127.0.0.1:1?cert=x", false, "give both cert and key"},
		{"no such CA file", "tls://127.0.0.1:1?ca=" + none, false, "no such file"},
		{"CA file without certificate", "tls://127.0.0.1:1?ca=" + key, false, "holds no certificate in PEM"},
		{"key of another certificate", "tls://127.0.0.1:1?" + certstest.Pair(ca.File, key), false, "private key does not match public key"},
		{"version", "tls://127.0.0.1:1?min_tls=1.1", false, "is not one of 1.2, 1.3"},
		{"nobody listens", "tcp://127.0.0.1:1", false, "connection refused: is a router listening on tcp://127.0.0.1:1?"},
		{"no such host", "tcp://no-such-host.invalid:1", false, "no-such-host.invalid"},
		{"listener without certificate", "tls://127.0.0.1:0", true, "give cert=FILE and key=FILE"},
		{"client_auth without CA", "tls://127.0.0.1:0?client_auth=require&" + ok, true, "needs the CA of the clients"},
		{"client_auth misspelt", "tls://127.0.0.1:0?client_auth=always&" + ok, true, "is not one of none, verify, require"},
		{"not of this machine", "tcp://192.0.2.1:0", true, "is no address of this machine"},
		{"two slashes", "unix://tmp/s", true, "write unix:///absolute/path"},
		{"mode", "unix:///tmp/s?mode=rw", true, "is no file mode"},
		{"long path", "unix://" + long, true, "is too long for a socket"},
		{"no such folder", "unix://" + none + "/s", true, "no such file or directory"},
		{"no socket", "unix://" + none, false, "is a router listening on unix://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := newSet(t, nil)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var err error
			if c.listen {
				_, err = set.Listen(ctx, c.addr)
			} else {
				_, err = set.Dial(ctx, c.addr)
			}
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestAddressInUse(t *testing.T) {
	set := newSet(t, nil)
	ln, err := set.Listen(t.Context(), "tcp://127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	_, err = set.Listen(t.Context(), ln.Addr())
	assert.ErrorContains(t, err, "is in use: is another router running there?")
}

func TestDialEndsWithItsContext(t *testing.T) {
	set := newSet(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := set.Dial(ctx, "tcp://192.0.2.1:7440") // documentation only: nobody answers
	require.Error(t, err)
}

// atLeisure are options with a limit for handshakes that no machine reaches because it
// is busy, but for one that a test has chosen.
func atLeisure(opts *tcp.Options) *tcp.Options {
	var o tcp.Options
	if opts != nil {
		o = *opts
	}
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, time.Minute)
	return &o
}

func newSet(t testing.TB, opts *tcp.Options) *carrier.Set {
	set, err := carrier.NewSet(tcp.New(atLeisure(opts)))
	require.NoError(t, err)
	return set
}
