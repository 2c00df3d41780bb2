// Package linesim damages bytes as a serial line does, by a seed, for tests of
// what must survive that: flipped bits, lost and invented bytes, bursts in which
// nothing is right, breaks.
//
//	noise := linesim.New(linesim.Damage{BitErrors: 1e-4}, seed)
//	arrived = noise.Apply(arrived[:0], sent)
//
// A [Line] does so in real time, at a line's speed, between two ends such as a
// [Port], which a program opens by its path, and the socket of an emulated UART.
package linesim

import (
	"math"
	"math/rand/v2"
)

// Damage says how much goes wrong. Each is a mean: what happens when is random.
type Damage struct {
	BitErrors float64 // share of data bits that arrive flipped
	Drops     float64 // share of bytes that get lost
	Inserts   float64 // share of bytes before which a random one is invented
	Bursts    float64 // share of bytes at which a burst begins
	BurstLen  int     // bytes that a burst replaces by random ones; by default 20
	Breaks    float64 // share of bytes at which a break begins
	BreakLen  int     // bytes that a break replaces by zeros; by default 10
}

// Noise applies damage to the bytes of one direction, which come in any pieces.
// One goroutine uses it.
type Noise struct {
	damage Damage
	rng    *rand.Rand

	bits    float64 // until each next happens: data bits
	drop    float64 // bytes
	insert  float64
	burst   float64
	brk     float64
	inBurst int
	inBreak int
	counts  Counts
}

// Counts say what was done.
type Counts struct {
	Flipped  uint64 // bits
	Dropped  uint64 // bytes
	Inserted uint64 // bytes
	Bursts   uint64
	Breaks   uint64
}

// Counts returns what was done since New.
func (n *Noise) Counts() Counts { return n.counts }

// New returns noise that is the same for the same seed.
func New(damage Damage, seed uint64) *Noise {
	n := &Noise{rng: rand.New(rand.NewPCG(seed, 0x6c696e65))}
	n.Set(damage)
	return n
}

// Set changes what goes wrong from now on.
func (n *Noise) Set(damage Damage) {
	if damage.BurstLen == 0 {
		damage.BurstLen = 20
	}
	if damage.BreakLen == 0 {
		damage.BreakLen = 10
	}
	n.damage = damage
	n.bits, n.drop = n.gap(damage.BitErrors), n.gap(damage.Drops)
	n.insert, n.burst, n.brk = n.gap(damage.Inserts), n.gap(damage.Bursts), n.gap(damage.Breaks)
}

// gap returns how many go well before the next that does not.
func (n *Noise) gap(share float64) float64 {
	switch {
	case share <= 0:
		return math.Inf(1)
	case share >= 1:
		return 0
	}
	return math.Floor(math.Log(1-n.rng.Float64()) / math.Log1p(-share))
}

// due counts one down, and reports whether this one does not go well.
func (n *Noise) due(left *float64, share float64) bool {
	if *left--; *left >= 0 {
		return false
	}
	*left = n.gap(share)
	return true
}

// Apply appends to dst what arrives of p.
func (n *Noise) Apply(dst, p []byte) []byte {
	for len(p) > 0 {
		if k := n.clean(len(p)); k > 0 {
			dst, p = append(dst, p[:k]...), p[k:]
			continue
		}
		b := p[0]
		p = p[1:]
		if n.due(&n.insert, n.damage.Inserts) {
			n.counts.Inserted++
			dst = append(dst, byte(n.rng.Uint32()))
		}
		if n.due(&n.burst, n.damage.Bursts) {
			n.counts.Bursts++
			n.inBurst = n.damage.BurstLen
		}
		if n.due(&n.brk, n.damage.Breaks) {
			n.counts.Breaks++
			n.inBreak = n.damage.BreakLen
		}
		b = n.flip(b)
		switch {
		case n.due(&n.drop, n.damage.Drops):
			n.counts.Dropped++
			continue
		case n.inBreak > 0:
			n.inBreak--
			b = 0
		case n.inBurst > 0:
			n.inBurst--
			b = byte(n.rng.Uint32())
		}
		dst = append(dst, b)
	}
	return dst
}

// clean returns how many of the next bytes nothing happens to, at most limit,
// and counts them.
func (n *Noise) clean(limit int) int {
	if n.inBurst > 0 || n.inBreak > 0 {
		return 0
	}
	k := min(float64(limit), math.Floor(n.bits/8), n.drop, n.insert, n.burst, n.brk)
	n.bits -= 8 * k
	n.drop, n.insert, n.burst, n.brk = n.drop-k, n.insert-k, n.burst-k, n.brk-k
	return int(k)
}

// flip damages the eight bits of a byte.
func (n *Noise) flip(b byte) byte {
	for n.bits < 8 {
		b ^= 1 << int(n.bits)
		n.counts.Flipped++
		n.bits += 1 + n.gap(n.damage.BitErrors)
	}
	n.bits -= 8
	return b
}
