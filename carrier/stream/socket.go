package stream

import (
	"context"
	"fmt"

	"github.com/gosig/gosig/carrier"
)

// Socket is a Conn that is also a [carrier.LazyReceiver]. It is for streams of
// the operating system's, TCP and Unix sockets; others are read as by Conn. A
// type of its own, so that a carrier which embeds a Conn and adds something to
// its Receive does not have another way to receive without knowing.
type Socket struct{ *Conn }

// ReceiveLazily is Receive without a buffer while nothing arrives.
func (c Socket) ReceiveLazily(ctx context.Context, from carrier.BufferSource) ([]byte, error) {
	if err := c.begin(ctx, &c.readWatch); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	batch, err := c.in.receiveLazily(from)
	c.finish(&c.readWatch)
	if err != nil {
		return nil, c.explain(ctx, "receive", err)
	}
	return batch, nil
}
