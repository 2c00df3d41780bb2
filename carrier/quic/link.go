package quic

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/gosig/gosig/carrier"
)

// Codes of the end of a connection.
const (
	// codeClosed: closed; what was sent has been received, or is not wanted
	// any more.
	codeClosed quicgo.ApplicationErrorCode = iota
	// codeGaveUp: closed while the peer did not receive.
	codeGaveUp
	// codeProtocol: the stream did not begin as it must.
	codeProtocol
)

const (
	// Close waits some round trips for the peer to receive what was sent,
	// since a process may end right after it, but within these bounds.
	shortFarewell, longFarewell = 100 * time.Millisecond, time.Second
	// linger is how long a closed connection goes on waiting.
	linger = 5 * time.Second
	// look is how often a closed connection looks whether the peer has
	// closed its side as well, of which QUIC tells by no event.
	look = 5 * time.Millisecond
)

// link is the one stream of a connection as a byte stream, a net.Conn.
//
// QUIC drops what is under way when a connection is closed, on both sides. So
// the side that closes ends its stream and waits; the other side, having read
// to the end of the stream, closes the connection:
//
//	A.Close   --- FIN, STOP_SENDING --->   B reads on, B cannot write any more
//	          <-- CLOSE(codeClosed) ----   B has read everything: io.EOF
//
// If B has closed as well, the first to see it closes the connection.
type link struct {
	conn     *quicgo.Conn
	endpoint *endpoint
	sent     atomic.Bool // something that the peer should receive

	first   [1]byte    // what is peeked at, of the reader alone
	writing sync.Mutex // held by a Write, and to end the stream
	tried   int        // bytes that TryWrite has handed over since the latest Write; guarded by writing

	mu      sync.Mutex
	stream  *quicgo.Stream // nil: the handshake is not over
	closing bool           // by this side
	extra   []*endpoint    // that the connection has moved to
	ended   chan struct{}  // closed when nothing is left of it
}

// newLink returns a link that holds e until it has ended.
func newLink(qc *quicgo.Conn, e *endpoint) *link {
	return &link{conn: qc, endpoint: e, ended: make(chan struct{})}
}

// begin puts the stream in use. It fails if the link is closed.
func (l *link) begin(s *quicgo.Stream) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return net.ErrClosed
	}
	l.stream = s
	return nil
}

func (l *link) closed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closing
}

// Read reads from the stream. The end of it ends the connection.
func (l *link) Read(p []byte) (int, error) {
	n, err := l.stream.Read(p)
	if err == nil {
		return n, nil
	}
	return n, l.readFailed(err)
}

// ReadLazily implements [stream.LazyReader].
func (l *link) ReadLazily(from carrier.BufferSource) (buf []byte, n int, err error) {
	from.Take()
	from.Return() // the one of the read before may still be there
	if _, err := l.stream.Peek(l.first[:]); err != nil {
		return nil, 0, l.readFailed(err)
	}
	buf = from.Take()
	buf = buf[:cap(buf)]
	n, err = l.Read(buf)
	return buf, n, err
}

func (l *link) readFailed(err error) error {
	if l.closed() {
		return net.ErrClosed
	}
	if err == io.EOF {
		_ = l.conn.CloseWithError(codeClosed, "") // says that everything has come
	}
	return explain(err)
}

// Write writes to the stream and returns when all but the last packet is under
// way.
func (l *link) Write(p []byte) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.sent.Store(true)
	n, err := l.stream.Write(p)
	if err == nil {
		l.tried = 0 // it has waited for what was before it
		return n, nil
	}
	return n, l.writeFailed(err)
}

// mostTried is how much TryWrite leaves to QUIC, which tells nobody when it has sent
// that: then a Write has to wait. Without it the whole window of the peer could gather
// where the path is slow.
const mostTried = 16 << 10

