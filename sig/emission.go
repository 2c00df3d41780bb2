package sig

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Emission is one event on its way out of this process. The targets of all
// bridges share it.
type Emission struct {
	value any
	bytes []byte // the payload, if typed is set: no value was made of it
	typed bool
	held  bool
	room  bool // the target now being pushed to has reserved a place
	seq   uint64

	mu   sync.Mutex
	memo []encoding
}

// encoding is the payload as one codec wrote it, or why it could not.
type encoding struct {
	key  any
	data []byte
	err  error
}

// emissions are used again: a target is done with one when Push returns.
var emissions = sync.Pool{New: func() any { return new(Emission) }}

// keptEncoding is the largest buffer that an Emission keeps for the next event.
const keptEncoding = 64 << 10

// push counts the event and hands it to the bridges that want it. It reaches
// each that began to want the route before the event was counted, so that what
// was counted before and what is pushed make up the whole.
func push[T any](snap *snapshot, v T, held bool) (err error) {
	if !snap.counted {
		return nil
	}
	seq := snap.route.seq.Add(1)
	added := snap.joinedSince()
	if len(snap.remote) == 0 && len(added) == 0 {
		return nil
	}
	if len(snap.remote) == 1 && len(added) == 0 && !held { // as a client has it
		if p, ok := any(&v).(*[]byte); ok {
			if took, err := snap.remote[0].PushBytes(seq, *p); took {
				return err
			}
		}
	}
	em := emissions.Get().(*Emission)
	em.held, em.seq = held, seq
	if p, ok := any(&v).(*[]byte); ok {
		em.bytes, em.typed = *p, true
	} else {
		em.value = v
	}
	em.room = held
	for _, t := range snap.remote {
		if e := t.Push(em); e != nil {
			err = errors.Join(err, e)
		}
	}
	em.room = false
	for _, t := range added {
		if e := t.Push(em); e != nil {
			err = errors.Join(err, e)
		}
	}
	em.recycle()
	return err
}

// joinedSince lists the targets that are not in the snapshot, which has just
// been used.
func (snap *snapshot) joinedSince() (added []Target) {
	if snap.route.snap.Load() == snap {
		return nil
	}
	now := snap.route.current()
	if now == nil {
		return nil
	}
	for _, t := range now.remote {
		if !slices.Contains(snap.remote, t) {
			added = append(added, t)
		}
	}
	return added
}

// recycle keeps the buffers, and nothing of the payload.
func (em *Emission) recycle() {
	for i := range em.memo {
		m := &em.memo[i]
		m.key, m.err = nil, nil
		if m.data = m.data[:0]; cap(m.data) > keptEncoding {
			m.data = nil
		}
	}
	em.memo = em.memo[:0]
	em.value, em.bytes, em.typed = nil, nil, false
	emissions.Put(em)
}

// Held reports whether the emitter waits for room: the target must not drop the
// event.
func (em *Emission) Held() bool { return em.held }

// Reserved reports whether the target has reserved a place for this event. Of a
// held one it has not if it began to want the route in this very moment: then
// the event takes one place too many.
func (em *Emission) Reserved() bool { return em.room }

// Seq numbers the events of the route, from 1, beginning when a bridge first
// wanted it. Peers learn it to know how many they have missed.
func (em *Emission) Seq() uint64 { return em.seq }

// Value returns the payload as it was emitted.
func (em *Emission) Value() any {
	if em.typed {
		return em.bytes
	}
	return em.value
}

// Bytes returns the payload if it was emitted as a []byte.
func (em *Emission) Bytes() (data []byte, ok bool) {
	if em.typed {
		return em.bytes, true
	}
	data, ok = em.value.([]byte)
	return data, ok
}

// Encode returns the payload as enc appends it to a buffer. The first call with
// a key does the work and the others share the result, which nobody may change
// and which is valid until Push returns; a key is comparable and stands for a
// codec. It can be called from several goroutines.
// A panic of enc, or of a method of the payload's that it calls, is an
// [ErrBadPayload].
func (em *Emission) Encode(key any, enc func(dst []byte, v any) ([]byte, error)) ([]byte, error) {
	em.mu.Lock()
	defer em.mu.Unlock()
	for i := range em.memo {
		if em.memo[i].key == key {
			return em.memo[i].data, em.memo[i].err
		}
	}
	n := len(em.memo)
	if n < cap(em.memo) {
		em.memo = em.memo[:n+1] // with the buffer it had
	} else {
		em.memo = append(em.memo, encoding{})
	}
	m := &em.memo[n]
	m.key = key
	data, err := em.encode(m.data[:0], enc)
	m.data, m.err = data, err
	return data, err
}

func (em *Emission) encode(dst []byte, enc func(dst []byte, v any) ([]byte, error)) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, NewError(CodeBadPayload, fmt.Sprintf("encoding a %T panicked: %v", em.Value(), p))
		}
	}()
	return enc(dst, em.Value())
}
