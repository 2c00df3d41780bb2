package probe

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// plain reaches tcp:// and unix://.
func plain() []carrier.Carrier { return []carrier.Carrier{tcp.New(&tcp.Options{Logger: quiet})} }

func listen(t *testing.T, c carrier.Carrier, url string) string {
	reg := sig.New(nil)
	srv, err := router.NewServerRouter(reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{c}, Codecs: []codec.Codec{cbor.New()}, Name: "plant", Logger: quiet,
	})
	require.NoError(t, err)
	t.Cleanup(func() { srv.Close(); reg.Close() })
	addr, err := srv.Listen(t.Context(), url)
	require.NoError(t, err)
	return addr
}

func probed(t *testing.T, url string, carriers []carrier.Carrier) *Report {
	return Run(t.Context(), url, &Options{Carriers: carriers, Codecs: []string{"json", "cbor"}, Name: "prober"})
}

func TestRouters(t *testing.T) {
	network := mem.New()
	for _, row := range []struct {
		name, url, seen string
		carrier         carrier.Carrier
	}{
		{"tcp", "tcp://127.0.0.1:0", "", plain()[0]},
		{"unix", "unix://" + filepath.Join(t.TempDir(), "s"), "uid:", plain()[0]},
		{"mem", "mem://hub", "", network},
	} {
		t.Run(row.name, func(t *testing.T) {
			report := probed(t, listen(t, row.carrier, row.url), []carrier.Carrier{row.carrier})
			require.NoError(t, report.Err)
			assert.True(t, report.OK)
			require.Len(t, report.Steps, 6)
			hello := report.Steps[3].Hello
			assert.EqualValues(t, 1, hello.Version)
			assert.Equal(t, "cbor", hello.Codec, "the first of those offered that the router has")
			assert.Equal(t, "plant", hello.Router)
			assert.Contains(t, hello.Identity, row.seen)
			assert.Equal(t, []string{"held"}, hello.Features)
			assert.Equal(t, Limits{1 << 20, 128, 15_000, 256, 64 << 10}, hello.Limits)
			ping := report.Steps[4].Ping
			assert.Equal(t, 5, ping.Count)
			assert.Positive(t, ping.MinUS)
			assert.LessOrEqual(t, ping.MinUS, ping.MedianUS)
			for _, s := range report.Steps {
				assert.Contains(t, s.Text(), s.Step)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	ca, other := certstest.New(t, "CA"), certstest.New(t, "another CA")
	roots, others := ca.Pool, other.Pool
	cert := ca.Certificate("the\x1b[1mplant", certstest.Loopback, certstest.DNS("plant.example"))
	expired := other.Certificate("the old plant", certstest.Loopback, certstest.Expired)
	good := listen(t, tcp.New(&tcp.Options{Certificate: cert, Logger: quiet}), "tls://127.0.0.1:0")
	bad := listen(t, tcp.New(&tcp.Options{Certificate: expired, Logger: quiet}), "tls://127.0.0.1:0")
	with := func(o tcp.Options) []carrier.Carrier { o.Logger = quiet; return []carrier.Carrier{tcp.New(&o)} }

	t.Run("right CA", func(t *testing.T) {
		report := probed(t, good, with(tcp.Options{CAs: roots}))
		require.NoError(t, report.Err)
		s := report.Steps[2].Secure
		assert.Equal(t, "TLS 1.3", s.Protocol)
		assert.Equal(t, "gosig/1", s.ALPN)
		assert.NotEmpty(t, s.Cipher)
		assert.Equal(t, []string{"plant.example", "127.0.0.1"}, s.Certificate.Names)
		assert.Equal(t, "CN=CA", s.Certificate.Issuer)
		assert.Contains(t, s.Certificate.Subject, "the?[1mplant", "nothing that a terminal would obey")
		assert.Contains(t, report.Warnings[0], "expires in")
		assert.Contains(t, report.Steps[2].Text(), "for plant.example, 127.0.0.1")
	})
	for _, row := range []struct {
		name, url string
		opts      tcp.Options
		hint      string
	}{
		{"wrong CA", good, tcp.Options{CAs: others}, "--tls-ca"},
		{"expired", bad, tcp.Options{CAs: others}, "out of date"},
		{"another name", good, tcp.Options{CAs: roots, ServerName: "elsewhere.example"}, "--tls-name"},
	} {
		t.Run(row.name, func(t *testing.T) {
			report := probed(t, row.url, with(row.opts))
			require.Error(t, report.Err)
			assert.False(t, report.OK)
			assert.Equal(t, Secure, report.Failed)
			assert.Contains(t, report.Hint, row.hint)
			require.NotNil(t, report.Steps[2].Secure.Certificate, "the certificate that was refused is shown")
			assert.Contains(t, report.Steps[2].Text(), "CN=the")
		})
	}
}

// serve answers each connection to a TCP port.
func serve(t *testing.T, answer func(net.Conn)) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{}) // closed when the last connection has been answered
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			answer(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-ended })
	return "tcp://" + ln.Addr().String()
}

// fake answers HELLO, and whatever comes then with the next answers.
func fake(t *testing.T, answers ...[]byte) string {
	return serve(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		for _, a := range answers {
			if _, err := c.Read(buf); err != nil {
				return
			}
			_, _ = c.Write(carrier.AppendFrame(nil, a))
		}
		_, _ = io.Copy(io.Discard, c)
	})
}

func welcome(edit func(*wire.Welcome)) []byte {
	w := wire.Welcome{Version: 1, ID: wire.NodeID{1}, Codec: "cbor", Limits: wire.DefaultLimits}
	edit(&w)
	return w.Append(nil)
}

