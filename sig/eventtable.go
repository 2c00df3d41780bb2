package sig

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"unsafe"
)

// eventTable finds a sender's events by name. It is a hash table that is made when
// the sender connects, and in which no two names meet: they are spread over buckets,
// and each bucket has a pilot, the first number that sends all of its names to places
// that are free. Where names meet, a search takes more turns for some than for
// others; the processor guesses how many, and is wrong for every other name. A place
// is half a cache line and holds what [Sender.Emit] needs, because somebody with
// 100,000 events pays for every line that emitting touches.
//
//	hash ─┬─ bucket ─ pilot ─┐
//	      └──────────────────┴─ place
type eventTable struct {
	places []eventPlace
	pilots []uint8 // of the buckets; their number is a power of two
	// keys differ from table to table: a peer that declares events cannot choose
	// names that meet.
	keys [2]uint64
}

type eventPlace struct {
	name  Name
	route *Route // nil: free
	// sole is the only handler, if it is all there is to do. The registry's lock
	// guards changes.
	sole taker[any]
}

// newEventTable gives each route its place. If two have the same name, it returns
// one of them. Two places in three are taken, and a bucket has two to four names on
// average: so nearly every table succeeds with its first keys.
func newEventTable(routes []*Route) (t eventTable, twice *Route) {
	room := len(routes) + len(routes)/2
	for try := 1; ; try++ {
		t = eventTable{
			places: make([]eventPlace, max(room, 1)),
			pilots: make([]uint8, 1<<bits.Len(uint(len(routes)/4))),
			keys:   [2]uint64{rand.Uint64(), rand.Uint64() | 1},
		}
		ok, twice := t.fill(routes)
		if ok || twice != nil {
			return t, twice
		}
		if try%8 == 0 {
			room += 1 + room/8
		}
	}
}

// find returns the place of an event, or nil.
func (t *eventTable) find(event Name) *eventPlace {
	h := t.hash(event)
	p := &t.places[t.at(h, t.pilots[t.bucket(h)])]
	if p.name != event || p.route == nil {
		return nil
	}
	return p
}

func (t *eventTable) bucket(hash uint64) uint64 { return hash & uint64(len(t.pilots)-1) }

// at is where a pilot sends a hash: their product as a fraction of the table.
func (t *eventTable) at(hash uint64, pilot uint8) uint64 {
	i, _ := bits.Mul64(hash*(t.keys[1]+2*uint64(pilot)), uint64(len(t.places)))
	return i
}

// fill finds the pilots, those of the largest buckets first, while there is room. It
// reports false if a bucket has none.
func (t *eventTable) fill(routes []*Route) (ok bool, twice *Route) {
	names := make([]hashed, len(routes))
	first := make([]int, len(t.pilots)) // of a bucket's names, as hashed.next is
	sizes := make([]int, len(t.pilots))
	for i, rt := range routes {
		h := t.hash(rt.name)
		b := t.bucket(h)
		names[i] = hashed{rt, h, first[b]}
		first[b], sizes[b] = i+1, sizes[b]+1
	}
	for size := slices.Max(sizes); size > 0; size-- {
		for b, n := range sizes {
			if n != size {
				continue
			}
			if ok, twice := t.steer(b, names, first[b]); !ok {
				return false, twice
			}
		}
	}
	return true, nil
}

// hashed is a name on its way to its place.
type hashed struct {
	route *Route
	hash  uint64
	next  int // in the same bucket, one more; 0: none
}

// steer finds the pilot of a bucket.
func (t *eventTable) steer(bucket int, names []hashed, first int) (ok bool, twice *Route) {
	for pilot := range 256 {
		i := first
		for i > 0 {
			n := &names[i-1]
			p := &t.places[t.at(n.hash, uint8(pilot))]
			if p.route != nil {
				if p.name == n.route.name {
					return false, n.route
				}
				break
			}
			p.name, p.route = n.route.name, n.route
			n.route.place = p
			i = n.next
		}
		if i == 0 {
			t.pilots[bucket] = uint8(pilot)
			return true, nil
		}
		for j := first; j != i; j = names[j-1].next { // give back what it has taken
			*names[j-1].route.place = eventPlace{}
		}
	}
	return false, nil
}

// hash takes sixteen bytes at a time, and the last sixteen or eight perhaps twice.
func (t *eventTable) hash(name Name) uint64 {
	h, n := t.keys[0]^uint64(len(name)), len(name)
	for rest := name; len(rest) > 16; rest = rest[16:] {
		h = fold(h^word(rest), t.keys[1]^word(rest[8:]))
	}
	switch {
	case n >= 16:
		return fold(h^word(name[n-16:]), t.keys[1]^word(name[n-8:]))
	case n >= 8:
		return fold(h^word(name), t.keys[1]^word(name[n-8:]))
	}
	w := uint64(0)
	for i := range n {
		w = w<<8 | uint64(name[i])
	}
	return fold(h^w, t.keys[1])
}

// fold multiplies, and lays the halves of the product over each other.
func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
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
