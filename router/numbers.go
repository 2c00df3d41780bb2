package router

import (
	"cmp"
	"slices"
	"time"
)

// numberPool hands out blocks of consecutive numbers, the lowest first. A block
// that is given back rests before it is used again, so that what a peer still
// says about the old owner cannot be taken for the new one.
//
//	 0                                            next             bound
//	|  in use  | free | in use | resting | in use | never used ... |
type numberPool struct {
	bound   uint32 // numbers end below it; 0: at the end of 32 bits
	next    uint32
	resting []block // the one that has rested longest first
	tired   int     // numbers in resting
	free    []block // by number; neighbours are one
}

type block struct {
	first uint32
	size  int
	since time.Time // when it was given back
}

const (
	restBlocks = 1024        // so many blocks rest,
	restShare  = 4           // but no more than this part of all numbers,
	restTime   = time.Minute // and when there are no others, none for longer
)

// spared are the numbers of routes that take one byte on the wire, of which nobody
// makes use who has enough others. A router has more routes than that, or soon had: if
// its peers used them, it could not write its own number over the one with which an
// event has come, and would have to copy whatever it passes on (see passingRun).
const spared = 128

// firstRoute is where the numbers of routes begin below a bound.
func firstRoute(bound int) uint32 {
	if bound < 2*spared {
		return 0
	}
	return spared
}

// limit bounds the numbers by what the strictest of the routers here takes, as
// its peers are likely to take as much.
func (p *numberPool) limit(bound int) {
	if p.bound == 0 || uint32(bound) < p.bound {
		p.bound = uint32(bound)
	}
}

// get assigns a block; ok is false if there is none.
func (p *numberPool) get(size int) (first uint32, ok bool) {
	if size == 0 {
		return 0, true
	}
	if first, ok = p.lowest(size); !ok {
		p.wake(func(b block) bool { return time.Since(b.since) >= restTime })
		first, ok = p.lowest(size)
	}
	return first, ok
}

func (p *numberPool) lowest(size int) (first uint32, ok bool) {
	for i := range p.free {
		b := &p.free[i]
		if b.size < size {
			continue
		}
		first = b.first
		b.first += uint32(size)
		if b.size -= size; b.size == 0 {
			p.free = slices.Delete(p.free, i, i+1)
		}
		return first, true
	}
	end := uint64(p.next) + uint64(size)
	if end > uint64(p.end()) {
		return 0, false
	}
	first, p.next = p.next, uint32(end)
	return first, true
}

func (p *numberPool) end() uint32 {
	if p.bound == 0 {
		return ^uint32(0)
	}
	return p.bound
}

// put gives a block back.
func (p *numberPool) put(first uint32, size int) {
	if size == 0 {
		return
	}
	p.resting = append(p.resting, block{first, size, time.Now()})
	p.tired += size
	p.wake(func(block) bool { return len(p.resting) > restBlocks || p.tired > int(p.end()/restShare) })
}

// wake frees resting blocks, the oldest first, as long as they may be.
func (p *numberPool) wake(may func(block) bool) {
	n := 0
	for ; len(p.resting) > 0 && may(p.resting[0]); n++ {
		b := p.resting[0]
		p.resting = p.resting[1:]
		p.tired -= b.size
		p.release(b)
	}
}

// release adds a block to the free ones.
func (p *numberPool) release(b block) {
	i, _ := slices.BinarySearchFunc(p.free, b.first, func(f block, first uint32) int { return cmp.Compare(f.first, first) })
	p.free = slices.Insert(p.free, i, b)
	p.join(i)
	if i > 0 {
		p.join(i - 1)
	}
	if n := len(p.free); p.free[n-1].end() == p.next {
		p.next = p.free[n-1].first
		p.free = p.free[:n-1]
	}
}

// join makes one of a free block and the one behind it, if nothing is between.
func (p *numberPool) join(i int) {
	if i+1 < len(p.free) && p.free[i].end() == p.free[i+1].first {
		p.free[i].size += p.free[i+1].size
		p.free = slices.Delete(p.free, i+1, i+2)
	}
}

func (b block) end() uint32 { return b.first + uint32(b.size) }
