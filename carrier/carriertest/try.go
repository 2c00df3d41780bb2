package carriertest

import (
	"net"

	"github.com/gosig/gosig/carrier"
)

var tryCases = []connCase{
	{
		"try_send", "TrySend writes what the medium takes at once, never blocks, and the rest comes first in the next Send", true,
		func(k *kit, a, b carrier.Conn) {
			c, ok := carrier.TrySenderOf(a)
			if !ok {
				return // an extra ability
			}
			var want [][]byte
			var rest []byte
			for size := min(32<<10, limitOf(a)); len(rest) == 0; { // nobody receives
				k.check(len(want)*size < muchTooMuch, "TrySend took everything from a sender whose peer does not receive", "it takes what there is room for")
				want = append(want, frame(len(want), size))
				batch := batchOf(want[len(want)-1])
				n, err := c.TrySend(batch)
				k.check(err == nil && 0 <= n && n <= len(batch), sprintf("TrySend of %d bytes returned %d, %v", len(batch), n, err), "how many were taken")
				rest = batch[n:]
			}
			last := frame(1, 10)
			want = append(want, last)
			sent := k.send(a, rest, batchOf(last))
			k.expect(b, want)
			must(k, sent, "Send")
			n, err := c.TrySend(batchOf(last))
			k.check(err == nil && n == len(batchOf(last)), sprintf("TrySend on an empty line returned %d, %v", n, err), "it takes what there is room for")
			k.expect(b, [][]byte{last})
		},
	},
	{
		"try_send_after_close", "after Close the error of TrySend matches net.ErrClosed", false,
		func(k *kit, a, b carrier.Conn) {
			c, ok := carrier.TrySenderOf(a)
			if !ok {
				return
			}
			a.Close()
			_, err := c.TrySend(batchOf(frame(1, 10)))
			k.wantErr("TrySend", err, net.ErrClosed)
		},
	},
}
