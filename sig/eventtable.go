package sig

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"unsafe"
)

// eventTable finds a sender's events by name. It is a hash table that is made
// when the sender connects and does not grow: two places in three are taken, and
// who finds one taken by another event looks at the next. A place is half a cache
// line and holds what [Sender.Emit] needs, because somebody with 100,000 events
// pays for every line that emitting touches.
type eventTable []eventPlace

type eventPlace struct {
	name  Name   // "": free
	tag   uint32 // of the hash, so that other names need not be read
	index uint32 // of the route
	// sole is the only handler, if it is all there is to do. The registry's lock
	// guards changes.
	sole taker[any]
}

func newEventTable(events int) eventTable { return make(eventTable, events+events/2+1) }

// find returns the place of an event, or nil.
func (t eventTable) find(event Name) *eventPlace {
	h := hashName(event)
	for i := t.first(h); ; i++ {
		if i == uint64(len(t)) {
			i = 0
		}
		p := &t[i]
		if p.name == "" {
			return nil
		}
		if p.tag == uint32(h) && p.name == event {
			return p
		}
	}
}

// add takes a place for an event that has none yet.
func (t eventTable) add(event Name, index int) *eventPlace {
	h := hashName(event)
	i := t.first(h)
	for t[i].name != "" {
		i = (i + 1) % uint64(len(t))
	}
	t[i].name, t[i].tag, t[i].index = event, uint32(h), uint32(index)
	return &t[i]
}

// first is where the search begins: the hash as a fraction of the table.
func (t eventTable) first(hash uint64) uint64 {
	i, _ := bits.Mul64(hash, uint64(len(t)))
	return i
}

// hashKeys differ from process to process: a peer that declares events cannot
// choose names that meet in one place.
var hashKeys = [2]uint64{rand.Uint64(), rand.Uint64() | 1}

// hashName takes eight bytes at a time, the last eight perhaps twice, and mixes once
// more in the end: without that some keys put names that count up close together. A call of
// hash/maphash takes almost twice as long for names of usual length.
func hashName(name Name) uint64 {
	h := hashKeys[0] ^ uint64(len(name))
	if len(name) < 8 {
		var word uint64
		for i := range len(name) {
			word = word<<8 | uint64(name[i])
		}
		return mix(mix(h ^ word))
	}
	for rest := name; len(rest) > 8; rest = rest[8:] {
		h = mix(h ^ word(rest))
	}
	return mix(mix(h ^ word(name[len(name)-8:])))
}

// mix multiplies, and folds the product.
func mix(v uint64) uint64 {
	high, low := bits.Mul64(v, hashKeys[1])
	return high ^ low
}

// word is the first eight bytes; the compiler makes one load of it.
func word(s Name) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// taker holds a function that some load while another stores. A function is a
// pointer, for which package atomic has no type: an [atomic.Pointer] to it would be
// one more cache line away, and an [atomic.Value] is twice as large.
type taker[T any] struct{ f unsafe.Pointer }

func (t *taker[T]) load() func(EventOf[T]) {
	f := atomic.LoadPointer(&t.f)
	return *(*func(EventOf[T]))(unsafe.Pointer(&f))
}

func (t *taker[T]) store(f func(EventOf[T])) {
	atomic.StorePointer(&t.f, *(*unsafe.Pointer)(unsafe.Pointer(&f)))
}
