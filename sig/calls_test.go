package sig

import "testing"

// threeHandlers has a typed emitter of an event with three handlers that count.
func threeHandlers(t *testing.T) (e *Emitter[int], subs [3]*Subscription, called *[3]int) {
	t.Helper()
	r := New(nil)
	t.Cleanup(func() { r.Close() })
	s, err := r.Connect("s", Spec{Events: []Name{"e"}})
	if err != nil {
		t.Fatal(err)
	}
	called = new([3]int)
	for i := range subs {
		if subs[i], err = Subscribe(r, "s", "e", func(EventOf[int]) { called[i]++ }, nil); err != nil {
			t.Fatal(err)
		}
	}
	if e, err = NewEmitter[int](s, "e"); err != nil {
		t.Fatal(err)
	}
	return e, subs, called
}

// TestUnsubscribedBeforeOwned: an emitter has found whom to call, somebody
// unsubscribes, and only then the emitter owns the slot. Nobody has guarded its calls,
// since nothing was being delivered (P4).
func TestUnsubscribedBeforeOwned(t *testing.T) {
	e, subs, called := threeHandlers(t)
	c, err := e.out.resolve()
	if err != nil || !c.alone {
		t.Fatalf("got %+v, %v", c, err)
	}
	subs[1].Unsubscribe()
	if !c.slot.tryOwn() {
		t.Fatal("the slot is not idle")
	}
	if err := c.owned(1); err != nil || !c.slot.idle() {
		t.Fatal(err, "or the slot is still owned")
	}
	if want := [3]int{1, 0, 1}; *called != want {
		t.Errorf("P4: called %v, want %v", *called, want)
	}
}

// TestGoneBeforeOwned is the same with a sender that has left.
func TestGoneBeforeOwned(t *testing.T) {
	e, _, called := threeHandlers(t)
	c, _ := e.out.resolve()
	if err := e.out.route.sender.Disconnect(""); err != nil {
		t.Fatal(err)
	}
	c.slot.tryOwn()
	if err := c.owned(1); CodeOf(err) != CodeNotConnected || !c.slot.idle() {
		t.Errorf("got %v, want that the sender has left, and nobody owns the slot", err)
	}
	if *called != [3]int{} {
		t.Errorf("P3: an event after #disconnect: %v", *called)
	}
}

// TestCallsAreTheOnlyOnes: two emitters that find the snapshot at once get the same
// calls. A second set would never be guarded.
func TestCallsAreTheOnlyOnes(t *testing.T) {
	e, _, _ := threeHandlers(t)
	one, _ := e.out.resolve()
	if two, _ := e.out.resolve(); one != two {
		t.Error("two sets of calls of one snapshot")
	}
}
