package ws_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/ws"
)

// FuzzConnection sends anything behind a right request. The router's side must
// end it without a panic, with whole frames of the allowed size before that, and
// in bounded time.
func FuzzConnection(f *testing.F) {
	good := batch("one", "two")
	for _, seed := range [][]byte{
		nil, message(good), message(good[:5]), wsFrame(opBinary, good), wsFrame(final|opText, good),
		join(wsFrame(opBinary, good[:5]), wsFrame(final|opPing, []byte("p")), wsFrame(final, good[5:])),
		wsHeader(final|opBinary, 1<<63), wsFrame(final|opClose, []byte{3, 232}), message([]byte{255, 255, 255, 255}),
	} {
		f.Add(seed)
	}
	ln := listen(f, nil, "ws://127.0.0.1:0")
	f.Fuzz(func(t *testing.T, sent []byte) {
		p, conn := upgraded(t, ln)
		defer p.Close()
		defer conn.Close()
		carrier.SetMaxFrame(conn, 256)
		go func() { // ends with the connection
			_, _ = p.Write(sent)
			_ = p.Conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, p.r)
		}()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		got := 0
		for {
			b, err := conn.Receive(ctx, make([]byte, 0, 64))
			if err != nil {
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				break
			}
			require.NoError(t, carrier.Check(b, 256))
			require.NotEmpty(t, b)
			got += len(b)
		}
		require.LessOrEqual(t, got, len(sent))
	})
}

// FuzzBoundary compares with carrier.Check, however the bytes are cut.
func FuzzBoundary(f *testing.F) {
	f.Add(batch("one", "two"), uint8(3))
	f.Add([]byte{0, 0, 0, 0, 1}, uint8(1))
	f.Add([]byte{255, 255, 255, 255, 1}, uint8(2))
	f.Fuzz(func(t *testing.T, p []byte, step uint8) {
		var b ws.Boundary
		for rest := p; len(rest) > 0; {
			n := min(len(rest), int(step%16)+1)
			b.Pass(rest[:n])
			rest = rest[n:]
		}
		rest, whole := p, true
		for len(rest) > 0 && whole { // as Check, but frames of length 0 count here
			if _, next, err := carrier.Next(rest); err == nil {
				rest = next
			} else if whole = bytes.HasPrefix(rest, []byte{0, 0, 0, 0}); whole {
				rest = rest[4:]
			}
		}
		require.Equal(t, whole, b.Whole())
	})
}

// FuzzCut: a batch is cut where frames begin, into messages that are no larger
// than need be.
func FuzzCut(f *testing.F) {
	f.Add(uint32(1), uint32(70_000), uint32(3))
	f.Add(uint32(65_532), uint32(1), uint32(1))
	f.Add(uint32(30_000), uint32(30_000), uint32(30_000))
	f.Fuzz(func(t *testing.T, a, b, c uint32) {
		var all []byte
		for _, size := range []uint32{a, b, c} {
			all = carrier.AppendFrame(all, make([]byte, size%(1<<18)+1))
		}
		for len(all) > 0 {
			end, err := ws.Cut(all)
			require.NoError(t, err)
			require.NoError(t, carrier.Check(all[:end], 1<<20))
			_, rest, err := carrier.Next(all[:end])
			require.NoError(t, err)
			require.True(t, end <= 64<<10 || len(rest) == 0, "%d bytes in several frames", end)
			all = all[end:]
		}
	})
}

// FuzzOrigin: what is accepted for the list is an origin, and stays as it is.
func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{"https://a.example", "HTTP://A:80", "null", "*", "https://a/", "a.example", "https://[::1]:8443", "https://a:443"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		o, err := ws.CanonicalOrigin(given)
		if err != nil {
			return
		}
		again, err := ws.CanonicalOrigin(o)
		require.NoError(t, err)
		require.Equal(t, o, again)
		u, err := url.Parse(o)
		require.NoError(t, err)
		require.Equal(t, o, u.Scheme+"://"+u.Host)
	})
}
