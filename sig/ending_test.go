package sig_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestEvictAll: each sender ends with its own reason, once; every peer but the owner's
// is told of each, in the order given, also where they are so many that several
// goroutines tell them.
func TestEvictAll(t *testing.T) {
	for _, peers := range []int{3, 2000} {
		t.Run(fmt.Sprint(peers, " peers"), func(t *testing.T) {
			r := sig.New(nil)
			defer r.Close()
			var left []string
			_, err := sig.Subscribe(r, sig.Any, sig.EventDisconnect, func(ev sig.Event) { left = append(left, string(ev.Sender)) }, nil)
			require.NoError(t, err)
			var all []*fakePeer
			for range peers {
				all = append(all, attach(t, r))
			}
			var senders []sig.Eviction
			for i := range 3 {
				s := all[i].connect(t, sig.Name(fmt.Sprint("s", i)), "e")
				senders = append(senders, sig.Eviction{Sender: s, Err: sig.NewError(sig.CodeDenied, fmt.Sprint("no ", i))})
			}
			r.Kick(senders[1].Sender, sig.NewError(sig.CodeNotConnected, "gone before"))
			for _, p := range all {
				p.told()
			}
			notices := r.EvictAll(senders)
			assert.Nil(t, notices[1], "it had ended")
			for i, p := range all {
				want := []string{"-s0 denied: no 0", "-s2 denied: no 2"}
				switch i {
				case 0:
					want = want[1:]
				case 2:
					want = want[:1]
				}
				require.Equal(t, want, p.told(), "peer %d", i)
			}
			assert.Equal(t, []string{"s1"}, left)
			for _, n := range notices {
				n.Deliver()
			}
			assert.Equal(t, []string{"s1", "s0", "s2"}, left)
			assert.EqualError(t, senders[2].Sender.Err(), "denied: no 2")
			assert.Empty(t, r.Senders())
			assert.Empty(t, r.EvictAll(nil))
		})
	}
}

// breaks panics when it is told of the end of s.
type breaks struct{ *fakePeer }

func (breaks) SenderDisconnected(s *sig.Sender, _ string) {
	if s.Name() == "s" {
		panic("a mistake of the router's")
	}
}

// TestEvictAllOfWhoPanics: a peer that panics does so for the caller, on whatever
// goroutine it was told; the registry goes on.
func TestEvictAllOfWhoPanics(t *testing.T) {
	r := sig.New(nil)
	defer r.Close()
	owner := attach(t, r)
	for range 5000 {
		attach(t, r)
	}
	_, err := r.Attach(breaks{&fakePeer{journal: newJournal()}}) // of the last share
	require.NoError(t, err)
	s := owner.connect(t, "s", "e")
	assert.PanicsWithValue(t, "a mistake of the router's", func() { r.Evict(s, sig.ErrDenied) })
	_, err = r.Connect("another", sig.Spec{})
	assert.NoError(t, err)
}
