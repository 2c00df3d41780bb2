package dtls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/sctp"
	"github.com/pion/transport/v5/deadline"
)

const (
	// streamID is the one stream of an association.
	streamID = 0
	// maxMessage is the largest SCTP message written: pieces of a byte
	// stream, since the cost of putting one together grows with the square
	// of its size.
	maxMessage = 16 << 10
	// largestMessage is the largest one read; another implementation may
	// choose larger pieces.
	largestMessage = 256 << 10
	// sendBuffer is how much may be under way or waiting before a Write
	// waits, and wakeBelow when it goes on.
	sendBuffer = 1 << 20
	wakeBelow  = sendBuffer / 2
	// receiveBuffer is how much the peer may send before it is read.
	receiveBuffer = 1 << 20
)

// shortest and longest wait before something unacknowledged is sent again. The
// former must be longer than 200 ms, by which an acknowledgement may be delayed.
const (
	shortestRTO = 300 * time.Millisecond
	longestRTO  = 2 * time.Second
)

// leastPackets is how many packets may be under way, however many were lost: a
// few less than TCP begins with.
const leastPackets = 8

// retransmission returns the longest wait for an acknowledgement over a path
// with the given round trip. SCTP's own bounds, 1 s to 60 s, are made for links
// that suffer from impatience; here one lost datagram would hold up everything
// for a second, and a few in a row for minutes.
func retransmission(roundTrip time.Duration) time.Duration {
	return min(max(shortestRTO+2*roundTrip, shortestRTO), longestRTO)
}

// channel is the byte stream of a conn: one stream of an SCTP association over
// DTLS. Read and Write are used only after the association was made.
type channel struct {
	link  link
	dtls  *dtls.Conn
	assoc *sctp.Association
	strm  *sctp.Stream

	room  chan struct{} // 1: one sign is enough; never closed
	gone  chan struct{} // closed when the association has ended
	wg    sync.WaitGroup
	watch *watch // nil: no keepalive

	rest        []byte  // of the last message, in scratch
	scratch     *[]byte // from messages; nil: none is in use
	interrupted atomic.Bool
	deadline    *deadline.Deadline // for writing

	backlog atomic.Int64 // what may wait beyond what is under way, see LimitBacklog; 0: sendBuffer in all

	opened atomic.Bool // the association exists
	closed atomic.Bool
}

func newChannel(l link) *channel {
	return &channel{link: l, room: make(chan struct{}, 1), gone: make(chan struct{}), deadline: deadline.New()}
}

// messages are buffers for messages that the reader's buffer is too small for.
var messages = sync.Pool{New: func() any {
	b := make([]byte, maxMessage)
	return &b
}}

// steady is the DTLS connection beneath an association. An error of a single
// record says nothing about the next, but would end the association.
type steady struct{ *dtls.Conn }

func (s steady) Read(p []byte) (int, error) {
	for {
		n, err := s.Conn.Read(p)
		var passing *dtls.TemporaryError
		if err != nil && errors.As(err, &passing) {
			continue
		}
		return n, err
	}
}

