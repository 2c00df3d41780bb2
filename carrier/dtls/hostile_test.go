package dtls_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"runtime"
	"testing"
	"time"

	piondtls "github.com/pion/dtls/v3"
	"github.com/pion/sctp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/dtls"
)

// randomAt is where a datagram with a ClientHello has its random.
const randomAt = 13 + 12 + 2

// hello is a datagram with a ClientHello, of a client that never was.
func hello(t testing.TB) []byte {
	sent := make(chan []byte, 1) // the first one
	pc := &recorder{sent: sent, closed: make(chan struct{})}
	conn, err := piondtls.ClientWithOptions(pc, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}, pskClient()...)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ends with cancel
		defer close(done)
		_ = conn.HandshakeContext(ctx)
	}()
	d := <-sent
	cancel()
	<-done
	return d
}

// recorder is a socket into which only the first datagram goes.
type recorder struct {
	net.PacketConn
	sent   chan []byte
	closed chan struct{}
}

func (r *recorder) WriteTo(p []byte, _ net.Addr) (int, error) {
	select {
	case r.sent <- append([]byte{}, p...):
	default:
	}
	return len(p), nil
}

func (r *recorder) ReadFrom([]byte) (int, net.Addr, error) {
	<-r.closed
	return 0, nil, net.ErrClosed
}

func (r *recorder) LocalAddr() net.Addr              { return &net.UDPAddr{} }
func (r *recorder) SetWriteDeadline(time.Time) error { return nil }

func (r *recorder) SetReadDeadline(at time.Time) error {
	if !at.IsZero() {
		r.Close()
	}
	return nil
}

func (r *recorder) Close() error {
	select {
	case <-r.closed:
	default:
		close(r.closed)
	}
	return nil
}

// anew gives a ClientHello another random.
func anew(d []byte) []byte {
	d = append([]byte{}, d...)
	_, _ = rand.Read(d[randomAt : randomAt+32]) // never fails
	return d
}

// mutes are sockets that send a ClientHello each and say no more.
func mutes(t testing.TB, addr string, n int) {
	u, err := url.Parse(addr)
	require.NoError(t, err)
	to, err := net.ResolveUDPAddr("udp", u.Host)
	require.NoError(t, err)
	d := hello(t)
	for range n {
		pc, err := net.DialUDP("udp", nil, to)
		require.NoError(t, err)
		t.Cleanup(func() { pc.Close() })
		_, err = pc.Write(anew(d))
		require.NoError(t, err)
		_, err = pc.Read(make([]byte, 1500)) // the cookie: the listener has seen it
		require.NoError(t, err)
	}
}

// TestStalledHandshakes: those who begin and fall silent keep nobody out, with
// and without having shown that their address is theirs.
func TestStalledHandshakes(t *testing.T) {
	t.Run("500 ClientHellos", func(t *testing.T) {
		opts := withKeys()
		opts.HandshakeTimeout = time.Hour
		ln, _ := listen(t, opts, "")
		mutes(t, ln.Addr(), 500)
		client, server := connect(t, ln, newSet(t, withKeys()), ln.Addr()) // before any of the others has run out of time
		stream(t, client, server, 0, 10)
	})
	t.Run("more with a cookie than there are places", func(t *testing.T) {
		opts := withKeys()
		opts.MaxHandshakes, opts.HandshakeTimeout = 8, time.Hour
		ln, _ := listen(t, opts, "")
		for range 20 {
			stall(t, ln.Addr(), pskClient()...)
		}
		client, err := newSet(t, withKeys()).Dial(within(t, time.Minute), ln.Addr())
		require.NoError(t, err)
		defer client.Close()
		require.NoError(t, carrier.Handshake(within(t, time.Minute), client))
		for range 12 { // the oldest: 21 came, 8 have a place
			conn, err := ln.Accept(within(t, time.Minute))
			require.NoError(t, err)
			defer conn.Close()
			assert.ErrorContains(t, carrier.Handshake(within(t, time.Minute), conn), "for the sake of newer handshakes")
		}
	})
}

// TestSilentPeers: five thousand who begin and say nothing leave nothing behind.
func TestSilentPeers(t *testing.T) {
	opts := withKeys()
	opts.HandshakeTimeout = 3 * time.Second
	ln, _ := listen(t, opts, "")
	before := runtime.NumGoroutine()
	mutes(t, ln.Addr(), 5000)
	assert.LessOrEqual(t, dtls.Alive(ln), 256+1, "handshakes under way are bounded")
	eventually(t, func() bool { return dtls.Alive(ln) == 0 && runtime.NumGoroutine() <= before }, "sessions and goroutines are gone")
	assert.Zero(t, dtls.Held(ln), "addresses and connection IDs are forgotten")
	client, server := connect(t, ln, newSet(t, withKeys()), ln.Addr())
	stream(t, client, server, 0, 10)
}

