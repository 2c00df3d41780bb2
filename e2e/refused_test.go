package e2e

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestUnreachable: nobody listens there.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	addr := fixedAddress(t)
	err := join(t, "cbor", []string{addr}, nil).refused(t)
	require.ErrorContains(t, err, "connection refused: is a router listening on "+addr)

	path := socket(t, "nobody")
	err = join(t, "cbor", []string{path}, nil).refused(t)
	require.ErrorContains(t, err, "is a router listening on "+path)

	c := join(t, "cbor", []string{addr}, func(o *router.ClientOptions) { o.MaxAttempts = 2 })
	err = c.router.WaitConnected(patient(t))
	require.ErrorContains(t, err, "connection refused", "giving up says why")
	require.Equal(t, router.Closed, c.router.State().Phase)
}

// TestCertificates: each way in which the certificates of the two sides do not
// fit, and honest clients beside all of them.
func TestCertificates(t *testing.T) {
	t.Parallel()
	ca, other := certstest.New(t, "CA"), certstest.New(t, "another CA")
	cert, key := ca.Server()
	wrongCert, wrongKey := ca.Issue("elsewhere", certstest.DNS("router.example"))
	plain := serve(t, "--listen", "tls://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	mutual := serve(t, "--listen", "tls://127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--tls-ca", ca.File)
	elsewhere := serve(t, "--listen", "tls://127.0.0.1:0", "--tls-cert", wrongCert, "--tls-key", wrongKey)
	mine := clientPair(ca, "plant/kitchen")

	beside := honest(t, plain.addrs[0]+"?ca="+ca.File)
	besideMutual := honest(t, mutual.addrs[0]+"?ca="+ca.File+"&"+mine)
	for _, c := range []struct {
		name, addr, says string
		log              string // of the server; "" if it cannot know
		server           *process
	}{
		{
			"certificate of another host", elsewhere.addrs[0] + "?ca=" + ca.File,
			"cannot validate certificate for 127.0.0.1", "bad certificate", elsewhere,
		},
		{
			"certificate of another CA", plain.addrs[0] + "?ca=" + other.File,
			"certificate signed by unknown authority", "bad certificate", plain,
		},
		{
			"client certificate missing", mutual.addrs[0] + "?ca=" + ca.File,
			"certificate required", "client didn't provide a certificate", mutual,
		},
		{
			"client certificate of another CA", mutual.addrs[0] + "?ca=" + ca.File + "&" + clientPair(other, "plant/kitchen"),
			"unknown certificate authority", "certificate signed by unknown authority", mutual,
		},
		{
			"plain-text client on the TLS port", "tcp://" + strings.TrimPrefix(plain.addrs[0], "tls://"),
			"the peer speaks TLS and this address is tcp://: use tls:// on both sides, or on neither",
			"the peer does not speak TLS: use tls:// on both sides, or tcp:// on both", plain,
		},
		{
			"TLS client on the plain port", "tls://" + strings.TrimPrefix(plain.addrs[1], "tcp://") + "?ca=" + ca.File,
			"the peer does not speak TLS", "the peer speaks TLS and this address is tcp://: use tls:// on both sides, or on neither", plain,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := join(t, "cbor", []string{c.addr}, nil).refused(t)
			require.ErrorContains(t, err, c.says)
			c.server.logged(c.log)
		})
	}
	beside.unharmed(t)
	besideMutual.unharmed(t)
}

// TestNameTaken: the second claimant learns whose the name is, the first does
// not notice (P10).
func TestNameTaken(t *testing.T) {
	t.Parallel()
	p := serve(t, "--listen", "tcp://127.0.0.1:0")
	beside := honest(t, p.addrs[0])
	thief := dial(t, "cbor", p.addrs)
	thief.knows(t, "honest")
	_, err := thief.Connect("honest", sig.Spec{Events: []sig.Name{"n"}})
	require.ErrorIs(t, err, sig.ErrNameTaken)
	require.ErrorContains(t, err, `name taken: "honest"`)

	// One that claims the name before it can know of the other.
	early := join(t, "cbor", p.addrs, nil)
	s, err := early.Connect("honest", sig.Spec{Events: []sig.Name{"n"}})
	if err == nil {
		select {
		case <-s.Done():
		case <-patient(t).Done():
			t.Fatal("nobody has told it that the name is taken")
		}
		err = s.Err()
		require.ErrorIs(t, s.Emit("n", 1), sig.ErrNotConnected)
	}
	require.ErrorIs(t, err, sig.ErrNameTaken)
	beside.unharmed(t)
	require.NoError(t, beside.counter.sender.Err())
}

