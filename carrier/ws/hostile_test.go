package ws_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/ws"
)

// TestMessages: what arrives behind a right handshake, and what Receive makes
// of it.
func TestMessages(t *testing.T) {
	good := batch("good")
	status := func(code uint16, reason string) []byte {
		return wsFrame(final|opClose, append(binary.BigEndian.AppendUint16(nil, code), reason...))
	}
	for _, c := range []struct {
		name  string
		sent  []byte
		ends  bool   // the peer ends its side then
		batch []byte // what is received before the error
		err   error  // nil: no error
		text  string // in the error
	}{
		{name: "one frame", sent: message(good), batch: good},
		{name: "several frames", sent: message(batch("good", "better")), batch: batch("good", "better")},
		{name: "fragments", sent: join(wsFrame(opBinary, good[:3]), wsFrame(opContinuation, good[3:6]), wsFrame(final, good[6:])), batch: good},
		{name: "empty fragments", sent: join(wsFrame(opBinary, nil), wsFrame(opContinuation, good), wsFrame(final, nil)), batch: good},
		{name: "ping between fragments", sent: join(wsFrame(opBinary, good[:3]), wsFrame(final|opPing, []byte("x")), wsFrame(final, good[3:])), batch: good},

		{name: "text", sent: wsFrame(final|opText, good), err: carrier.ErrProtocol, text: "a text message; gosig's are binary"},
		{name: "text after a good one", sent: join(message(good), wsFrame(final|opText, good)), batch: good, err: carrier.ErrProtocol},
		{name: "no frame", sent: message(nil), err: carrier.ErrProtocol, text: "a message without a frame"},
		{name: "part of a length", sent: message(good[:3]), err: carrier.ErrProtocol, text: "a message ends within a frame"},
		{name: "part of a frame", sent: message(good[:6]), err: carrier.ErrProtocol, text: "a message ends within a frame"},
		{name: "part of the second frame", sent: message(append(batch("good"), good[:7]...)), batch: good, err: carrier.ErrProtocol, text: "a message ends within a frame"},
		{name: "frame of length 0", sent: message(join(good, []byte{0, 0, 0, 0})), batch: good, err: carrier.ErrProtocol},
		{name: "frame over the limit", sent: message(batch(strings.Repeat("x", 4097))), err: carrier.ErrFrameTooLarge, text: "4097 bytes, the limit is 4096"},
		{name: "frame over the limit, declared", sent: join(wsHeader(final|opBinary, 1<<40), []byte{0xff, 0xff, 0xff, 0xff}, make([]byte, 8<<10)), err: carrier.ErrFrameTooLarge},
		{name: "message of 2^63 bytes", sent: wsHeader(final|opBinary, 1<<63), err: carrier.ErrProtocol, text: "negative payload length"},

		{name: "not masked", sent: append([]byte{final | opBinary, byte(len(good))}, good...), err: carrier.ErrProtocol, text: "unmasked"},
		{name: "compressed", sent: wsFrame(final|0x40|opBinary, good), err: carrier.ErrProtocol, text: "rsv"},
		{name: "unknown opcode", sent: wsFrame(final|3, good), err: carrier.ErrProtocol, text: "opcode"},
		{name: "continuation of nothing", sent: wsFrame(final|opContinuation, good), err: carrier.ErrProtocol, text: "continuation"},
		{name: "message within a message", sent: join(wsFrame(opBinary, good[:3]), message(good)), err: carrier.ErrProtocol},
		{name: "fragmented ping", sent: wsFrame(opPing, nil), err: carrier.ErrProtocol, text: "fragmented control frame"},
		{name: "long ping", sent: wsFrame(final|opPing, make([]byte, 126)), err: carrier.ErrProtocol, text: "invalid length"},
		{name: "close of one byte", sent: wsFrame(final|opClose, []byte{3}), err: carrier.ErrProtocol, text: "too small"},

		{name: "close", sent: join(message(good), status(1000, "")), batch: good, err: io.EOF},
		{name: "close, going away", sent: status(1001, "tab closed"), err: io.EOF},
		{name: "close without status", sent: wsFrame(final|opClose, nil), err: io.EOF},
		{name: "close with a complaint", sent: status(1008, "no \x1b[31m way"), text: `status 1008, "no \x1b[31m way"`},
		{name: "close: too big", sent: status(1009, "64 KiB"), text: "accepts no message as large as that"},
		{name: "close within a message", sent: join(wsFrame(opBinary, good[:6]), status(1000, "")), err: io.ErrUnexpectedEOF},

		{name: "end between messages", sent: message(good), ends: true, batch: good, err: io.EOF},
		{name: "end within a header", sent: message(good)[:1], ends: true, err: io.EOF}, // no frame had begun

		{name: "end within a message", sent: message(good)[:9], ends: true, err: io.ErrUnexpectedEOF},
		{name: "end between fragments", sent: wsFrame(opBinary, good[:6]), ends: true, err: io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := listen(t, nil, "ws://127.0.0.1:0")
			p, conn := upgraded(t, ln)
			carrier.SetMaxFrame(conn, 4096)
			_, err := p.Write(c.sent)
			require.NoError(t, err)
			if c.ends {
				p.closeWrite(t)
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			var got []byte
			for len(got) < len(c.batch) {
				b, err := conn.Receive(ctx, nil)
				require.NoError(t, err)
				got = append(got, b...)
			}
			assert.True(t, bytes.Equal(c.batch, got), "received %q", got)
			if c.err == nil && c.text == "" {
				return
			}
			for range 2 { // and again
				_, err = conn.Receive(ctx, nil)
				if c.err == io.EOF {
					assert.Equal(t, io.EOF, err)
				} else if c.err != nil {
					assert.ErrorIs(t, err, c.err)
				}
				assert.ErrorContains(t, err, c.text)
				assert.NotErrorIs(t, err, context.DeadlineExceeded)
			}
			require.NoError(t, conn.Close())
			p.closed(t)
		})
	}
}

