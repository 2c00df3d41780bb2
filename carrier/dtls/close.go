package dtls

import (
	"context"
	"sync"
	"time"

	"github.com/pion/sctp"
)

const (
	// stalled is how long Close waits without any of what was sent being
	// acknowledged: more than two attempts to send it over most paths.
	// farewell is how long it waits in all, looksEvery how often it looks.
	stalled    = 800 * time.Millisecond
	farewell   = 2 * time.Second
	looksEvery = 50 * time.Millisecond
	// hastens is how many times, and hastenEvery how often, Close asks for an
	// acknowledgement that is due.
	hastens     = 3
	hastenEvery = 10 * time.Millisecond
)

// nudgeID is the stream of what hasten sends. Whoever receives it leaves it
// alone, as it does all streams but the one.
const nudgeID = 1

// Close implements io.Closer: what was written is delivered if the peer goes on
// acknowledging it, then both ends learn of the end.
func (c *channel) Close() error {
	c.closed.Store(true)
	if c.watch != nil {
		c.watch.close()
	}
	if c.opened.Load() {
		c.shutdown()
	}
	if c.assoc != nil {
		_ = c.assoc.Close() // says goodbye in DTLS as well
	}
	if c.dtls != nil {
		_ = c.dtls.Close()
	}
	_ = c.link.Close()
	c.wg.Wait()
	c.link.release()
	return nil
}

// shutdown ends the association in order, so that the peer has everything when
// it learns of the end. Where that takes too long it is aborted: the peer gets
// an error and not an end that looks complete.
func (c *channel) shutdown() {
	select {
	case <-c.gone:
		return // it has ended
	default:
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	wg.Go(func() { c.giveUp(ctx, cancel) }) // ends with ctx
	c.hasten()
	if err := c.assoc.Shutdown(ctx); err != nil && ctx.Err() != nil {
		c.assoc.Abort("closed before all was taken")
	}
}

// hasten has the last packet acknowledged at once. A receiver may keep an
// acknowledgement back for 200 ms, in the hope of a second packet to acknowledge
// with it (RFC 9260 §6.2): here is one. It must come before the association is
// told to end, since nothing can be sent then.
func (c *channel) hasten() {
	tick := time.NewTicker(hastenEvery)
	defer tick.Stop()
	var nudge *sctp.Stream
	for range hastens {
		if c.strm.BufferedAmount() == 0 {
			return
		}
		select {
		case <-c.gone:
			return
		case <-tick.C:
		}
		if waiting := c.strm.BufferedAmount(); waiting == 0 || waiting > maxMessage {
			continue // nothing to hasten, or so much that it is not the last packet's turn
		}
		if nudge == nil {
			var err error
			if nudge, err = c.assoc.OpenStream(nudgeID, sctp.PayloadTypeWebRTCBinary); err != nil {
				return // the association has ended, or the peer has used the number
			}
		}
		if _, err := nudge.Write([]byte{0}); err != nil {
			return // what is not acknowledged in time is waited for
		}
	}
}

// giveUp ends the waiting when nothing is acknowledged any more, and at once
// when the peer has no room since nobody there receives.
func (c *channel) giveUp(ctx context.Context, cancel context.CancelFunc) {
	tick := time.NewTicker(looksEvery)
	defer tick.Stop()
	last, since := c.strm.BufferedAmount(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := c.strm.BufferedAmount()
		if now < last {
			last, since = now, time.Now()
		}
		if time.Since(since) > stalled || now > 0 && c.assoc.RWND() < c.assoc.MTU() {
			cancel()
			return
		}
	}
}
