package ws

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/gosig/gosig/carrier"
)

// messageSize is the largest message that is sent, unless one frame alone is
// larger: who must buffer messages, as browsers do, knows how much.
const messageSize = 64 << 10

// pieceSize is the largest fragment: a frame of ours with 64 KiB of payload goes
// out in one.
const pieceSize = messageSize + 8<<10

var (
	errText     = fmt.Errorf("%w: a text message; gosig's are binary", carrier.ErrProtocol)
	errEmpty    = fmt.Errorf("%w: a message without a frame", carrier.ErrProtocol)
	errCut      = fmt.Errorf("%w: a message ends within a frame", carrier.ErrProtocol)
	errGone     = errors.New("the peer has closed the connection")
	errBroken   = errors.New("broken by an earlier Receive, which was cancelled")
	errTooLarge = errors.New("the peer, or a proxy on the way, accepts no message as large as that")
)

// messages is the stream of bytes that the binary messages of a WebSocket
// connection make, in both directions: package stream cuts it into frames. A
// Write is one message or several, each of whole frames; what is read must have
// come in such messages.
type messages struct {
	ws     *websocket.Conn
	socket *socket

	// Used by the goroutine in Read.
	msg    io.Reader // the message being read; nil: none
	empty  bool      // nothing has come of it yet
	frames boundary
	err    error // what has ended reading

	verdict atomic.Int64 // status code for the peer, if it broke a rule
}

// Read reads from the current message or waits for the next one.
func (m *messages) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.read(p)
	m.err = err
	if errors.Is(err, os.ErrDeadlineExceeded) {
		m.err = errBroken // package websocket has lost its place
	}
	return n, err
}

// read never returns bytes with an error: package websocket has not unmasked
// them yet.
func (m *messages) read(p []byte) (int, error) {
	for {
		if err := m.next(); err != nil {
			return 0, err
		}
		n, err := m.msg.Read(p)
		if err == nil {
			m.empty = m.empty && n == 0
			m.frames.pass(p[:n])
			return n, nil
		}
		if err != io.EOF {
			return 0, m.ended(err)
		}
		if err := m.complete(); err != nil {
			return 0, err
		}
	}
}

// next waits for a message unless one is being read.
func (m *messages) next() error {
	if m.msg != nil {
		return nil
	}
	kind, r, err := m.ws.Reader(context.Background())
	switch {
	case err != nil:
		return m.ended(err)
	case kind != websocket.MessageBinary:
		return m.violation(websocket.StatusUnsupportedData, errText)
	}
	m.msg, m.empty = r, true
	return nil
}

// complete checks a message that has come to its end. The end of the connection
// looks the same to package websocket.
func (m *messages) complete() error {
	switch {
	case !m.frames.whole() && m.socket.cut.Load():
		return io.ErrUnexpectedEOF
	case !m.frames.whole():
		return m.violation(websocket.StatusProtocolError, errCut)
	case m.empty && !m.socket.cut.Load():
		return m.violation(websocket.StatusProtocolError, errEmpty)
	}
	m.msg = nil
	return nil
}

func (m *messages) violation(code websocket.StatusCode, err error) error {
	m.verdict.Store(int64(code))
	return err
}

// ended turns an error of package websocket into one of package carrier.
func (m *messages) ended(err error) error {
	var closed websocket.CloseError
	var network net.Error
	switch {
	case errors.As(err, &closed):
		return m.closedByPeer(closed)
	case m.socket.cut.Load() && errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if m.frames.whole() && errors.Is(err, io.EOF) {
			return io.EOF
		}
		return io.ErrUnexpectedEOF
	case errors.Is(err, net.ErrClosed):
		return errGone // whether it was this side, package stream knows
	case m.socket.cut.Load(), errors.As(err, &network), errors.Is(err, errNotRead):
		return err
	}
	return m.violation(websocket.StatusProtocolError, fmt.Errorf("%w: %w", carrier.ErrProtocol, err))
}