// TestVerdict: a peer that broke a rule is told so in WebSocket's own terms.
func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		name string
		sent []byte
		want uint16
	}{
		{"nothing wrong", nil, 1000},
		{"text", wsFrame(final|opText, []byte("hi")), 1003},
		{"cut frame", message([]byte{0, 0, 0, 9}), 1002},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, conn := upgraded(t, listen(t, nil, "ws://127.0.0.1:0"))
			if c.sent != nil {
				_, err := p.Write(c.sent)
				require.NoError(t, err)
				_, err = conn.Receive(t.Context(), nil)
				require.ErrorIs(t, err, carrier.ErrProtocol)
			}
			require.NoError(t, conn.Close())
			last, err := io.ReadAll(p.r)
			require.NoError(t, err)
			assert.Equal(t, binary.BigEndian.AppendUint16([]byte{final | opClose, 2}, c.want), last)
		})
	}
}

// TestRequests: what may arrive in place of a right request.
func TestRequests(t *testing.T) {
	ln := listen(t, &ws.Options{Origins: []string{"https://app.example"}}, "ws://127.0.0.1:0")
	for _, c := range []struct {
		name, request string
		code          int
		text          string
	}{
		{"right", upgradeRequest, 101, ""},
		{"among other subprotocols", with("Sec-WebSocket-Protocol", "mqtt, gosig.v1"), 101, ""},
		{"allowed origin", with("Origin", "https://app.example"), 101, ""},

		{"no subprotocol", with("Sec-WebSocket-Protocol", ""), 400, "needs the WebSocket subprotocol gosig.v1"},
		{"other subprotocol", with("Sec-WebSocket-Protocol", "gosig.v2, wamp"), 400, "needs the WebSocket subprotocol gosig.v1"},
		{"no upgrade", "GET /gosig HTTP/1.1\r\nHost: x\r\n\r\n", 426, ""},
		{"post", strings.Replace(upgradeRequest, "GET", "POST", 1), 405, ""},
		{"other path", strings.Replace(upgradeRequest, "/gosig", "/gosig/", 1), 404, "look at the path"},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404, ""},
		{"other version", with("Sec-WebSocket-Version", "8"), 400, "only 13"},
		{"no key", with("Sec-WebSocket-Key", ""), 400, "Sec-WebSocket-Key"},
		{"HTTP/1.0", strings.Replace(upgradeRequest, "HTTP/1.1", "HTTP/1.0", 1), 426, ""},
		{"HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404, ""},
		{"garbage", "\x00\x01\x02\x03\r\n\r\n", 400, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := dialTCP(t, ln)
			code, text := p.ask(t, c.request)
			assert.Equal(t, c.code, code, text)
			assert.Contains(t, text, c.text)
			if code == http.StatusSwitchingProtocols {
				conn, err := ln.Accept(t.Context())
				require.NoError(t, err)
				conn.Close()
			} else {
				p.closed(t)
			}
		})
	}
}