func eventually(t testing.TB, ok func() bool, what string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// TestForgedDatagrams: what others send under the address of either end does not
// end the connection, neither plain records nor ClientHellos, even if they stand
// in the way of the client's own next one.
func TestForgedDatagrams(t *testing.T) {
	ln, _ := listen(t, withKeys(), "")
	p := newPath(t, ln.Addr(), 1, 0)
	client, server := connect(t, ln, newSet(t, withKeys()), p.addr())
	stream(t, client, server, 0, 10)
	stream(t, server, client, 0, 10)
	d := hello(t)
	forged := map[string][]byte{
		"plain data":      record(23, 0, "no handshake"),
		"plain alert":     record(21, 0, "\x02\x28"),
		"plain close":     record(21, 0, "\x01\x00"),
		"plain CCS":       record(20, 0, "\x01"),
		"broken CCS":      record(20, 0, ""),
		"unknown type":    record(24, 0, "heartbeat"),
		"sealed nonsense": record(23, 1, "these are no sealed bytes at all"),
		"sealed alert":    record(21, 1, "these are no sealed bytes at all"),
		"later epoch":     record(23, 9, "these are no sealed bytes at all"),
		"unknown CID":     append([]byte{25, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9}, make([]byte, 60)...),
		"two records":     append(record(23, 1, "these are no sealed bytes at all"), record(23, 0, "plain")...),
		"half a hello":    d[:40],
		"broken hello":    append(anew(d)[:80], 1, 2, 3),
		"not DTLS":        []byte("GET / HTTP/1.1\r\n\r\n"),
		"empty":           {},
	}
	for name, datagram := range forged {
		for range 10 {
			p.say(datagram)
			p.reply(datagram)
		}
		stream(t, client, server, 20, 5)
		stream(t, server, client, 20, 5)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	for range 50 {
		p.say(anew(d))
	}
	stream(t, client, server, 30, 10)
	next, nextServer := connect(t, ln, newSet(t, withKeys()), p.addr())
	stream(t, next, nextServer, 0, 10)
}

func record(kind, epoch byte, content string) []byte {
	d := []byte{kind, 254, 253, 0, epoch, 0, 0, 0, 0, 0xff, 0xff, 0, 0}
	binary.BigEndian.PutUint16(d[11:], uint16(len(content)))
	return append(d, content...)
}

// bare is a client that says what it likes: pion/sctp over pion/dtls.
func bare(t testing.TB, ln carrier.Listener) (*sctp.Stream, *sctp.Association, carrier.Conn) {
	u, err := url.Parse(ln.Addr())
	require.NoError(t, err)
	to, err := net.ResolveUDPAddr("udp", u.Host)
	require.NoError(t, err)
	nc, err := piondtls.DialWithOptions("udp", to, pskClient()...)
	require.NoError(t, err)
	assoc, err := sctp.ClientWithOptions(sctp.WithNetConn(nc))
	require.NoError(t, err)
	t.Cleanup(func() { assoc.Close() })
	s, err := assoc.OpenStream(0, sctp.PayloadTypeWebRTCBinary)
	require.NoError(t, err)
	server, err := ln.Accept(within(t, time.Minute))
	require.NoError(t, err)
	t.Cleanup(func() { server.Close() })
	return s, assoc, server
}

// TestBareClient: another implementation of what the package says about the wire
// is served, and what it does wrong is found.
func TestBareClient(t *testing.T) {
	for name, c := range map[string]struct {
		say  string
		want error
	}{
		"a frame":         {"\x00\x00\x00\x05hello", io.EOF},
		"nothing":         {"", io.EOF},
		"too large":       {"\x40\x00\x00\x00hello", carrier.ErrFrameTooLarge},
		"empty frame":     {"\x00\x00\x00\x00", carrier.ErrProtocol},
		"truncated frame": {"\x00\x00\x00\x09hello", io.ErrUnexpectedEOF},
		"half a length":   {"\x00\x00", io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			ln, _ := listen(t, withKeys(), "")
			s, assoc, server := bare(t, ln)
			if c.say != "" {
				_, err := s.Write([]byte(c.say))
				require.NoError(t, err)
			}
			require.NoError(t, assoc.Shutdown(within(t, time.Minute)))
			got, err := receiveAll(within(t, time.Minute), server)
			assert.ErrorIs(t, err, c.want)
			if name == "a frame" {
				assert.Equal(t, [][]byte{[]byte("hello")}, got)
			}
		})
	}
}

// TestLargeMessages: another implementation may write larger messages than this
// one, up to a bound.
func TestLargeMessages(t *testing.T) {
	ln, _ := listen(t, withKeys(), "")
	s, assoc, server := bare(t, ln)
	assoc.SetMaxMessageSize(1 << 20)
	frame := carrier.AppendFrame(nil, make([]byte, 200<<10))
	_, err := s.Write(frame)
	require.NoError(t, err)
	batch, err := server.Receive(within(t, time.Minute), nil)
	require.NoError(t, err)
	assert.Equal(t, frame, batch)
	_, err = s.Write(make([]byte, 300<<10))
	require.NoError(t, err)
	_, err = server.Receive(within(t, time.Minute), nil)
	assert.ErrorContains(t, err, "an SCTP message of 307200 bytes, at most 262144 are allowed")
}

// TestAbortIsNoEnd: a peer that gives up in the middle has not closed in order.
func TestAbortIsNoEnd(t *testing.T) {
	ln, _ := listen(t, withKeys(), "")
	_, assoc, server := bare(t, ln)
	require.NoError(t, carrier.Handshake(within(t, time.Minute), server))
	assoc.Abort("enough")
	_, err := server.Receive(within(t, time.Minute), nil)
	require.Error(t, err)
	assert.NotErrorIs(t, err, io.EOF)
	assert.ErrorContains(t, err, `the peer has broken off the connection: "enough"`)
}