func (m *messages) closedByPeer(closed websocket.CloseError) error {
	switch closed.Code {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd:
		if m.msg != nil || !m.frames.whole() {
			return io.ErrUnexpectedEOF
		}
		return io.EOF
	case websocket.StatusMessageTooBig:
		return fmt.Errorf("%w (status %d, %.125q)", errTooLarge, int(closed.Code), closed.Reason)
	}
	return fmt.Errorf("the peer closed the connection with status %d, %.125q", int(closed.Code), closed.Reason)
}

// Write sends a batch: as one message or, if it is large, as several.
func (m *messages) Write(batch []byte) (int, error) {
	n := 0
	for n < len(batch) {
		end, err := cut(batch[n:])
		if err != nil {
			return n, err
		}
		if err := m.send(batch[n : n+end]); err != nil {
			return n, err
		}
		n += end
	}
	return n, nil
}

// cut returns the end of the first message's worth of a batch.
func cut(batch []byte) (int, error) {
	if len(batch) <= messageSize {
		return len(batch), nil
	}
	end := 0
	for end < len(batch) {
		size, err := carrier.FrameLen(batch[end:])
		if err != nil {
			return 0, err
		}
		next := end + carrier.FrameOverhead + size
		if end > 0 && next > messageSize {
			break
		}
		end = next
	}
	return min(end, len(batch)), nil
}

// send sends one message, a large one in fragments: between them the answer to
// a ping finds its place.
func (m *messages) send(message []byte) error {
	ctx := context.Background() // package stream interrupts
	if len(message) <= pieceSize {
		return m.out(func() error { return m.ws.Write(ctx, websocket.MessageBinary, message) })
	}
	w, err := m.ws.Writer(ctx, websocket.MessageBinary)
	if err != nil {
		return m.out(func() error { return err })
	}
	for part := range slices.Chunk(message, pieceSize) {
		if err := m.out(func() error { _, err := w.Write(part); return err }); err != nil {
			return err
		}
	}
	return m.out(w.Close)
}

// out lets the writes of f gather and writes them, without a lock that the
// answer to a ping needs.
func (m *messages) out(f func() error) error {
	m.socket.cork()
	err := f()
	if flushed := m.socket.flush(); err == nil {
		err = flushed
	}
	if errors.Is(err, net.ErrClosed) {
		return errGone // whether it was this side, package stream knows
	}
	return err
}

// NetConn is what the messages cross, for package stream.
func (m *messages) NetConn() net.Conn { return m.socket.Conn }

// SetReadDeadline and SetWriteDeadline let package stream interrupt.
func (m *messages) SetReadDeadline(t time.Time) error { return m.socket.SetReadDeadline(t) }

// SetWriteDeadline is like SetReadDeadline.
func (m *messages) SetWriteDeadline(t time.Time) error { return m.socket.SetWriteDeadline(t) }

// Close tells the peer, as far as that needs no waiting for it, and closes. The
// deadlines keep package websocket from waiting for a peer's answer.
func (m *messages) Close() error {
	t := time.AfterFunc(farewell, func() { m.socket.Close() }) // TLS would wait longer
	defer t.Stop()
	_ = m.socket.SetWriteDeadline(time.Now().Add(farewell))
	_ = m.socket.SetReadDeadline(time.Unix(1, 0))
	code := websocket.StatusNormalClosure
	if verdict := m.verdict.Load(); verdict != 0 {
		code = websocket.StatusCode(verdict)
	}
	_ = m.ws.Close(code, "") // the peer may be gone, and has not answered: closed all the same
	m.socket.Close()
	return nil
}

// boundary follows the lengths of the frames in a stream of bytes.
type boundary struct {
	header [carrier.FrameOverhead]byte
	have   int    // bytes of header
	left   uint32 // bytes of the frame that are still to come
}

// pass takes the next bytes.
func (b *boundary) pass(p []byte) {
	for len(p) > 0 {
		if b.left > 0 {
			n := min(uint64(b.left), uint64(len(p)))
			b.left -= uint32(n)
			p = p[n:]
			continue
		}
		n := copy(b.header[b.have:], p)
		b.have += n
		p = p[n:]
		if b.have == len(b.header) {
			b.have, b.left = 0, binary.BigEndian.Uint32(b.header[:])
		}
	}
}

// whole reports whether the last frame is complete.
func (b *boundary) whole() bool { return b.have == 0 && b.left == 0 }
