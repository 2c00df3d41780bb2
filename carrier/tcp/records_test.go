package tcp

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
)

// pieces is a socket that brings its content in pieces, and then an error.
type pieces struct {
	net.Conn
	data  []byte
	sizes []byte // of the pieces, in turn; 0 is 256
	reads int
}

func (p *pieces) Read(buf []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := len(p.data)
	if len(p.sizes) > 0 {
		n = min(n, 1+int(p.sizes[p.reads%len(p.sizes)]-1))
	}
	p.reads++
	n = copy(buf, p.data[:n])
	p.data = p.data[n:]
	return n, nil
}

// FuzzRecords: whatever a peer sends, and however it is cut, TLS gets the same
// bytes in the same order, never those of two records at once, and what is said
// to be whole can be read without touching the socket.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("\x17\x03\x03\x00\x03abc\x17\x03\x03\x00\x01d"), []byte{3, 200}, uint8(4))
	f.Add([]byte("\x17\x03\x03\xff\xffabc"), []byte{}, uint8(200))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), []byte{1}, uint8(0))
	f.Add([]byte("\x17\x03\x03\x00\x00\x17\x03\x03\x00\x00\x17"), []byte{2}, uint8(7))
	f.Fuzz(func(t *testing.T, data, sizes []byte, room uint8) {
		socket := &pieces{data: data, sizes: sizes}
		r := newRecords(socket)
		defer func() { assert.Nil(t, r.chunk, "nothing is held at the end") }()
		var got []byte
		buf := make([]byte, 1+int(room))
		for {
			if r.rest == 0 && r.whole() {
				before := socket.reads
				record := r.next()
				for n := 0; n < min(record, largestRecord); {
					r.atOnce = record <= largestRecord
					k, err := r.Read(buf)
					require.NoError(t, err)
					n += k
					got = append(got, buf[:k]...)
					if record > largestRecord {
						break // TLS gives up on it
					}
				}
				r.atOnce = false
				require.Equal(t, before, socket.reads, "the socket was asked for a whole record")
				continue
			}
			n, err := r.Read(buf)
			if err != nil {
				require.Equal(t, io.EOF, err)
				break
			}
			got = append(got, buf[:n]...)
		}
		require.True(t, bytes.Equal(data, got), "got %q, want %q", got, data)
	})
}

// TestNotYet: a Read that must not wait says so, and nothing is lost by it.
func TestNotYet(t *testing.T) {
	r := newRecords(&pieces{data: []byte("\x17\x03\x03\x00\x03abc"), sizes: []byte{6}})
	r.atOnce = true
	buf := make([]byte, 100)
	_, err := r.Read(buf)
	assert.Equal(t, errNotYet, err)
	require.NoError(t, r.fill())
	_, err = r.Read(buf)
	assert.Equal(t, errNotYet, err, "only a part is there")
	require.NoError(t, r.fill())
	n, err := r.Read(buf)
	require.NoError(t, err)
	assert.Equal(t, "\x17\x03\x03\x00\x03abc", string(buf[:n]))
}

// counted counts the calls that reach a socket.
type counted struct {
	net.Conn
	reads, writes atomic.Int32
}

func (c *counted) Read(p []byte) (int, error)  { c.reads.Add(1); return c.Conn.Read(p) }
func (c *counted) Write(p []byte) (int, error) { c.writes.Add(1); return c.Conn.Write(p) }

// tlsPair returns the ends of a connection over sockets that count.
func tlsPair(t *testing.T) (client, server *tlsConn, clientSocket, serverSocket *counted) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	a, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	b, err := ln.Accept()
	require.NoError(t, err)
	clientSocket, serverSocket = &counted{Conn: a}, &counted{Conn: b}
	c := New(nil)
	ra, rb := newRecords(clientSocket), newRecords(serverSocket)
	client = c.protect(ra, tls.Client(ra, &tls.Config{RootCAs: ca.Pool, ServerName: "127.0.0.1"}), "127.0.0.1")
	server = c.protect(rb, tls.Server(rb, &tls.Config{Certificates: []tls.Certificate{pair}}), "")
	t.Cleanup(func() { client.Close(); server.Close() })
	var wg sync.WaitGroup
	wg.Go(func() { assert.NoError(t, server.Handshake(t.Context())) }) // ends with the handshake
	require.NoError(t, client.Handshake(t.Context()))
	wg.Wait()
	return client, server, clientSocket, serverSocket
}

// TestManyRecordsOneCall: what is sent together is one write, and what has
// arrived together is one batch, by one read.
func TestManyRecordsOneCall(t *testing.T) {
	client, server, out, in := tlsPair(t)
	payload := bytes.Repeat([]byte("x"), 10<<10)
	batch := carrier.AppendFrame(carrier.AppendFrame(nil, payload), payload)
	batches := [][]byte{batch, batch, batch, batch}
	want := bytes.Join(batches, nil)
	require.Less(t, len(want)+8*recordHeader, len(chunk{}), "else it is two")

	out.writes.Store(0)
	require.NoError(t, client.Send(t.Context(), batches...))
	assert.EqualValues(t, 1, out.writes.Load(), "writes for %d bytes", len(want))

	in.reads.Store(0)
	var got []byte
	calls := 0
	for len(got) < len(want) {
		part, err := server.Receive(t.Context(), make([]byte, 256<<10))
		require.NoError(t, err)
		got = append(got, part...)
		calls++
	}
	assert.True(t, bytes.Equal(want, got))
	assert.LessOrEqual(t, calls, int(in.reads.Load()), "a read brings a batch")
}

// TestCloseWhileWriting: a Close does not wait for a peer that takes nothing in,
// and the Send that it breaks off says so.
func TestCloseWhileWriting(t *testing.T) {
	client, _, _, _ := tlsPair(t)
	sent := make(chan error, 1) // the one Send that fails
	go func() {                 // ends when the connection is closed
		batch := carrier.AppendFrame(nil, make([]byte, 1<<20))
		for {
			if err := client.Send(context.Background(), batch); err != nil {
				sent <- err
				return
			}
		}
	}()
	tlsOf := client.tls.NetConn().(*records)
	require.Eventually(t, tlsOf.writing, time.Minute, time.Millisecond)
	require.NoError(t, client.Close())
	assert.ErrorIs(t, <-sent, net.ErrClosed)
}
