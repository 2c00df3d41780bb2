package sig_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// MayLose implements [sig.LossyTarget].
func (t *fakeTarget) MayLose(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mayLose = on
}

// TestLossyInterest: a pattern and a route may be lossy for a peer as long as all
// others who want it say so; whoever does not changes that by coming and going, and
// only then is anybody told.
func TestLossyInterest(t *testing.T) {
	r := sig.New(nil)
	defer r.Close()
	p, q := attach(t, r), attach(t, r)
	lossy, firm := &sig.SubscribeOptions{Lossy: true}, (*sig.SubscribeOptions)(nil)
	s := p.connect(t, "s", "e")
	p.told()
	q.told()
	subscribe := func(sender sig.Name, opts *sig.SubscribeOptions) *sig.Subscription {
		sub, err := sig.Subscribe(r, sender, "e", func(sig.Event) {}, opts)
		require.NoError(t, err)
		return sub
	}
	told := func(toP, toQ []string) {
		t.Helper()
		require.Equal(t, toP, p.told(), "the owner's peer")
		require.Equal(t, toQ, q.told(), "the other peer")
	}
	first := subscribe("s", lossy)
	told([]string{"want s e lossy", "wanted e true lossy"}, []string{"want s e lossy"})
	subscribe("s", lossy).Unsubscribe()
	told(nil, nil)
	second := subscribe("s", firm)
	told([]string{"want s e", "wanted e true"}, []string{"want s e"})
	third := subscribe("*", firm)
	told([]string{"want * e"}, []string{"want * e"})
	second.Unsubscribe()
	told([]string{"want s e lossy"}, []string{"want s e lossy"}) // by the other pattern the route is wanted as before
	third.Unsubscribe()
	told([]string{"wanted e true lossy", "forget * e"}, []string{"forget * e"})

	pattern := sig.Pattern{Sender: "s", Event: "e"}
	q.bridge.SubscribeWhere(pattern, nil, false)
	told([]string{"want s e", "wanted e true"}, nil)
	target := q.targets[s.Routes()[0]]
	require.False(t, target.mayLose)
	q.bridge.SetLossy(pattern, true)
	told([]string{"want s e lossy", "wanted e true lossy"}, nil)
	require.True(t, target.mayLose)
	q.bridge.Want(s.Routes()[0], true, false)
	told([]string{"wanted e true"}, nil)
	require.False(t, target.mayLose)
	q.bridge.Want(s.Routes()[0], true, true)
	told([]string{"wanted e true lossy"}, nil)
	require.True(t, target.mayLose)
	q.bridge.Want(s.Routes()[0], true, false)
	q.bridge.Want(s.Routes()[0], false, false)
	told([]string{"wanted e true", "wanted e true lossy"}, nil)
	first.Unsubscribe()
	told(nil, []string{"forget s e"})
	q.bridge.Unsubscribe(pattern)
	told([]string{"forget s e", "wanted e false"}, []string{"detached e"})
}
