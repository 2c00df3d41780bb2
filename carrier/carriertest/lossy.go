package carriertest

import (
	"context"
	"encoding/binary"

	"github.com/gosig/gosig/carrier"
)

// lossyCases are for media whose Traits do not promise everything: what is not
// Reliable may lose frames, what is not Ordered may swap them. Nothing else is
// allowed to either.
var lossyCases = []connCase{
	{
		"lost_but_never_damaged", "a medium that is not Reliable may lose a frame; what arrives is whole and was sent", false,
		func(k *kit, a, b carrier.Conn) {
			// What is damaged, tally has refused already.
			got := k.tally(a, b)
			k.check(len(got) > 0, "nothing at all arrived", "a part of what was sent")
		},
	},
	{
		"lost_but_never_doubled", "a frame arrives once at most, also where frames may be lost or swapped", false,
		func(k *kit, a, b carrier.Conn) {
			seen := make(map[int]bool)
			for _, n := range k.tally(a, b) {
				k.check(!seen[n], sprintf("frame %d arrived twice", n), "each frame once")
				seen[n] = true
			}
		},
	},
	{
		"lost_but_in_order", "a medium that is Ordered may not swap frames, also where it loses some", false,
		func(k *kit, a, b carrier.Conn) {
			if !a.Traits().Ordered {
				return
			}
			last := -1
			for _, n := range k.tally(a, b) {
				k.check(n > last, sprintf("frame %d after frame %d", n, last), "rising numbers")
				last = n
			}
		},
	},
	{
		"swapped_but_all_there", "a medium that is Reliable may not lose a frame, also where it swaps some", false,
		func(k *kit, a, b carrier.Conn) {
			if !a.Traits().Reliable {
				return
			}
			seen := make(map[int]bool)
			for _, n := range k.tally(a, b) {
				seen[n] = true
			}
			for n := range tallied {
				k.check(seen[n], sprintf("frame %d of %d never arrived", n, tallied), "all of them")
			}
		},
	},
}

// tallied is how many frames tally sends before it begins to ask for an end.
const tallied = 500

// tally sends numbered frames from a to b and returns the numbers in the order
// of arrival. It goes on sending until one of the later frames has come, and
// over a medium that is reliable until all of the first have: hence it ends
// unless the medium loses everything.
func (k *kit) tally(a, b carrier.Conn) []int {
	k.Helper()
	size := min(40, limitOf(a))
	ctx := k.deadline()
	sending, enough := context.WithCancel(ctx)
	sent := begin(func() (any, error) {
		for n := 0; sending.Err() == nil; n++ {
			err := a.Send(sending, batchOf(numbered(n, size)))
			if sending.Err() != nil && ctx.Err() == nil {
				break // nobody reads any more: a full medium ends only so
			}
			if err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	numbers, err := end(k, begin(func() ([]int, error) {
		defer enough()
		return k.collect(ctx, b, size)
	}), "Receive on a medium that may lose frames")
	if err != nil {
		k.broken(err.Error(), "frames that were sent")
	}
	must(k, sent, "Send")
	return numbers
}

func (k *kit) collect(ctx context.Context, c carrier.Conn, size int) (numbers []int, err error) {
	first := 0
	reliable := c.Traits().Reliable
	for late := false; !late || reliable && first < tallied; {
		batch, err := c.Receive(ctx, make([]byte, 4096))
		if err != nil {
			return nil, err
		}
		if err := carrier.Check(batch, c.Traits().MaxFrame); err != nil || len(batch) == 0 {
			return nil, errNoFrames
		}
		for f := range carrier.Frames(batch) {
			n, ok := numberOf(f, size)
			if !ok {
				return nil, &damaged{f}
			}
			k.steps.Add(1)
			numbers = append(numbers, n)
			late = late || n >= tallied
			if n < tallied {
				first++
			}
		}
		if len(numbers) > 100*tallied {
			break // some of the first are lost, which the cases judge
		}
	}
	return numbers, nil
}

// numbered is a frame with its number, or as much of it as fits, in clear.
func numbered(n, size int) []byte {
	f := frame(n, size)
	copy(f, binary.BigEndian.AppendUint32(nil, uint32(n)))
	return f
}

func numberOf(f []byte, size int) (int, bool) {
	if len(f) != size || size < 4 {
		return 0, false
	}
	n := int(binary.BigEndian.Uint32(f))
	return n, string(f) == string(numbered(n, size))
}

// damaged is a frame that nobody sent.
type damaged struct{ frame []byte }

func (d *damaged) Error() string { return "a frame that nobody sent: " + show(d.frame) }
