package e2e

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/wire"
)

// stranger is a socket that says to a router what a test wants it to say, byte
// by byte.
type stranger struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// envelope is one of package wire.
type envelope interface{ Append(dst []byte) []byte }

// callRaw opens a socket to a tcp:// or unix:// address.
func callRaw(t testing.TB, addr string) *stranger {
	t.Helper()
	return callWith(t, addr, &net.Dialer{})
}

func callWith(t testing.TB, addr string, d *net.Dialer) *stranger {
	t.Helper()
	u, err := url.Parse(addr)
	require.NoError(t, err)
	network, where := "tcp", u.Host
	if u.Scheme == "unix" {
		network, where = "unix", u.Path
	}
	conn, err := d.DialContext(context.Background(), network, where)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	return newStranger(t, conn)
}

func newStranger(t testing.TB, conn net.Conn) *stranger {
	return &stranger{t: t, conn: conn, r: bufio.NewReader(conn)}
}

// hello is the least that a router accepts.
func hello() wire.Hello {
	h := wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.Version, Name: "stranger", Codecs: []string{"cbor"}}
	binary.BigEndian.PutUint64(h.ID[:], uint64(time.Now().UnixNano()))
	return h
}

// admitted does an honest handshake.
func (s *stranger) admitted() wire.Welcome {
	s.t.Helper()
	s.send(hello())
	var w wire.Welcome
	require.NoError(s.t, w.Decode(s.frame()))
	return w
}

// send sends envelopes as frames.
func (s *stranger) send(envelopes ...envelope) {
	s.t.Helper()
	s.write(framed(envelopes...))
}

// framed is envelopes as a batch.
func framed(envelopes ...envelope) (batch []byte) {
	for _, e := range envelopes {
		batch = carrier.AppendFrame(batch, e.Append(nil))
	}
	return batch
}

// write sends bytes. That the router has hung up before the last of them is no
// error: it is what it should do.
func (s *stranger) write(b []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(b); err != nil && !hungUp(err) {
		s.t.Fatal(err)
	}
}

func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// frame reads the next frame.
func (s *stranger) frame() []byte {
	s.t.Helper()
	frame, err := s.read()
	require.NoError(s.t, err)
	return frame
}

func (s *stranger) read() ([]byte, error) {
	var head [carrier.FrameOverhead]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err := io.ReadFull(s.r, frame)
	return frame, err
}

// lastWord reads to the end of the connection and returns the code and the
// reason of the ABORT or GOODBYE that stood there, 0 if there was none.
func (s *stranger) lastWord() (code uint16, reason string) {
	s.t.Helper()
	code, reason, err := s.readLast()
	if !hungUp(err) {
		s.t.Fatalf("the router does not hang up: %v", err)
	}
	return code, reason
}

// readLast is lastWord with the error that ended the reading.
func (s *stranger) readLast() (code uint16, reason string, err error) {
	for {
		frame, err := s.read()
		if err != nil {
			return code, reason, err
		}
		var abort wire.Abort
		var goodbye wire.Goodbye
		switch {
		case abort.Decode(frame) == nil:
			code, reason = abort.Code, abort.Reason
		case goodbye.Decode(frame) == nil:
			code, reason = goodbye.Code, goodbye.Reason
		}
	}
}
