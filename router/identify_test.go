package router_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestIdentify: who a client is by what its carrier proves is the operator's to
// say, and holds for whatever asks who it is.
func TestIdentify(t *testing.T) {
	var log audit
	h := newHubWith(t, router.AccessOptions{Audit: log.take, Identify: func(id carrier.Identity) acl.Principal {
		assert.NotEmpty(t, id.ID)
		return acl.Principal{ID: strings.TrimPrefix(id.ID, "sig:"), Method: id.Method, Groups: []string{"known"}}
	}})
	g := h.knockAs("sig:press")
	g.send(wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.Version, Codecs: []string{"json"}, ID: wire.NodeID{1}})
	var w wire.Welcome
	require.NoError(t, w.Decode(g.next()))
	assert.Equal(t, "press", w.Identity, "the client is told")
	want := acl.Principal{ID: "press", Method: "mem", Groups: []string{"known"}}
	assert.Equal(t, want, h.srv.Clients()[0].Principal)
	assert.Equal(t, "sig:press", h.srv.Clients()[0].Identity.ID, "what was proved can be told as well")
	assert.Equal(t, want, log.await(t, router.AuditAuthOK).Principal)

	require.NoError(t, h.try("mem://hub"), "nobody is asked about who has proved nothing")
}

// TestIdentifyAsNobody: with an authenticator nobody is not let in.
func TestIdentifyAsNobody(t *testing.T) {
	h := newHubWith(t, router.AccessOptions{
		Authenticator: storeOf(t), Identify: func(carrier.Identity) acl.Principal { return acl.Principal{} },
	})
	g := h.knockAs("press")
	g.send(wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.Version, Codecs: []string{"json"}, ID: wire.NodeID{1}})
	assert.Equal(t, uint16(sig.CodeDenied), g.aborted().Code)
}
