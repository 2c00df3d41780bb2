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
		return nil, notBegun(err)
	}
	batch, err := c.in.receiveLazily(from)
	c.finish(&c.readWatch)
	if err != nil {
		return nil, c.explain(ctx, "receive", err)
	}
	return batch, nil
}

// CanResume implements [carrier.Resumable]: sockets have deadlines.
func (c Socket) CanResume() bool { return c.deadlines != nil }

// notBegun is apart from ReceiveLazily for the sake of a stack that has 2 KiB: a
// goroutine may wait there for each of many connections.
//
//go:noinline
func notBegun(err error) error { return fmt.Errorf("receive: %w", err) }
