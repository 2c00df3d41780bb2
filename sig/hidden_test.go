package sig_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestHiddenSender can be heard and asked, and is not there otherwise.
func TestHiddenSender(t *testing.T) {
	r := sig.New(nil)
	defer r.Close()
	var told []string
	_, err := r.Watch(sig.Any, func(c sig.PresenceChange) { told = append(told, c.Kind.String()+" "+string(c.Sender)) }, nil)
	require.NoError(t, err)
	_, err = sig.Subscribe(r, sig.Any, sig.EventConnect, func(ev sig.Event) { told = append(told, "#connect") }, nil)
	require.NoError(t, err)
	var heard []any
	_, err = sig.Subscribe(r, "bath", "temp", func(ev sig.Event) { heard = append(heard, ev.Data) }, nil)
	require.NoError(t, err)

	p := attach(t, r)
	s, notice, err := p.bridge.Connect("bath", sig.RemoteSpec{Events: []sig.Name{"~0", "temp"}, Requests: []sig.Name{"get"}, Hidden: true})
	require.NoError(t, err)
	notice.Deliver()
	assert.True(t, s.Hidden())
	assert.Empty(t, r.Senders())
	_, err = sig.Subscribe(r, "bath", "other", func(sig.Event) {}, nil)
	assert.NoError(t, err, "that it is not declared here says nothing")
	assert.Empty(t, r.RequestAll(context.Background(), sig.Any, "get", nil))
	s.Routes()[1].Deliver(hiddenPayload(1), nil)
	assert.Len(t, heard, 1)
	p.bridge.Disconnect(s, "done").Deliver()
	assert.Equal(t, []string{"snapshot done "}, told)
}

// TestSubscribeWhere: only routes that pass reach the peer, those of senders to
// come included; another filter changes what differs and nothing else.
func TestSubscribeWhere(t *testing.T) {
	r := sig.New(nil)
	defer r.Close()
	p := attach(t, r)
	only := func(names ...sig.Name) func(*sig.Route) bool {
		return func(rt *sig.Route) bool {
			for _, n := range names {
				if rt.Name() == n {
					return true
				}
			}
			return false
		}
	}
	all := sig.Pattern{Sender: sig.Any, Event: sig.Any}
	p.bridge.SubscribeWhere(all, only("a", "b"), false)
	s, err := r.Connect("s", sig.Spec{Events: []sig.Name{"a", "b", "c"}})
	require.NoError(t, err)
	reached := func() (names []sig.Name) {
		for _, rt := range s.Routes() {
			if len(rt.Targets()) > 0 {
				names = append(names, rt.Name())
			}
		}
		return names
	}
	assert.Equal(t, []sig.Name{"a", "b"}, reached())
	target := s.Routes()[1].Targets()[0]
	p.bridge.Refilter(all, only("b", "c"))
	assert.Equal(t, []sig.Name{"b", "c"}, reached())
	assert.Same(t, target, s.Routes()[1].Targets()[0])
	p.bridge.SubscribeWhere(sig.Pattern{Sender: "s", Event: "a"}, nil, false) // another pattern that has it
	assert.Equal(t, []sig.Name{"a", "b", "c"}, reached())
	p.bridge.Refilter(all, only())
	assert.Equal(t, []sig.Name{"a"}, reached())
	p.bridge.Unsubscribe(sig.Pattern{Sender: "s", Event: "a"})
	assert.Empty(t, reached())
	p.bridge.Refilter(all, nil)
	assert.Equal(t, []sig.Name{"a", "b", "c"}, reached())
	p.bridge.Unsubscribe(all)
	assert.Empty(t, reached())
	p.bridge.Refilter(all, nil) // of a pattern that is not subscribed to: nothing
	assert.Empty(t, reached())
}

// hiddenPayload is a payload of another process.
type hiddenPayload int

func (p hiddenPayload) Decode(into any) error {
	*into.(*any) = int(p)
	return nil
}

// choosyPeer lets its other side have events of one name only, by Want.
type choosyPeer struct {
	*fakePeer
	may sig.Name
}

func (p *choosyPeer) MayHave(rt *sig.Route) bool { return rt.Name() == p.may }

// TestChoosyPeer: what it does not let its other side have is not asked for, and
// ceases when it changes its mind.
func TestChoosyPeer(t *testing.T) {
	r := sig.New(nil)
	defer r.Close()
	p := &choosyPeer{fakePeer: &fakePeer{journal: newJournal(), targets: map[*sig.Route]*fakeTarget{}, keen: true}, may: "a"}
	b, err := r.Attach(p)
	require.NoError(t, err)
	s, err := r.Connect("s", sig.Spec{Events: []sig.Name{"a", "b"}})
	require.NoError(t, err)
	a, bb := s.Routes()[0], s.Routes()[1]
	assert.Len(t, a.Targets(), 1)
	assert.Empty(t, bb.Targets())
	b.Want(bb, true, false)
	assert.Empty(t, bb.Targets())
	p.may = "b"
	b.Reconsider()
	assert.Empty(t, a.Targets())
	b.Want(bb, true, false)
	assert.Len(t, bb.Targets(), 1)
	b.Want(bb, false, false)
	assert.Empty(t, bb.Targets())
}
