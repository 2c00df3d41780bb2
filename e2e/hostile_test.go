package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// impatientLimits have a server give up on bad peers soon. The buffer for a peer
// is small, so that one write never has more than it may take WriteTimeout for.
const impatientLimits = `
[limits]
handshake = "3s"
keepalive = "200ms"
dead = "8s"
write = "1s"
outbound = "64KiB"
`

// TestBadBytes: what no honest peer would send, before and after the handshake,
// to the process and to a server of this one. Each costs its own connection,
// which is told why; it is logged and counted, and the honest clients beside
// lose nothing (P11).
func TestBadBytes(t *testing.T) {
	t.Parallel()
	t.Run("gosig serve", func(t *testing.T) {
		t.Parallel()
		p := serve(t, append(configured(t, impatientLimits), "--listen", "tcp://127.0.0.1:0", "--listen", socket(t, "router"))...)
		badBytes(t, p.addrs, p.logged)
	})
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		h := listen(t, router.Limits{
			Handshake: 3 * time.Second, Keepalive: 200 * time.Millisecond, Dead: 8 * time.Second, WriteTimeout: time.Second, OutboundBytes: 64 << 10,
		}, nil, "tcp://127.0.0.1:0")
		violations, refused := badBytes(t, h.addrs, func(string) {})
		st := h.router.Stats()
		require.EqualValues(t, violations, st.Violations)
		require.EqualValues(t, refused, st.HandshakesFailed)
	})
}

// badBytes sends them to all addresses, and returns how many violations and how
// many failed handshakes that makes.
func badBytes(t *testing.T, addrs []string, logged func(pattern string)) (violations, refused int) {
	beside := honest(t, addrs[0])
	noise := make([]byte, 100_000)
	chaos := rand.NewChaCha8([32]byte{1})
	_, _ = chaos.Read(noise) // never fails
	noise[0] = 0xff          // a length that is too large, whatever follows
	frame := func(b ...byte) []byte { return carrier.AppendFrame(nil, b) }
	length := func(n uint32, rest ...byte) []byte { return append(binary.BigEndian.AppendUint32(nil, n), rest...) }
	const before, after = false, true
	var all sync.WaitGroup
	for _, c := range []struct {
		name   string
		open   bool // after the handshake
		bytes  []byte
		code   uint16
		reason string // a regular expression
		log    string
	}{
		{"noise", before, noise, wire.CodeTooLarge, `frame too large: \d+ bytes, the limit is 4096$`, "handshake failed"},
		{"HTTP", before, []byte("GET / HTTP/1.1\r\nHost: example\r\n\r\n"), wire.CodeTooLarge, `it begins with "GET ".*frame too large: 1195725856 bytes, the limit is 4096\)$`, "handshake failed"},
		{"a frame of length 0", before, length(0), wire.CodeProtocol, `framing violated: a frame of length 0`, "a frame of length 0"},
		{"a PING for a HELLO", before, framed(wire.Ping{Nonce: 1}), wire.CodeProtocol, `^the first envelope must be a HELLO, this is PING$`, "must be a HELLO"},
		{"a reserved type", before, frame(31), wire.CodeProtocol, `the first envelope must be a HELLO`, "must be a HELLO"},
		{"wrong magic", before, frame(append([]byte{1}, "gsiX\x01\x01\x00"...)...), wire.CodeProtocol, `^HELLO: magic: "gsiX", must be "gsig"$`, "magic"},
		{"half a HELLO", before, frame(hello().Append(nil)[:20]...), wire.CodeProtocol, `^HELLO: `, "handshake failed"},
		{"a HELLO and more", before, framed(hello(), wire.Ping{}), wire.CodeProtocol, `^more than one envelope before the handshake was over$`, "more than one envelope"},
		{"half a frame, then silence", before, framed(hello())[:9], uint16(sig.CodeTimeout), `^the handshake was not over within Handshake \(3s\)$`, `the handshake was not over within Handshake \(3s\)`},
		{"silence", before, nil, uint16(sig.CodeTimeout), `^the handshake was not over within Handshake \(3s\)$`, `the handshake was not over within Handshake`},

		{"a frame over the limit", after, length(1<<20+1, 14), wire.CodeTooLarge, `frame too large: 1048577 bytes, the limit is 1048576`, "frame too large: 1048577"},
		{"a frame of 4 GiB", after, length(1<<32-1, 14), wire.CodeTooLarge, `frame too large: 4294967295 bytes`, "frame too large: 4294967295"},
		{"nothing in a frame", after, length(0), wire.CodeProtocol, `a frame of length 0`, "a frame of length 0"},
		{"a reserved type once open", after, frame(31), wire.CodeProtocol, `^reserved type 31 is not legal here$`, "reserved type 31"},
		{"a second HELLO", after, framed(hello()), wire.CodeProtocol, `^HELLO is not legal here$`, "HELLO is not legal here"},
		{"what only servers send", after, framed(wire.Want{Route: 1}), wire.CodeProtocol, `^WANT is not legal here$`, "WANT is not legal here"},
		{"an event of nobody", after, frame(wire.AppendEvent(nil, 0, 77, nil)...), wire.CodeProtocol, `^EVENT on route 77, which was not announced$`, "EVENT on route 77"},
		{"a malformed CONNECT", after, frame(6, 1, 0), wire.CodeProtocol, `^CONNECT: `, "CONNECT: "},
		{"an undefined flag", after, frame(0x94, 0, 0, 0, 0, 0, 0, 0, 1), wire.CodeProtocol, `PING`, "PING"},
		{"a reply to no request", after, framed(wire.Reply{ID: 5}), wire.CodeProtocol, `^REPLY 5 to no REQUEST$`, "REPLY 5 to no REQUEST"},
		{"too many senders", after, manySenders(257), wire.CodeLimit, `^Senders: one connection may announce 256$`, "Senders: one connection may announce 256"},
		{"half a frame, then silence, once open", after, length(100, 14, 1, 2, 3), 0, `^$`, `has been silent for 8s and has not answered a ping`},
	} {
		for _, addr := range addrs {
			switch {
			case !c.open:
				refused++
			case c.code != 0:
				violations++
			}
			all.Go(func() {
				s := callRaw(t, addr)
				if c.open {
					s.admitted()
				}
				s.write(c.bytes)
				code, reason := s.lastWord()
				assert.Equal(t, wire.CodeName(c.code), wire.CodeName(code), "%s: %s", c.name, reason)
				assert.Regexp(t, c.reason, reason, c.name)
				logged(c.log)
			})
		}
	}
	all.Wait()
	beside.unharmed(t)
	return violations, refused
}