// TestNoCommonCodec: the error names what each side has.
func TestNoCommonCodec(t *testing.T) {
	t.Parallel()
	p := serve(t, "--listen", "tcp://127.0.0.1:0", "--codec", "json", "--codec", "cbor")
	beside := honest(t, p.addrs[0])
	err := join(t, "raw", p.addrs, nil).refused(t)
	require.ErrorIs(t, err, sig.ErrNoCodec)
	require.ErrorContains(t, err, "no common codec: the client has raw, the server json, cbor")
	p.logged("no common codec")
	beside.unharmed(t)
}

// TestNoCommonVersion: a client from the future learns what this server speaks,
// and a client of today what a server from the future does.
func TestNoCommonVersion(t *testing.T) {
	t.Parallel()
	p := serve(t, "--listen", "tcp://127.0.0.1:0")
	beside := honest(t, p.addrs[0])
	future := callRaw(t, p.addrs[0])
	h := hello()
	h.MinVersion, h.MaxVersion = 7, 9
	future.write(carrier.AppendFrame(nil, append(h.Append(nil), "what only version 7 has"...)))
	code, reason := future.lastWord()
	require.Equal(t, wire.CodeVersion, code)
	require.Equal(t, "HELLO: versions: you speak 7 to 9, I speak 1 to 1", reason)
	p.logged("no common version")
	beside.unharmed(t)

	addr := fakeServer(t, wire.Abort{Code: wire.CodeVersion, Reason: "I speak 7 to 9"}, nil)
	err := join(t, "cbor", []string{addr}, nil).refused(t)
	require.ErrorIs(t, err, sig.ErrVersion)
	require.ErrorContains(t, err, "I speak 7 to 9")

	last := make(chan uint16, 1)
	addr = fakeServer(t, wire.Welcome{Version: 7, ID: wire.NodeID{1}, Codec: "cbor"}, last)
	err = join(t, "cbor", []string{addr}, nil).refused(t)
	require.ErrorIs(t, err, sig.ErrVersion, "the server chose a version that was not offered")
	require.Equal(t, wire.CodeVersion, <-last, "protocol.md §4.2: the client says why it goes")
}

// TestNotARouter: what answers is something else, or says nothing.
func TestNotARouter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, says string
		answer     envelope
	}{
		{"it speaks HTTP", "is it a gosig router", noise("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")},
		{"it hangs up", "is it a gosig router", nil},
		{"it says nothing", "no answer to the handshake; is it a gosig router", noise("")},
		{"it says half of something", "no answer to the handshake; is it a gosig router", noise("\x00\x00\x00\x30\x02")},
		{"it answers with a PING", "it answered with PING", wire.Ping{Nonce: 1}},
		{"it answers with noise", "it answered with reserved type 31", noise("\x00\x00\x00\x01\xff")},
		{"its codec was not offered", `chose codec "klingon"`, wire.Welcome{Version: 1, ID: wire.NodeID{1}, Codec: "klingon"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr := fakeServer(t, c.answer, nil)
			err := join(t, "cbor", []string{addr}, func(o *router.ClientOptions) { o.Limits.Handshake = 2 * quick }).refused(t)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, addr, "the error names the address")
		})
	}
}

// noise is sent as it is, without the length that makes a frame of them.
type noise string

func (b noise) Append(dst []byte) []byte { return append(dst, b...) }

// fakeServer listens until the test ends. It answers each HELLO with what is
// given, nil: by hanging up, and tells the code of the last word of each client.
func fakeServer(t *testing.T, answer envelope, last chan<- uint16) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return // the test has ended
			}
			all.Go(func() {
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				defer conn.Close()
				s := newStranger(t, conn)
				_, err := s.read()
				switch b, ok := answer.(noise); {
				case err != nil || answer == nil:
					return
				case ok:
					_, err = conn.Write([]byte(b))
				default:
					_, err = conn.Write(framed(answer))
				}
				if err != nil {
					return // the client did not wait for it
				}
				code, _, _ := s.readLast()
				select {
				case last <- code:
				default: // nobody asks, or it has tried again
				}
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		ln.Close()
		all.Wait()
	})
	return "tcp://" + ln.Addr().String()
}
