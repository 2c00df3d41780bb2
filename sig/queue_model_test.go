package sig

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// waitingEvent is an event, or a loss, of the model of a queue.
type waitingEvent struct {
	name   Name
	number int // 0: a loss, of the numbers first to last
	held   bool
	first  int
	last   int
}

// queueModel is a queue as its documentation describes it: one list, in which a
// dropped event turns into a loss.
type queueModel struct {
	policy Policy
	bound  int
	list   []waitingEvent
	count  int
}

func (m *queueModel) waiting() (n int) {
	for _, w := range m.list {
		if w.number != 0 {
			n++
		}
	}
	return n
}

func (m *queueModel) put(name Name, held bool) {
	m.count++
	w := waitingEvent{name: name, number: m.count, held: held}
	if held || m.waiting() < m.bound {
		m.list = append(m.list, w)
		return
	}
	victim := m.victim(name)
	if victim < 0 {
		m.list = append(m.list, waitingEvent{name: name, first: m.count, last: m.count})
		return
	}
	d := &m.list[victim]
	*d = waitingEvent{name: d.name, first: d.number, last: d.number}
	m.list = append(m.list, w)
}

func (m *queueModel) victim(name Name) int {
	droppable := func(w waitingEvent) bool { return w.number != 0 && !w.held }
	switch m.policy {
	case DropNewest:
		return -1
	case KeepLatest:
		for i, w := range m.list {
			same := func(o waitingEvent) bool { return o.number != 0 && o.name == w.name }
			if droppable(w) && (w.name == name || slices.ContainsFunc(m.list[i+1:], same)) {
				return i
			}
		}
	}
	return slices.IndexFunc(m.list, droppable)
}

// take returns what the consumer gets next, in words: losses of one name that
// nothing lies between are one.
func (m *queueModel) take() (got []string) {
	var gap []Lost
	for len(m.list) > 0 {
		w := m.list[0]
		m.list = m.list[1:]
		if w.number != 0 {
			return append(lossesInWords(gap), fmt.Sprint(w.name))
		}
		gap = mergeLost(gap, Lost{
			Event: w.name, Count: 1, First: uint64(w.first), Last: uint64(w.last), Reason: LossQueueFull,
		})
	}
	return lossesInWords(gap)
}

func lossesInWords(gap []Lost) (words []string) {
	for _, l := range gap {
		words = append(words, fmt.Sprintf("lost %s %d: %d-%d", l.Event, l.Count, l.First, l.Last))
	}
	return words
}

// TestQueueModel compares a queue with its model, step by step (P7).
func TestQueueModel(t *testing.T) {
	for _, policy := range []Policy{DropOldest, DropNewest, KeepLatest} {
		t.Run(fmt.Sprint(policy), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkQueue(t, policy) })
		})
	}
}

func checkQueue(t *rapid.T, policy Policy) {
	bound := rapid.IntRange(1, 6).Draw(t, "bound")
	q := newQueue[int](&Subscription{}, &SubscribeOptions{Queue: bound, Policy: policy})
	m := &queueModel{policy: policy, bound: bound}
	took := 0
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		name := Name(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"))
		switch rapid.IntRange(0, 9).Draw(t, "step") {
		case 0:
			m.put(name, true)
			q.putRemote(EventOf[int]{Name: name}, func() { took-- }, true)
			took++
		case 1, 2, 3:
			if len(m.list) == 0 {
				continue
			}
			it, _ := q.take(nil)
			got, want := lossesInWords(it.lost), m.take()
			if it.has {
				got = append(got, string(it.ev.Name))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("P7: took %q, want %q", got, want)
			}
		default:
			m.put(name, false)
			q.put(EventOf[int]{Name: name})
		}
		if _, n := q.counts(); n != m.waiting() {
			t.Fatalf("%d wait, want %d", n, m.waiting())
		}
		if want := max(m.waiting()-bound, 0); took > want {
			t.Fatalf("%d held events are not taken yet, want at most the %d beyond the bound", took, want)
		}
	}
}

// TestRoomThatComesMeanwhile: DropOldest never drops the latest event, also if
// the consumer claims the only one that waits between an emitter's look at the
// queue and its decision (P7).
func TestRoomThatComesMeanwhile(t *testing.T) {
	q := newQueue[int](&Subscription{}, &SubscribeOptions{Queue: 1})
	q.put(EventOf[int]{Data: 1})
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refill()
	if !q.full() {
		t.Fatal("one event waits: the queue is full")
	}
	q.claim()
	if !q.makeRoom(EventOf[int]{Data: 2}) || q.lost != nil {
		t.Fatalf("P7: the latest event is dropped from an empty queue: %v", q.lost)
	}
}
