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

// TestChangesOfMany: once subscriptions have changed, a delivery goes on with whom it
// began with. Who unsubscribes then must not be called all the same, also if that
// happens on another goroutine (P4).
func TestChangesOfMany(t *testing.T) {
	const handlers = 11
	for name, change := range map[string]func(m *many){
		"subscribes":   func(m *many) { subscribe(t, m.reg, "s", "e", func(sig.EventOf[int]) {}) },
		"unsubscribes": func(m *many) { m.subs[0].Unsubscribe() },
		"emits to others": func(m *many) {
			subscribe(t, m.reg, "s", "e", func(sig.EventOf[int]) {})
			_ = m.emit.Emit(aside)
		},
		"disconnects": func(m *many) { _ = m.sender.Disconnect("") },
	} {
		for i := range handlers - 1 {
			for j := range handlers {
				t.Run(fmt.Sprintf("%d %s, %d unsubscribes %d", i, name, i+1, j), func(t *testing.T) {
					m := manyHandlers(t, handlers, func(m *many, at int) {
						switch at {
						case i:
							change(m)
						case i + 1:
							unsubscribed := make(chan struct{}) // closed when that has returned
							go func() { defer close(unsubscribed); m.subs[j].Unsubscribe() }()
							<-unsubscribed
						}
					})
					_ = m.emit.Emit(1)
					m.expect(t, func(at int) bool { return at != j || j <= i+1 })
				})
			}
		}
	}
}

// aside is an event that [many] do not count.
const aside = -1

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
	reg    *sig.Registry
	sender *sig.Sender
	emit   *sig.Emitter[int]
	subs   []*sig.Subscription
	called []int // how often, by handler
	left   bool  // one has ended its goroutine
}

func manyHandlers(t *testing.T, n int, do func(m *many, at int)) *many {
	t.Helper()
	r := sig.New(&sig.Options{OnWarning: func(sig.Warning) {}})
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	m := &many{reg: r, sender: connect(t, r, "s", "e"), called: make([]int, n)}
	m.emit = must(sig.NewEmitter[int](m.sender, "e"))
	for at := range n {
		m.subs = append(m.subs, subscribe(t, r, "s", "e", func(ev sig.EventOf[int]) {
			if ev.Data != aside {
				m.called[at]++
				do(m, at)
			}
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
