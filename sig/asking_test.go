package sig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// askingPeer also writes down what its other side is asked for.
type askingPeer struct{ *fakePeer }

func (p askingPeer) Asked(rt *sig.Route, on bool) {
	p.add("asked %s %s %v", rt.Sender().Name(), rt.Name(), on)
}

// TestAsked: a peer that is asked by pattern is told which routes that covers, whether
// or not anybody may have them: before it is told of the first pattern, behind the last.
func TestAsked(t *testing.T) {
	r := sig.New(nil)
	defer r.Close()
	up := askingPeer{&fakePeer{journal: newJournal(), targets: map[*sig.Route]*fakeTarget{}}}
	var err error
	up.bridge, err = r.Attach(up)
	require.NoError(t, err)
	down := attach(t, r)
	none := func(*sig.Route) bool { return false }
	x, y := sig.Pattern{Sender: "s", Event: "x"}, sig.Pattern{Sender: "s", Event: "y"}
	all := sig.Pattern{Sender: sig.Any, Event: sig.Any}

	up.connect(t, "s", "x", "y")
	assert.Empty(t, up.told(), "nobody has subscribed")
	down.bridge.SubscribeWhere(all, none, false)
	assert.Equal(t, []string{"asked s x true", "asked s y true", "want ** **"}, up.told())
	sub, err := sig.Subscribe(r, "s", "x", func(sig.Event) {}, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"want s x", "wanted x true"}, up.told())
	down.bridge.Refilter(all, nil)
	assert.Equal(t, []string{"wanted y true"}, up.told())
	up.connect(t, "late", "x")
	assert.Equal(t, []string{"asked late x true", "wanted x true"}, up.told())
	down.bridge.Unsubscribe(all)
	assert.ElementsMatch(t, []string{"forget ** **", "asked s y false", "asked late x false", "wanted y false", "wanted x false"}, up.told())
	down.bridge.SubscribeWhere(x, none, true)
	assert.Equal(t, []string{}, append([]string{}, up.told()...), "the same pattern, of somebody else as well")
	sub.Unsubscribe()
	down.bridge.SubscribeWhere(y, none, false)
	assert.Equal(t, []string{"wanted x false", "want s x lossy", "asked s y true", "want s y"}, up.told())
	down.bridge.Close("")
	assert.ElementsMatch(t, []string{"forget s x", "asked s x false", "forget s y", "asked s y false"}, up.told())
}
