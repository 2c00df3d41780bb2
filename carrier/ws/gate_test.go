package ws_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/ws"
)

// crowd is a listener at which connections of the given addresses queue up.
type crowd chan *visitor

// visitor is a connection of some address.
type visitor struct {
	net.Conn
	ip     string
	closed chan struct{} // closed by Close
}

func (v *visitor) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(v.ip), Port: 1} }
func (v *visitor) Close() error         { close(v.closed); return nil }

func (c crowd) Accept() (net.Conn, error) {
	v, ok := <-c
	if !ok {
		return nil, net.ErrClosed
	}
	return v, nil
}
func (c crowd) Close() error   { close(c); return nil }
func (c crowd) Addr() net.Addr { return &net.TCPAddr{} }

// TestCrowd: one address' excess is closed, and all others wait for room.
func TestCrowd(t *testing.T) {
	queue := make(crowd, 100)
	gate := ws.NewGate(queue, &ws.Options{HalfOpen: 6, HalfOpenPerIP: 2})
	come := func(ip string) *visitor {
		v := &visitor{ip: ip, closed: make(chan struct{})}
		queue <- v
		return v
	}
	accept := func() net.Conn {
		conn, err := gate.Accept()
		require.NoError(t, err)
		return conn
	}
	var greedy []*visitor
	for range 5 {
		greedy = append(greedy, come("192.0.2.1"))
	}
	come("192.0.2.2")
	inside := []net.Conn{accept(), accept(), accept()}
	assert.Equal(t, "192.0.2.2:1", inside[2].RemoteAddr().String(), "behind two of the greedy")
	for _, v := range greedy[2:] {
		<-v.closed
	}
	inside[0].Close()
	<-greedy[0].closed
	come("192.0.2.1")
	inside[0] = accept() // there is room for it again

	for range 3 { // this machine's own programs are not told apart
		come("127.0.0.1")
		inside = append(inside, accept())
	}
	come("192.0.2.3")
	waiting := make(chan net.Conn, 1) // one result
	go func() {
		conn, err := gate.Accept()
		assert.NoError(t, err)
		waiting <- conn
	}()
	select {
	case <-waiting:
		t.Fatal("a seventh was accepted")
	default:
	}
	assert.Len(t, queue, 1, "it waits in the backlog")
	inside[1].Close()
	inside = append(inside, <-waiting)
	require.NoError(t, gate.Close())
	for _, conn := range inside[2:] { // the gate has closed them; again does no harm
		select {
		case <-ws.Inside(conn).(*visitor).closed:
		default:
			t.Fatal("open behind the gate's Close")
		}
	}
	_, err := gate.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
}

// TestSilentBeforeTLS: the limit counts from the TCP connection on.
func TestSilentBeforeTLS(t *testing.T) {
	ca := certstest.New(t, "CA")
	ln := listen(t, &ws.Options{HandshakeTimeout: 20 * time.Millisecond}, "wss://127.0.0.1:0?"+certstest.Pair(ca.Server()))
	silent, garbage := dialTCP(t, ln), dialTCP(t, ln)
	_, err := io.WriteString(garbage, "\x16\x03\x01\xff\xff and no end")
	require.NoError(t, err)
	silent.closed(t)
	garbage.closed(t)
}

// TestManySilentBeforeTLS: 5,000 of them are no more than allowed at once, keep
// nobody out for longer than that, and cost nothing afterwards.
func TestManySilentBeforeTLS(t *testing.T) {
	const silent, allowed = 5000, 50
	ca := certstest.New(t, "CA")
	ln := listen(t, &ws.Options{HandshakeTimeout: 50 * time.Millisecond, HalfOpen: allowed}, "wss://127.0.0.1:0?"+certstest.Pair(ca.Server()))
	before := usage()
	t.Run("peers", func(t *testing.T) { // what it keeps of them ends with it
		var peers []*peer
		for i := range silent {
			p := dialTCP(t, ln)
			peers = append(peers, p)
			_, _ = io.WriteString(p, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[:i%11]) // it may be closed already
		}
		assert.Less(t, usage().goroutines, before.goroutines+3*allowed+20)
		for _, p := range peers {
			p.closed(t)
			p.Close()
		}
	})
	returned(t, before)
	client, server := connect(t, ln, newSet(t, &ws.Options{CAFile: ca.File}), ln.Addr())
	talk(t, client, server)
}
