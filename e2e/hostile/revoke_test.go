package hostile

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// closed is a rule that takes their corner away from strangers.
const closed = `
[[rule]]
label = "the corner is closed"
deny = ["emit", "respond", "subscribe", "request"]
principals = ["{anonymous}", "guest/*"]
sender = "x/**"
name = "**"

[[rule]]
label = "and nobody is asked any more"
deny = ["request"]
principals = ["{anonymous}", "guest/*"]
sender = "**"
name = "never"
`

// TestRevoked: what a new policy takes away ends, for whoever has it and does not
// let go of it, and each is told by code denied; what was proved by a credential
// that is withdrawn ends with its connection.
func TestRevoked(t *testing.T) {
	schemes := []string{"tcp", "mem"}
	w := newWorld(t, 4, schemes...)
	before := w.people.policy(t, rules)
	after := w.people.policy(t, strings.Replace(rules, "[[expect]]", closed+"\n[[expect]]", 1))
	for round := range 3 {
		for n, scheme := range schemes {
			s, err := w.enterAs(scheme, 0, w.people.anybody(n+round))
			require.NoError(t, err)
			number, _ := s.honestNumber()
			s.send(wire.Request{ID: 1, Sender: number, Method: "never"})
			_, err = s.round()
			require.NoError(t, err)

			w.srv.SetAuthorizer(after)
			a, err := s.round()
			require.NoError(t, err)
			about := map[wire.Type]bool{}
			for _, frame := range a.frames {
				var code uint16
				var rf wire.Refused
				var d wire.Disconnect
				var rp wire.Reply
				typ, _ := wire.TypeOf(frame)
				switch {
				case rf.Decode(frame) == nil:
					code = rf.Code
				case d.Decode(frame) == nil && d.Yours:
					code = d.Code
				case rp.Decode(frame) == nil && rp.ID == 1:
					code = rp.Code
				}
				about[typ] = about[typ] || sig.Code(code) == sig.CodeDenied
			}
			for _, typ := range []wire.Type{wire.TypeRefused, wire.TypeDisconnect, wire.TypeReply} {
				assert.True(t, about[typ], "%v: by %s, nothing has ended", typ, scheme)
			}
			s.baited = 0
			for range 3 {
				w.moves()
				_, err = s.round()
				require.NoError(t, err)
			}
			assert.Zero(t, s.baited, "it still hears")
			s.leave()
			w.srv.SetAuthorizer(before)
		}
	}
	for n, id := range []string{"guest/token", "guest/key"} {
		stays, err := w.enterAs("tcp", 0, w.people.guests[1-n])
		require.NoError(t, err)
		goes, err := w.enterAs("mem", 0, w.people.guests[n])
		require.NoError(t, err)
		w.srv.SetAuthenticator(w.people.store(t, id))
		goes.send(wire.Ping{Nonce: marker})
		a := goes.hear()
		assert.True(t, a.ended, "%s is still connected", id)
		assert.Equal(t, sig.CodeDenied, sig.Code(a.code), a.reason)
		_, err = stays.round()
		assert.NoError(t, err)
		w.srv.SetAuthenticator(w.people.store(t))
		goes.leave()
		stays.leave()
	}
	w.end()
}
