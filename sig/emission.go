package sig

import (
	"fmt"
	"sync"
)

// Emission is one event on its way out of this process. The targets of all
// bridges share it.
type Emission struct {
	value any
	held  bool
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

// Held reports whether the emitter waits for room: the target has reserved a
// place for this event, and must not drop it.
func (em *Emission) Held() bool { return em.held }

// Seq numbers the events of the route, from 1, beginning when a bridge first
// wanted it. Peers learn it to know how many they have missed.
func (em *Emission) Seq() uint64 { return em.seq }

// Value returns the payload as it was emitted.
func (em *Emission) Value() any { return em.value }

// Encode returns the payload as enc writes it. The first call with a key does
// the work and the others share the result, which nobody may change; a key is
// comparable and stands for a codec. It can be called from several goroutines.
// A panic of enc, or of a method of the payload's that it calls, is an
// [ErrBadPayload].
func (em *Emission) Encode(key any, enc func(v any) ([]byte, error)) ([]byte, error) {
	em.mu.Lock()
	defer em.mu.Unlock()
	for i := range em.memo {
		if em.memo[i].key == key {
			return em.memo[i].data, em.memo[i].err
		}
	}
	data, err := em.encode(enc)
	em.memo = append(em.memo, encoding{key, data, err})
	return data, err
}

func (em *Emission) encode(enc func(v any) ([]byte, error)) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, NewError(CodeBadPayload, fmt.Sprintf("encoding a %T panicked: %v", em.value, p))
		}
	}()
	return enc(em.value)
}