// TestOrigins: nothing is allowed by default, and an origin counts as a whole.
func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		list, origin string
		ok           bool
	}{
		{"", "http://router.example", false}, // the Host of the request: no exception
		{"", "null", false},
		{"https://app.example", "https://app.example", true},
		{"https://app.example", "http://app.example", false},
		{"https://app.example", "https://app.example:8443", false},
		{"https://app.example", "https://evil.app.example", false},
		{"https://app.example", "https://app.example.evil", false},
		{"https://app.example", "https://app.example/", false},
		{"https://app.example", "https://APP.example", false}, // no browser writes it so
		{"https://APP.example:443", "https://app.example", true},
		{"https://a.example,http://localhost:8080", "http://localhost:8080", true},
	} {
		t.Run(fmt.Sprintf("%s from %s", c.list, c.origin), func(t *testing.T) {
			addr := "ws://127.0.0.1:0"
			if c.list != "" {
				addr += "?origin=" + c.list
			}
			code, text := dialTCP(t, listen(t, nil, addr)).ask(t, with("Origin", c.origin))
			if c.ok {
				assert.Equal(t, http.StatusSwitchingProtocols, code)
				return
			}
			assert.Equal(t, http.StatusForbidden, code)
			assert.Contains(t, text, "not on this router's list of origins")
		})
	}
	t.Run("two at once", func(t *testing.T) {
		ln := listen(t, nil, "ws://127.0.0.1:0?origin=https://a.example")
		request := strings.TrimSuffix(with("Origin", "https://a.example"), "\r\n") + "Origin: https://b.example\r\n\r\n"
		code, _ := dialTCP(t, ln).ask(t, request)
		assert.Equal(t, http.StatusForbidden, code)
	})
	for _, bad := range []string{"*", "https://*.example", "app.example", "https://app.example/x", "null", "https://u@app.example", ""} {
		_, err := newSet(t, nil).Listen(t.Context(), "ws://127.0.0.1:0?origin="+bad)
		assert.ErrorContains(t, err, "there are no patterns", bad)
	}
}

// TestResets: a peer that vanishes at any stage leaves a listener that works.
func TestResets(t *testing.T) {
	ln := listen(t, nil, "ws://127.0.0.1:0")
	for _, n := range []int{0, 1, 40, len(upgradeRequest) - 1} {
		p := dialTCP(t, ln)
		_, err := io.WriteString(p, upgradeRequest[:n])
		require.NoError(t, err)
		p.reset(t)
	}
	whole := message(batch("good", "better"))
	for n := range len(whole) {
		p, conn := upgraded(t, ln)
		_, err := p.Write(whole[:n])
		require.NoError(t, err)
		p.reset(t)
		_, err = conn.Receive(t.Context(), nil)
		require.Error(t, err)
		require.NoError(t, conn.Close())
	}
	client, server := connect(t, ln, newSet(t, nil), ln.Addr())
	talk(t, client, server)
}

// TestHalfOpen: silent peers are ended in time, are no more than allowed at
// once, and keep nobody out for longer than that.
func TestHalfOpen(t *testing.T) {
	const silent, allowed = 5000, 50
	ln := listen(t, &ws.Options{HandshakeTimeout: 50 * time.Millisecond, HalfOpen: allowed}, "ws://127.0.0.1:0")
	before := usage()
	t.Run("peers", func(t *testing.T) { halfOpen(t, ln, silent, allowed) }) // what it keeps of them ends with it
	returned(t, before)
}