func TestPeersThatAreNoRouters(t *testing.T) {
	web := http.Server{Handler: http.NotFoundHandler()}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go web.Serve(ln) // ends with Close
	defer web.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed.Close()
	as := func(w *wire.Welcome) {}
	for _, row := range []struct {
		name, url, step, err, hint string
	}{
		{"no address", "nonsense", Resolve, "no scheme", ""},
		{"unknown host", "tcp://nowhere.invalid:1", Resolve, "nowhere.invalid", "spelt right"},
		{"no socket", "unix:///nonexistent/s", Resolve, "no such file", "start one with: gosig serve --listen unix:///nonexistent/s"},
		{"closed port", "tcp://" + closed.Addr().String(), Connect, "refused", "start one with"},
		{"web server", "tcp://" + ln.Addr().String(), Hello, "web server", ""},
		{"hangs up", serve(t, func(net.Conn) {}), Hello, "", "is it a gosig router"},
		{"older router says so", fake(t, wire.Abort{Code: uint16(sig.CodeVersion), Reason: "you speak 1 to 1,\x1b[2J I speak 0 to 0"}.Append(nil)), Hello, "I speak 0 to 0", "gosig version"},
		{"newer version chosen", fake(t, welcome(func(w *wire.Welcome) { w.Version = 9 })), Hello, "version", "gosig version"},
		{"codec not offered", fake(t, welcome(func(w *wire.Welcome) { w.Codec = "morse" })), Hello, `"morse"`, ""},
		{"no codec", fake(t, wire.Abort{Code: uint16(sig.CodeNoCodec)}.Append(nil)), Hello, "codec", "--codec"},
		{"answers with something else", fake(t, wire.Pong{}.Append(nil)), Hello, "PONG", ""},
		{"broken answer", fake(t, welcome(as)[:5]), Hello, "WELCOME", ""},
		{"ends behind the welcome", fake(t, welcome(as), wire.Goodbye{Code: uint16(sig.CodeClosed), Reason: "draining"}.Append(nil)), Ping, "draining", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			report := probed(t, row.url, plain())
			require.Error(t, report.Err)
			assert.Equal(t, row.step, report.Failed)
			assert.Contains(t, report.Error, row.err)
			assert.Contains(t, report.Hint, row.hint)
			assert.NotContains(t, report.Error, "\x1b", "nothing that a terminal would obey")
			last := report.Steps[len(report.Steps)-1]
			assert.Equal(t, row.step, last.Step)
			assert.Contains(t, last.Text(), "FAILED")
		})
	}
}

func TestSilence(t *testing.T) {
	quit := make(chan struct{})
	defer close(quit) // before the clean-up of serve, which waits for it
	addr := serve(t, func(net.Conn) { <-quit })
	report := Run(t.Context(), addr, &Options{Carriers: plain(), Codecs: []string{"cbor"}, Timeout: time.Second})
	assert.Equal(t, Hello, report.Failed)
	assert.ErrorIs(t, report.Err, context.DeadlineExceeded)
	assert.Equal(t, "no answer within 1s", report.Error)
	assert.Contains(t, report.Hint, "does not answer as a gosig router")
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := listen(t, plain()[0], "tcp://127.0.0.1:0")
	report := Run(ctx, addr, &Options{Carriers: plain(), Codecs: []string{"cbor"}, OnStep: func(s *Step) {
		if s.Step == Connect {
			cancel()
		}
	}})
	assert.ErrorContains(t, report.Err, "interrupted")
	assert.Equal(t, Hello, report.Failed)
}

// The router pings, and answers with a PONG of an earlier time: both are legal.
func TestRouterPings(t *testing.T) {
	addr := serve(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		_, _ = c.Read(buf)
		_, _ = c.Write(carrier.AppendFrame(nil, welcome(func(*wire.Welcome) {})))
		_, _ = c.Read(buf)
		for _, e := range [][]byte{wire.Ping{Nonce: 7}.Append(nil), wire.Pong{Nonce: 99}.Append(nil), wire.Pong{Nonce: 0}.Append(nil)} {
			_, _ = c.Write(carrier.AppendFrame(nil, e))
		}
		_, _ = io.Copy(io.Discard, c)
	})
	report := Run(t.Context(), addr, &Options{Carriers: plain(), Codecs: []string{"cbor"}, Pings: 1, Timeout: 3 * time.Second})
	require.Len(t, report.Steps, 6)
	assert.True(t, report.Steps[4].OK)
	assert.Equal(t, Goodbye, report.Failed, "it never said goodbye")
}

func TestParametersStayPrivate(t *testing.T) {
	report := probed(t, "tls://127.0.0.1:1?key=/secret/place", plain())
	require.Error(t, report.Err)
	b, err := json.Marshal(report)
	require.NoError(t, err)
	assert.NotContains(t, string(b), "/secret/place\"")
	assert.Equal(t, "tls://127.0.0.1:1", report.URL)
}

// TestFeatureNames: each has that of the protocol's page, and one that is not known
// yet its bit.
func TestFeatureNames(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/protocol.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(page), "### 4.4")
	section, _, _ = strings.Cut(section, "\n### ")
	rows := regexp.MustCompile(`(?m)^\| (\d+) \| ([a-z ]+) \|`).FindAllStringSubmatch(section, -1)
	require.Len(t, rows, len(features))
	for _, m := range rows {
		bit, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		assert.Equal(t, []string{m[2]}, featureNames(1<<bit))
	}
	assert.Equal(t, []string{"0x8000000000000000", "auth", "held"}, featureNames(wire.FeatureHeld|wire.FeatureAuth|1<<63))
}