// TestBadBytesForTLS: the same where TLS is expected.
func TestBadBytesForTLS(t *testing.T) {
	t.Parallel()
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	p := serve(t, append(configured(t, impatientLimits), "--listen", "tls://127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)...)
	beside := honest(t, p.addrs[0]+"?ca="+ca.File)
	for _, c := range []struct{ name, bytes, log string }{
		{"HTTP", "GET / HTTP/1.1\r\nHost: example\r\n\r\n", "the peer does not speak TLS: use tls:// on both sides, or tcp:// on both"},
		{"a HELLO in plain text", string(framed(hello())), "the peer does not speak TLS"},
		{"half a record, then silence", "\x16\x03\x01\x02\x00\x01", `the handshake was not over within Handshake \(3s\)`},
		{"silence", "", `the handshake was not over within Handshake \(3s\)`},
		{"a broken record", "\x16\x03\x01\x00\x04noise", "TLS handshake with"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := callRaw(t, p.addrs[0])
			s.write([]byte(c.bytes))
			_, err := io.Copy(io.Discard, s.conn)
			require.True(t, err == nil || hungUp(err), "the router does not hang up: %v", err)
			p.logged(c.log)
		})
	}
	beside.unharmed(t)
}

func manySenders(n uint32) []byte {
	var all []envelope
	for i := range n {
		all = append(all, wire.Connect{Sender: i, Route: i, Epoch: 1, Name: fmt.Sprintf("many/%d", i), Events: []string{"n"}})
	}
	return framed(all...)
}

// TestSilentCrowd: 1,000 connections that say nothing. Others still get in, and
// the silent ones are gone once their time for a handshake is over.
func TestSilentCrowd(t *testing.T) {
	t.Parallel()
	hurried := strings.Replace(impatientLimits, "3s", "500ms", 1) // 128 of them at a time
	p := serve(t, append(configured(t, hurried), "--listen", "tcp://127.0.0.1:0")...)
	beside := honest(t, p.addrs[0])
	const crowd = 1000
	var all []*stranger
	for range crowd {
		all = append(all, callRaw(t, p.addrs[0]))
	}
	late := dial(t, "cbor", p.addrs)
	late.knows(t, "honest")
	beside.moves(t)
	for _, s := range all {
		code, _ := s.lastWord()
		require.Equal(t, uint16(sig.CodeTimeout), code)
	}
	p.logged("the handshake was not over within Handshake")
	beside.unharmed(t)
}

// TestMutePeer: a peer that reads and never says anything, not even to a ping.
// Its senders leave when its time is over (P5).
func TestMutePeer(t *testing.T) {
	t.Parallel()
	p := serve(t, append(configured(t, impatientLimits), "--listen", "tcp://127.0.0.1:0")...)
	beside := honest(t, p.addrs[0])
	heard := follow(t, beside.to, "mute", nil)
	s := callRaw(t, p.addrs[0])
	s.admitted()
	s.send(wire.Connect{Sender: 1, Route: 1, Epoch: 1, Name: "mute", Events: []string{"n"}})
	await(t, "#connect", func() bool { return heard.count("#connect") == 1 })
	pings := 0
	for {
		frame, err := s.read()
		if err != nil {
			require.True(t, hungUp(err), "%v", err)
			break
		}
		if frame[0] == byte(wire.TypePing) {
			pings++
		}
	}
	require.GreaterOrEqual(t, pings, 2, "it was asked before it was given up")
	await(t, "#disconnect", func() bool { return heard.count("#disconnect") == 1 })
	require.Contains(t, heard.String(), `#disconnect connection lost: node "stranger"`)
	p.logged(`client disconnected.*the peer has been silent for 8s and has not answered a ping`)
	beside.unharmed(t)
}

// TestDeafPeer: a peer that never reads while 64 MB of events are meant for it.
// It costs the router a bounded buffer, then its connection (P8).
func TestDeafPeer(t *testing.T) {
	long(t)
	t.Parallel()
	p := serve(t, append(configured(t, impatientLimits), "--listen", "tcp://127.0.0.1:0")...)
	beside := honest(t, p.addrs[0])
	deaf := callRaw(t, p.addrs[0])
	require.NoError(t, deaf.conn.(*net.TCPConn).SetReadBuffer(16<<10))
	deaf.admitted()
	deaf.send(wire.Subscribe{Sender: "flood", Event: "**"})
	flooder, listener := dial(t, "cbor", p.addrs), dial(t, "cbor", p.addrs)
	heard := follow(t, listener, "flood", nil)
	sender := flooder.connect(t, "flood", sig.Spec{Events: []sig.Name{"n"}})
	await(t, "the flood to be connected", func() bool { return heard.count("#connect") == 1 })
	require.NoError(t, flooder.Sync(patient(t)))

	before := memory(t, p)
	const events, size = 16_000, 4 << 10
	most, n := before, uint64(0)
	emit := func() {
		n++
		payload := append(binary.BigEndian.AppendUint64(nil, n), bytes.Repeat([]byte{1}, size)...)
		// Held back only to the pace of the one who listens.
		require.NoError(t, sender.Emit("n", payload))
		await(t, "the listener to follow", func() bool { return heard.told()+8 > n })
		if n%500 == 0 {
			most = max(most, memory(t, p))
			deaf.send(wire.Ping{Nonce: n}) // it is alive, and does not read
		}
	}
	for n < events {
		emit()
	}
	gone := regexp.MustCompile(`client disconnected.*stranger.*the peer has stopped reading: a write took longer than WriteTimeout \(1s\)`)
	await(t, "the deaf peer to be given up", func() bool {
		deaf.send(wire.Ping{Nonce: n})
		return gone.MatchString(p.stderr.String())
	})
	heard.whole(t, n)
	t.Logf("memory of the router: %d KiB before, %d KiB at most", before>>10, most>>10)
	require.Less(t, most-before, uint64(events*size/2), "the router kept what a peer does not read")
	beside.unharmed(t)
}

// memory is what a process has in memory, in bytes.
func memory(t *testing.T, p *process) uint64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0 // not Linux: the rest of the test still counts
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			require.NoError(t, err)
			return kb << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