// TryWrite implements [stream.TryWriter].
func (l *link) TryWrite(p []byte) (int, error) {
	if !l.writing.TryLock() {
		return 0, nil // the stream is being ended: a Write will say so
	}
	defer l.writing.Unlock()
	p = p[:min(len(p), mostTried-l.tried)]
	if len(p) == 0 {
		return 0, nil
	}
	l.sent.Store(true)
	switch err := l.stream.TryWriteAll(p); {
	case err == nil:
		l.tried += len(p)
		return len(p), nil
	case errors.Is(err, quicgo.ErrWouldBlock):
		return 0, nil
	default:
		return 0, l.writeFailed(err)
	}
}

func (l *link) writeFailed(err error) error {
	if l.closed() {
		return net.ErrClosed
	}
	if err := explain(err); err != io.EOF {
		return err
	}
	return errPeerClosed
}

var errPeerClosed = errors.New("the peer has closed the connection")

// SetReadDeadline does nothing before the handshake is over, and nothing after
// Close.
func (l *link) SetReadDeadline(t time.Time) error {
	return l.deadline(func(s *quicgo.Stream) error { return s.SetReadDeadline(t) })
}

// SetWriteDeadline does nothing before the handshake is over, and nothing after
// Close.
func (l *link) SetWriteDeadline(t time.Time) error {
	return l.deadline(func(s *quicgo.Stream) error { return s.SetWriteDeadline(t) })
}

// SetDeadline is both.
func (l *link) SetDeadline(t time.Time) error {
	return l.deadline(func(s *quicgo.Stream) error { return s.SetDeadline(t) })
}

func (l *link) deadline(set func(*quicgo.Stream) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream == nil || l.closing {
		return nil
	}
	return set(l.stream)
}

// Close ends the stream, waits a moment until the peer has received everything,
// and leaves the rest of the waiting to a goroutine.
func (l *link) Close() error {
	l.mu.Lock()
	first, s := !l.closing, l.stream
	l.closing = true
	if first && s != nil {
		_ = s.SetWriteDeadline(time.Unix(1, 0)) // ends a Write
	}
	l.mu.Unlock()
	if first {
		go l.end(s) // ends after linger, at the latest
	}
	t := time.NewTimer(l.farewell())
	defer t.Stop()
	select {
	case <-l.ended:
	case <-t.C:
	}
	return nil
}

func (l *link) farewell() time.Duration {
	return min(max(4*l.conn.ConnectionStats().SmoothedRTT, shortFarewell), longFarewell)
}

// end flushes and closes the connection.
func (l *link) end(s *quicgo.Stream) {
	defer close(l.ended)
	code := codeClosed
	if s != nil {
		s.CancelRead(quicgo.StreamErrorCode(codeClosed)) // ends a Read, and the peer's writing
		l.writing.Lock()
		_ = s.Close() // an error says that the peer wants nothing more
		l.writing.Unlock()
		if l.sent.Load() {
			code = l.flush(s)
		}
	}
	_ = l.conn.CloseWithError(code, "")
	l.endpoint.release()
	for _, e := range l.extra { // closing: nobody adds one
		e.release()
	}
}

// flush waits until the peer has received everything or wants no more, and
// returns the code that tells what came of it.
func (l *link) flush(s *quicgo.Stream) quicgo.ApplicationErrorCode {
	limit, again := time.NewTimer(linger), time.NewTicker(look)
	defer limit.Stop()
	defer again.Stop()
	for {
		if refused(s) {
			return codeClosed
		}
		select {
		case <-l.conn.Context().Done():
			return codeClosed
		case <-limit.C:
			return codeGaveUp
		case <-again.C:
		}
	}
}

// refused reports whether the peer reads no more of what is written to s.
func refused(s *quicgo.Stream) bool {
	_, err := s.Write(nil)
	var e *quicgo.StreamError
	return errors.As(err, &e) && e.Remote
}

// LocalAddr and RemoteAddr are those of the time of the call.
func (l *link) LocalAddr() net.Addr  { return l.conn.LocalAddr() }
func (l *link) RemoteAddr() net.Addr { return l.conn.RemoteAddr() }