// open makes the association. The end of ctx breaks it off; it has then to be
// closed as after success.
func (c *channel) open(ctx context.Context, conn *dtls.Conn, client bool, mtu int) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	options := sctp.Config{
		NetConn: steady{conn}, LoggerFactory: silence{}, Name: "gosig",
		MTU: uint32(mtu), MaxReceiveBufferSize: receiveBuffer, MaxMessageSize: largestMessage,
		// With less under way a loss is noticed by the timer only.
		MinCwnd: uint32(leastPackets * mtu), FastRtxWnd: uint32(leastPackets * mtu),
		// DTLS has checked every bit already (RFC 9653).
		EnableZeroChecksum: true,
		RTOMax:             float64(retransmission(c.link.roundTrip()) / time.Millisecond),
	}
	var err error
	if client {
		c.assoc, err = sctp.ClientWithOptions(options)
	} else {
		c.assoc, err = sctp.ServerWithOptions(options)
	}
	if err == nil {
		c.strm, err = c.assoc.OpenStream(streamID, sctp.PayloadTypeWebRTCBinary)
	}
	if err != nil {
		return fmt.Errorf("SCTP association over DTLS: %w", err)
	}
	c.strm.SetBufferedAmountLowThreshold(wakeBelow)
	c.strm.OnBufferedAmountLow(func() { signal(c.room) })
	c.wg.Go(c.awaitEnd) // ends with the association
	c.opened.Store(true)
	return nil
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// awaitEnd closes gone when the association has ended. Streams other than the
// one are left alone: what the peer sends on them counts against its window.
func (c *channel) awaitEnd() {
	defer close(c.gone)
	for {
		if _, err := c.assoc.AcceptStream(); err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (c *channel) Read(p []byte) (int, error) {
	if len(c.rest) > 0 {
		return c.takeRest(p), nil
	}
	n, err := c.message(p)
	if errors.Is(err, io.ErrShortBuffer) {
		return c.readApart(p, n)
	}
	return n, err
}

// readApart reads a message of n bytes, for which p is too small.
func (c *channel) readApart(p []byte, n int) (int, error) {
	if n > largestMessage {
		return 0, fmt.Errorf("the peer sent an SCTP message of %d bytes, at most %d are allowed", n, largestMessage)
	}
	c.scratch = messages.Get().(*[]byte)
	if len(*c.scratch) < n {
		large := make([]byte, n)
		c.scratch = &large
	}
	n, err := c.message(*c.scratch)
	if err != nil {
		return 0, err
	}
	c.rest = (*c.scratch)[:n]
	return c.takeRest(p), nil
}

func (c *channel) takeRest(p []byte) int {
	n := copy(p, c.rest)
	if c.rest = c.rest[n:]; len(c.rest) == 0 {
		c.rest = nil
		if len(*c.scratch) == maxMessage {
			messages.Put(c.scratch)
		}
		c.scratch = nil
	}
	return n
}

// message reads one SCTP message; where p is too small, it returns the size and
// io.ErrShortBuffer, and the message stays.
func (c *channel) message(p []byte) (int, error) {
	for {
		n, err := c.strm.Read(p)
		switch {
		case err == nil, errors.Is(err, io.ErrShortBuffer):
			return n, err
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return 0, c.ended(err)
		case c.interrupted.Load():
			return 0, os.ErrDeadlineExceeded
		}
		// A deadline that was taken back has struck all the same.
		_ = c.strm.SetReadDeadline(time.Time{})
	}
}

// ended says why the association has ended.
func (c *channel) ended(err error) error {
	if why := c.link.reason(); why != nil {
		return why
	}
	if c.closed.Load() {
		return net.ErrClosed
	}
	return brokenOff(err) // io.EOF: the peer has announced it
}

// Write implements io.Writer.
func (c *channel) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		if err := c.awaitRoom(); err != nil {
			return done, err
		}
		n, err := c.strm.Write(p[done:min(done+maxMessage, len(p))])
		if err != nil {
			return done, c.unwritten(err)
		}
		done += n
	}
	return len(p), nil
}

// awaitRoom waits while too much is not acknowledged yet.
func (c *channel) awaitRoom() error {
	for {
		select {
		case <-c.deadline.Done():
			return os.ErrDeadlineExceeded
		case <-c.gone:
			return c.unwritten(errGone)
		default:
		}
		if c.roomNow() {
			return nil
		}
		select {
		case <-c.room:
		case <-c.deadline.Done():
		case <-c.gone:
		}
	}
}

// roomNow reports whether more may be written. If not, room tells when to ask
// again.
func (c *channel) roomNow() bool {
	limit := uint64(sendBuffer)
	if backlog := c.backlog.Load(); backlog > 0 {
		wake := uint64(c.assoc.CWND()) + uint64(backlog)/2
		limit = min(limit, wake+uint64(backlog)/2)
		c.strm.SetBufferedAmountLowThreshold(wake)
	}
	return c.strm.BufferedAmount() < limit
}

// LimitBacklog lets no more than about n bytes wait until the peer and the path
// take what is under way.
func (c *channel) LimitBacklog(n int) { c.backlog.Store(int64(n)) }

func (c *channel) unwritten(err error) error {
	if why := c.link.reason(); why != nil {
		return why
	}
	if c.closed.Load() {
		return net.ErrClosed
	}
	return fmt.Errorf("%w (%w)", errGone, brokenOff(err))
}

// SetReadDeadline implements what carrier/stream asks for. Only deadlines that
// have passed, and none, are ever set.
func (c *channel) SetReadDeadline(t time.Time) error {
	c.interrupted.Store(!t.IsZero())
	if !c.opened.Load() {
		return nil
	}
	return c.strm.SetReadDeadline(t)
}

// SetWriteDeadline implements what carrier/stream asks for.
func (c *channel) SetWriteDeadline(t time.Time) error {
	c.deadline.Set(t)
	return nil
}
