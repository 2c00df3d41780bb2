package quic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	quicgo "github.com/quic-go/quic-go"

	"github.com/gosig/gosig/carrier"
)

// waitingDatagrams is how many datagrams may wait for the congestion window
// beside those in QUIC's own queue.
const waitingDatagrams = 64

// datagrams hands datagrams to QUIC, whose own function blocks while its queue
// is full.
type datagrams struct {
	start sync.Once
	queue chan []byte // capacity waitingDatagrams; never closed
	quit  chan struct{}
	wg    sync.WaitGroup

	mu     sync.Mutex
	closed bool
}

// tooMuch is longer than any datagram: QUIC refuses it with the size that fits.
var tooMuch = make([]byte, 1<<16)

// MaxDatagram implements [carrier.Datagrams]. It may grow and shrink with what
// the path takes.
func (c *Conn) MaxDatagram() int {
	if c.identity.Load() == nil || !c.takeDatagrams {
		return 0
	}
	var e *quicgo.DatagramTooLargeError
	if errors.As(c.link.conn.SendDatagram(tooMuch), &e) {
		return int(e.MaxDatagramPayloadSize)
	}
	return 0
}

// SendDatagram implements [carrier.Datagrams].
func (c *Conn) SendDatagram(frame []byte) error {
	if c.link.closed() {
		return fmt.Errorf("send datagram: %w", net.ErrClosed)
	}
	if limit := c.MaxDatagram(); len(frame) > limit {
		return fmt.Errorf("send datagram: %w", carrier.TooLarge(len(frame), limit))
	}
	return c.datagrams.send(c.link.conn, frame)
}

func (d *datagrams) send(qc *quicgo.Conn, frame []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fmt.Errorf("send datagram: %w", net.ErrClosed)
	}
	d.start.Do(func() {
		d.queue, d.quit = make(chan []byte, waitingDatagrams), make(chan struct{})
		d.wg.Go(func() { d.run(qc) }) // ends with the connection
	})
	select {
	case d.queue <- append([]byte(nil), frame...):
		return nil
	default:
		return fmt.Errorf("send datagram: %w", carrier.ErrNoRoom)
	}
}

func (d *datagrams) run(qc *quicgo.Conn) {
	for {
		select {
		case <-d.quit:
			return
		case <-qc.Context().Done():
			return
		case frame := <-d.queue:
			_ = qc.SendDatagram(frame) // lost, as any datagram may be
		}
	}
}

// close ends the goroutine, as far as the connection that it may wait for lets
// it: that ends soon.
func (d *datagrams) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed && d.quit != nil {
		close(d.quit)
	}
	d.closed = true
}

// ReceiveDatagram implements [carrier.Datagrams].
func (c *Conn) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	if err := c.Handshake(ctx); err != nil {
		return nil, err
	}
	ask := ctx
	if ctx.Err() != nil {
		ask = asItIs{context.Background()}
	}
	frame, err := c.link.conn.ReceiveDatagram(ask)
	switch {
	case frame != nil:
		return frame, nil
	case c.link.closed():
		return nil, fmt.Errorf("receive datagram: %w", net.ErrClosed)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("receive datagram: %w", ctx.Err())
	}
	return nil, explain(err)
}

// asItIs is a context that has ended, but does not say so until somebody waits: QUIC
// looks for a datagram before that, which it does not do for one that says so.
type asItIs struct{ context.Context }

// Done implements [context.Context].
func (asItIs) Done() <-chan struct{} { return over }

var over = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
