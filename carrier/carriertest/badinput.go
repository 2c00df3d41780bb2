package carriertest

import (
	"context"
	"encoding/binary"
	"io"
	"runtime"
	"time"

	"github.com/gosig/gosig/carrier"
)

// badInputCases hand to Send what nobody should, in the place of a peer that
// does not keep to the rules. Send may refuse it; what it lets pass the other
// end must not take for frames.
var badInputCases = []connCase{
	{
		"cut_inside_a_frame", "a connection that ends inside a frame ends with io.ErrUnexpectedEOF, and Receive returns no part of the frame", true,
		func(k *kit, a, b carrier.Conn) {
			cut := batchOf(frame(1, 1000))
			k.wantRefused(a, b, cut[:len(cut)-1], io.ErrUnexpectedEOF, carrier.ErrProtocol)
		},
	},
	{
		"cut_inside_a_length", "a connection that ends inside the length of a frame ends with io.ErrUnexpectedEOF", true,
		func(k *kit, a, b carrier.Conn) {
			k.wantRefused(a, b, []byte{0, 0, 0}, io.ErrUnexpectedEOF, carrier.ErrProtocol)
		},
	},
	{
		"frame_of_length_0", "a frame of length 0 violates the framing: ErrProtocol", true,
		func(k *kit, a, b carrier.Conn) {
			k.wantRefused(a, b, []byte{0, 0, 0, 0}, carrier.ErrProtocol)
		},
	},
	{
		"declared_length", "a buffer grows with the bytes that arrive, never by a length that was only declared", true,
		func(k *kit, a, b carrier.Conn) {
			carrier.SetMaxFrame(b, 1<<30)
			declared := append(binary.BigEndian.AppendUint32(nil, 1<<30-1), frame(0, 100)...)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			k.wantRefused(a, b, declared, io.ErrUnexpectedEOF, carrier.ErrProtocol, carrier.ErrFrameTooLarge)
			runtime.ReadMemStats(&after)
			const bound = 64 << 20
			took := after.TotalAlloc - before.TotalAlloc
			k.check(took < bound, sprintf("%d bytes were allocated for 100 that came", took), "memory that follows what came")
		},
	},
}

// wantRefused sends a good frame and then bad bytes from a to b, and closes a.
// The good frame must arrive, and the rest be an error that matches one of the
// targets; where Send has refused it, any end of the connection will do.
func (k *kit) wantRefused(a, b carrier.Conn, bad []byte, targets ...error) {
	k.Helper()
	good := frame(0, 10)
	first := k.send(a, batchOf(good))
	k.expect(b, [][]byte{good})
	must(k, first, "Send")
	ctx := k.deadline()
	sent := begin(func() (any, error) { return nil, a.Send(ctx, bad) })
	received := begin(func() ([]byte, error) { return b.Receive(context.Background(), make([]byte, 4096)) })
	_, refused := end(k, sent, "Send")
	early, ok := within(received, 20*time.Millisecond) // it may have to be seen before the end
	k.closeSoon(a)
	batch, err := early.value, early.err
	if !ok {
		batch, err = end(k, received, "Receive of what is no frame, from a peer that then closed")
	}
	k.check(err != nil, sprintf("Receive returned %s", show(batch)), "an error")
	if refused == nil {
		k.wantErr("Receive", err, targets...)
	}
}