// halfOpen has so many peers stop somewhere in their handshake, and one come behind
// them that does not.
func halfOpen(t *testing.T, ln carrier.Listener, silent, allowed int) {
	before := usage()
	var peers []*peer
	for i := range silent {
		p := dialTCP(t, ln)
		peers = append(peers, p)
		_, _ = io.WriteString(p, upgradeRequest[:i%len(upgradeRequest)]) // it may be closed already
	}
	assert.Less(t, usage().goroutines, before.goroutines+2*allowed+20)
	p, conn := upgradedLater(t, ln)
	for _, p := range peers {
		p.closed(t)
		p.Close()
	}
	_, err := p.Write(message(batch("still here")))
	require.NoError(t, err)
	got, err := conn.Receive(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, batch("still here"), got)
	conn.Close()
	p.Close()
}

// TestSilentConns: so are connections that were upgraded and say nothing; they
// are the router's to end.
func TestSilentConns(t *testing.T) {
	const silent = 5000
	ln := listen(t, nil, "ws://127.0.0.1:0")
	before := usage()
	t.Run("peers", func(t *testing.T) { silentConns(t, ln, silent) }) // the same
	returned(t, before)
}

func silentConns(t *testing.T, ln carrier.Listener, silent int) {
	before := usage()
	var conns []io.Closer
	for range silent {
		p := dialTCP(t, ln)
		code, _ := p.ask(t, upgradeRequest)
		require.Equal(t, http.StatusSwitchingProtocols, code)
		conn, err := ln.Accept(t.Context())
		require.NoError(t, err)
		conns = append(conns, conn, p)
	}
	each := float64(usage().heap-before.heap) / float64(silent)
	t.Logf("%.1f KiB for both ends of each, %d goroutines more", each/1024, usage().goroutines-before.goroutines)
	assert.Less(t, each, 40*1024.0)
	for _, c := range conns {
		c.Close()
	}
}

// TestNobodyAccepts: who is not accepted in time is closed, and does not fill
// memory.
func TestNobodyAccepts(t *testing.T) {
	ln := listen(t, &ws.Options{HandshakeTimeout: 50 * time.Millisecond, HalfOpen: 2}, "ws://127.0.0.1:0")
	for range 5 {
		p := dialTCP(t, ln)
		code, _ := p.ask(t, upgradeRequest)
		require.Equal(t, http.StatusSwitchingProtocols, code)
		p.closed(t)
	}
}

// TestPings: a peer that pings and reads nothing is answered within bounds, and
// does not stop a Send that waits.
func TestPings(t *testing.T) {
	p, conn := upgraded(t, listen(t, nil, "ws://127.0.0.1:0"))
	sent := make(chan error, 1) // one result
	big := batch(strings.Repeat("x", 1<<20))
	go func() {
		var err error
		for range 64 { // far more than the buffers of the connection
			err = conn.Send(context.Background(), batch("small"), big)
		}
		sent <- err
	}()
	go func() { // ends with the connection
		for range 100 {
			_, _ = p.Write(wsFrame(final|opPing, []byte("are you there?")))
		}
		_, _ = p.Write(message(batch("after the pings")))
	}()
	got, err := conn.Receive(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, batch("after the pings"), got)
	pongs, payload := p.readAll(t, 64*(len(big)+len(batch("small"))))
	require.NoError(t, <-sent)
	assert.Equal(t, 100, pongs)
	assert.Equal(t, 64*(len(big)+len(batch("small"))), payload)
}

type used struct {
	heap       uint64
	goroutines int
}

func usage() used {
	runtime.GC()
	runtime.GC() // finalizers have run
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return used{m.HeapAlloc, runtime.NumGoroutine()}
}

// returned waits until memory and goroutines are what they were.
func returned(t testing.TB, before used) {
	const slack = 2 << 20 // pools, and what the test itself keeps
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		now := usage()
		if now.heap < before.heap+slack && now.goroutines <= before.goroutines {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("before %+v, now %+v", before, now)
		}
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// TestLargeHeader: the answer may be lost, since the server does not read on.
func TestLargeHeader(t *testing.T) {
	p := dialTCP(t, listen(t, nil, "ws://127.0.0.1:0"))
	_, _ = io.WriteString(p, with("Cookie", strings.Repeat("x", 64<<10)))
	line, err := p.r.ReadString('\n')
	if err == nil {
		assert.Contains(t, line, "431")
	}
	p.closed(t)
}
