package sig_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gosig/gosig/sig"
)

// TestAnyOfMany has each of several handlers in turn do what must not disturb the
// others (P4): they are called four at a time, and where one leaves off the next
// must go on.
func TestAnyOfMany(t *testing.T) {
	const handlers = 11
	for i := range handlers {
		t.Run(fmt.Sprintf("%d panics", i), func(t *testing.T) {
			m := manyHandlers(t, handlers, func(m *many, at int) {
				if at == i {
					panic("I am out of order")
				}
			})
			_ = m.emit.Emit(1)
			m.expect(t, func(int) bool { return true })
		})
		t.Run(fmt.Sprintf("%d ends its goroutine", i), func(t *testing.T) {
			m := manyHandlers(t, handlers, func(m *many, at int) {
				if at == i && !m.left {
					m.left = true
					runtime.Goexit()
				}
			})
			m.survives(t)
		})
		for j := range handlers {
			t.Run(fmt.Sprintf("%d unsubscribes %d", i, j), func(t *testing.T) {
				m := manyHandlers(t, handlers, func(m *many, at int) {
					if at == i {
						m.subs[j].Unsubscribe()
					}
				})
				_ = m.emit.Emit(1)
				m.expect(t, func(at int) bool { return at != j || j <= i })
			})
		}
	}
}

// TestTwoOfMany: one panics or ends its goroutine, and on its way out so does one
// behind it. The others get the event, and all get the next one (P4).
func TestTwoOfMany(t *testing.T) {
	const handlers = 5
	for name, first := range map[string]func(){"panics": func() { panic("I am out of order") }, "ends its goroutine": runtime.Goexit} {
		t.Run("one "+name, func(t *testing.T) {
			m := manyHandlers(t, handlers, func(m *many, at int) {
				switch {
				case m.left:
				case at == 1:
					first()
				case at == 3:
					m.left = true
					runtime.Goexit()
				}
			})
			m.survives(t)
		})
	}
}

// survives emits where a handler ends the goroutine, and once more: each time all
// are called.
func (m *many) survives(t *testing.T) {
	t.Helper()
	ended := make(chan struct{}) // closed when the goroutine has ended
	go func() {
		defer close(ended)
		_ = m.emit.Emit(1)
	}()
	<-ended
	m.expect(t, func(int) bool { return true })
	clear(m.called)
	_ = m.emit.Emit(2)
	m.expect(t, func(int) bool { return true })
}

// many are handlers of one event that do something when they are called.
type many struct {
	emit   *sig.Emitter[int]
	subs   []*sig.Subscription
	called []int // how often, by handler
	left   bool  // one has ended its goroutine
}

func manyHandlers(t *testing.T, n int, do func(m *many, at int)) *many {
	t.Helper()
	r := sig.New(&sig.Options{OnWarning: func(sig.Warning) {}})
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	m := &many{called: make([]int, n)}
	m.emit = must(sig.NewEmitter[int](connect(t, r, "s", "e"), "e"))
	for at := range n {
		m.subs = append(m.subs, subscribe(t, r, "s", "e", func(sig.EventOf[int]) {
			m.called[at]++
			do(m, at)
		}))
	}
	return m
}

func (m *many) expect(t *testing.T, called func(at int) bool) {
	t.Helper()
	for at, n := range m.called {
		want := 0
		if called(at) {
			want = 1
		}
		if n != want {
			t.Errorf("P4: handler %d of %d was called %d times, want %d", at, len(m.called), n, want)
		}
	}
}
