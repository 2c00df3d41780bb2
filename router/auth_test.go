package router_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// audit collects what a router has to account for.
type audit struct {
	mu      sync.Mutex
	records []router.AuditRecord
}

func (a *audit) take(rec router.AuditRecord) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records = append(a.records, rec)
}

// of returns the records of a kind.
func (a *audit) of(kind router.AuditKind) (list []router.AuditRecord) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, rec := range a.records {
		if rec.Kind == kind {
			list = append(list, rec)
		}
	}
	return list
}

// await returns the first record of a kind.
func (a *audit) await(t *testing.T, kind router.AuditKind) router.AuditRecord {
	t.Helper()
	require.Eventually(t, func() bool { return len(a.of(kind)) > 0 }, patience, time.Millisecond, "no record %q", kind)
	return a.of(kind)[0]
}

// newHubWith makes a hub that looks at who comes and what they do.
func newHubWith(t *testing.T, access router.AccessOptions) *hub {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	h := &hub{t: t, ctx: ctx, network: mem.New(), name: "hub", reg: quietRegistry(t)}
	var err error
	h.srv, err = router.NewServerRouter(h.reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{h.network}, Codecs: []codec.Codec{json.New()}, Name: "hub",
		Logger: slog.New(slog.DiscardHandler), Access: access, Limits: atLeisure(router.Limits{}),
	})
	require.NoError(t, err)
	t.Cleanup(func() { h.srv.Close() })
	_, err = h.srv.Listen(ctx, "mem://hub")
	require.NoError(t, err)
	return h
}

func storeOf(t *testing.T, entries ...auth.Entry) *auth.Store {
	t.Helper()
	for i := range entries {
		if entries[i].Expires.IsZero() {
			entries[i].Expires = time.Now().Add(time.Hour)
		}
	}
	s, err := auth.NewStore(entries...)
	require.NoError(t, err)
	return s
}

// try connects with credentials and returns why it did not work.
func (h *hub) try(address string, creds ...auth.Credential) error {
	h.t.Helper()
	cr := h.dial(quietRegistry(h.t), address, router.ClientOptions{Credentials: creds, MaxAttempts: 1})
	return cr.WaitConnected(h.ctx)
}

func TestProofInTheHandshake(t *testing.T) {
	token, key := auth.NewToken(), auth.NewKey()
	var log audit
	h := newHubWith(t, router.AccessOptions{
		Authenticator: storeOf(t, auth.Entry{ID: "plant/press", Groups: []string{"machines"}, Token: token.Hash()}, auth.Entry{ID: "plant/saw", Key: key.Public()}),
		Audit:         log.take,
	})
	for _, row := range []struct {
		address string
		creds   []auth.Credential
		want    acl.Principal
	}{
		{"mem://hub", []auth.Credential{token}, acl.Principal{ID: "plant/press", Method: "token", Groups: []string{"machines"}}},
		{"mem://hub", []auth.Credential{key}, acl.Principal{ID: "plant/saw", Method: "ed25519"}},
		{"mem://hub", []auth.Credential{token, key}, acl.Principal{ID: "plant/saw", Method: "ed25519"}}, // what the router prefers
		{"mem://hub?as=joe", nil, acl.Principal{ID: "joe", Method: "mem"}},
		{"mem://hub?as=joe", []auth.Credential{token}, acl.Principal{ID: "plant/press", Method: "token", Groups: []string{"machines"}}},
	} {
		cr := h.dial(quietRegistry(t), row.address, router.ClientOptions{Credentials: row.creds})
		require.NoError(t, cr.WaitConnected(h.ctx))
		clients := h.srv.Clients()
		require.Len(t, clients, 1)
		assert.Equal(t, row.want.ID, clients[0].Principal.ID)
		assert.Equal(t, row.want.Method, clients[0].Principal.Method)
		assert.ElementsMatch(t, row.want.Groups, clients[0].Principal.Groups)
		require.NoError(t, cr.Shutdown(h.ctx))
		require.Eventually(t, func() bool { return len(h.srv.Clients()) == 0 }, patience, time.Millisecond)
	}
	require.Eventually(t, func() bool { return len(log.of(router.AuditAuthOK)) == 5 }, patience, time.Millisecond)
	rec := log.of(router.AuditAuthOK)[0]
	assert.Equal(t, "plant/press", rec.Principal.ID)
	assert.Equal(t, "mem://hub", rec.Listener)
	assert.NotZero(t, rec.Time)
}

func TestProofRefused(t *testing.T) {
	token, expired, key := auth.NewToken(), auth.NewToken(), auth.NewKey()
	var log audit
	h := newHubWith(t, router.AccessOptions{
		Authenticator: storeOf(t, auth.Entry{ID: "a", Token: token.Hash()}, auth.Entry{ID: "old", Token: expired.Hash(), Expires: time.Unix(1, 0)}),
		Audit:         log.take,
	})
	for name, row := range map[string]struct {
		cred         auth.Credential
		told, logged string
	}{
		"unknown token":          {auth.NewToken(), "the router's log says why", "nobody is known by it"},
		"expired token":          {expired, "the router's log says why", `it has expired: that of "old"`},
		"nothing":                {nil, "this router asks who you are: token", "asks who you are"},
		"a method nobody serves": {key, "the router asks for token, and this client has ed25519", "asks for token"},
		"an empty token":         {auth.Token{}, "the token is empty", "the token is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			var creds []auth.Credential
			if row.cred != nil {
				creds = append(creds, row.cred)
			}
			before := len(log.of(router.AuditAuthFailed))
			err := h.try("mem://hub", creds...)
			require.ErrorIs(t, err, sig.ErrDenied)
			assert.ErrorContains(t, err, row.told)
			require.Eventually(t, func() bool { return len(log.of(router.AuditAuthFailed)) > before }, patience, time.Millisecond)
			assert.Contains(t, log.of(router.AuditAuthFailed)[before].Reason, row.logged)
		})
	}
	assert.Empty(t, h.srv.Clients())
	assert.EqualValues(t, 5, h.srv.Stats().AuthFailures)
	require.NoError(t, h.try("mem://hub", token))
}

func TestAnonymousIsAChoice(t *testing.T) {
	h := newHubWith(t, router.AccessOptions{Authenticator: storeOf(t, auth.Entry{ID: "a", Key: auth.NewKey().Public()}), AdmitAnonymous: true})
	require.NoError(t, h.try("mem://hub"))
	require.ErrorIs(t, h.try("mem://hub", auth.NewKey()), sig.ErrDenied, "who tries to be somebody and is not, is not anonymous either")
}

// asked is a guest that has said HELLO and been asked who it is.
func (h *hub) asked(hello wire.Hello) (*guest, wire.Challenge) {
	h.t.Helper()
	g := h.knock()
	hello.MinVersion, hello.MaxVersion, hello.Codecs = wire.MinVersion, wire.Version, []string{"json"}
	hello.Features |= wire.FeatureAuth
	if hello.ID == (wire.NodeID{}) {
		hello.ID = wire.NodeID{1}
	}
	g.send(hello)
	var c wire.Challenge
	require.NoError(h.t, c.Decode(g.next()))
	return g, c
}

// aborted returns the code and the reason that a guest is told.
func (g *guest) aborted() wire.Abort {
	g.t.Helper()
	var a wire.Abort
	require.NoError(g.t, a.Decode(g.next()))
	return a
}

// TestHandshakeOutOfTurn: what is not the answer to a CHALLENGE is a violation.
func TestHandshakeOutOfTurn(t *testing.T) {
	token := auth.NewToken()
	h := newHubWith(t, router.AccessOptions{Authenticator: storeOf(t, auth.Entry{ID: "a", Token: token.Hash()})})
	proof := wire.Auth{Method: "token", Proof: []byte(token.Reveal())}
	for name, frames := range map[string][]envelope{
		"HELLO again":             {wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{1}, Codecs: []string{"json"}}},
		"SUBSCRIBE":               {wire.Subscribe{Sender: "**", Event: "**"}},
		"AUTH twice":              {proof, proof},
		"AUTH and more":           {proof, wire.Subscribe{Sender: "**", Event: "**"}},
		"a method not asked for":  {wire.Auth{Method: "password", Proof: proof.Proof}},
		"a CHALLENGE sent back":   {wire.Challenge{ID: wire.NodeID{1}, Methods: []string{"token"}, Binding: "none"}},
		"a WELCOME of the client": {wire.Welcome{Version: 1, ID: wire.NodeID{1}, Codec: "json"}},
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := h.asked(wire.Hello{})
			g.send(frames...)
			assert.EqualValues(t, wire.CodeProtocol, g.aborted().Code)
		})
	}
	t.Run("AUTH unasked", func(t *testing.T) {
		g := h.knock()
		g.send(proof)
		assert.EqualValues(t, wire.CodeProtocol, g.aborted().Code)
	})
	t.Run("AUTH behind HELLO", func(t *testing.T) {
		g := h.knock()
		g.send(wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{1}, Codecs: []string{"json"}, Features: wire.FeatureAuth}, proof)
		assert.EqualValues(t, wire.CodeProtocol, g.aborted().Code)
	})
	t.Run("an old client", func(t *testing.T) { // it cannot be asked
		g := h.knock()
		g.send(wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{1}, Codecs: []string{"json"}})
		a := g.aborted()
		assert.EqualValues(t, wire.CodeDenied, a.Code)
		assert.Contains(t, a.Reason, "token")
	})
	assert.Empty(t, h.srv.Clients())
}

// TestReplay: what one connection has proved is worth nothing on another one, of
// the same router or of another.
func TestReplay(t *testing.T) {
	key := auth.NewKey()
	store := storeOf(t, auth.Entry{ID: "a", Key: key.Public()})
	one, other := newHubWith(t, router.AccessOptions{Authenticator: store}), newHubWith(t, router.AccessOptions{Authenticator: store})

	// A router that is not what it seems asks a client what the real one has asked.
	relay := newHubWith(t, router.AccessOptions{Authenticator: store})
	var stolen []byte
	spy := &spyAuthenticator{Store: store, saw: func(proof []byte) { stolen = append([]byte(nil), proof...) }}
	relay.srv.SetAuthenticator(spy)
	require.NoError(t, relay.try("mem://hub", key))
	require.Len(t, stolen, 128)

	for name, h := range map[string]*hub{"the same router again": relay, "one router": one, "another router": other} {
		g, _ := h.asked(wire.Hello{})
		g.send(wire.Auth{Method: "ed25519", Proof: stolen})
		assert.EqualValues(t, wire.CodeDenied, g.aborted().Code, name)
	}
}

type spyAuthenticator struct {
	*auth.Store
	saw func(proof []byte)
}

func (s *spyAuthenticator) Verify(method string, proof []byte, c *auth.Challenge) (auth.Verified, error) {
	s.saw(proof)
	return s.Store.Verify(method, proof, c)
}

// TestExpiryEndsTheConnection at that time, with a reason, and the client is let
// in no more.
func TestExpiryEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token := auth.NewToken()
		h := newHubWith(t, router.AccessOptions{Authenticator: storeOf(t, auth.Entry{ID: "a", Token: token.Hash(), Expires: time.Now().Add(10 * time.Second)})})
		states := make(chan router.State, 64)
		cr := h.dial(quietRegistry(t), "mem://hub", router.ClientOptions{Credentials: []auth.Credential{token}, OnState: func(s router.State) { states <- s }})
		require.NoError(t, cr.WaitConnected(h.ctx))
		<-states
		time.Sleep(9 * time.Second)
		synctest.Wait()
		require.Len(t, h.srv.Clients(), 1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Empty(t, h.srv.Clients())
		st := <-states
		require.ErrorIs(t, st.Err, sig.ErrDenied)
		require.ErrorContains(t, st.Err, "expired")
		cr.Close()
		h.srv.Close()
	})
}

// TestWithdrawnCredential: a new list of credentials ends the connections whose
// own is not on it, and no others.
func TestWithdrawnCredential(t *testing.T) {
	a, b := auth.NewToken(), auth.NewKey()
	entryA, entryB := auth.Entry{ID: "a", Token: a.Hash()}, auth.Entry{ID: "b", Key: b.Public()}
	var log audit
	h := newHubWith(t, router.AccessOptions{Authenticator: storeOf(t, entryA, entryB), Audit: log.take})
	ended := make(chan error, 8)
	dial := func(address string, creds ...auth.Credential) {
		cr := h.dial(quietRegistry(t), address, router.ClientOptions{Credentials: creds, OnState: func(s router.State) {
			if s.Phase == router.Connecting && s.Err != nil {
				ended <- s.Err
			}
		}})
		require.NoError(t, cr.WaitConnected(h.ctx))
	}
	dial("mem://hub", a)
	dial("mem://hub", b)
	dial("mem://hub?as=joe")
	require.Len(t, h.srv.Clients(), 3)
	assert.Equal(t, 1, h.srv.SetAuthenticator(storeOf(t, entryB)))
	err := receive(t, h.ctx, ended)
	require.ErrorIs(t, err, sig.ErrDenied)
	assert.ErrorContains(t, err, "no longer accepted")
	require.Eventually(t, func() bool { return len(h.srv.Clients()) == 2 }, patience, time.Millisecond)
	assert.Equal(t, "a", log.await(t, router.AuditRevoked).Principal.ID)
	log.await(t, router.AuditPolicy)
	assert.Equal(t, 1, h.srv.Disconnect("out", func(c router.ClientInfo) bool { return c.Principal.ID == "joe" }))
	assert.ErrorContains(t, receive(t, h.ctx, ended), "out")
}

// TestTokenOfAnotherPrincipal: the token by which a node comes back is worth
// nothing to anybody else.
func TestTokenOfAnotherPrincipal(t *testing.T) {
	h := newHub(t, router.Limits{})
	first := h.guestAs("joe", wire.Hello{ID: wire.NodeID{7}})
	thief := h.knockAs("eve")
	thief.send(wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{7}, Codecs: []string{"json"}, Token: first.welcome.Token})
	assert.EqualValues(t, wire.CodeRing, thief.aborted().Code)
	first.round()
	again := h.guestAs("joe", wire.Hello{ID: wire.NodeID{7}, Token: first.welcome.Token})
	again.round()

	nobody := h.guest(wire.Hello{ID: wire.NodeID{8}})
	back := h.guest(wire.Hello{ID: wire.NodeID{8}, Token: nobody.welcome.Token}) // the anonymous have nothing but the token
	back.round()
	thief = h.knockAs("eve")
	thief.send(wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{8}, Codecs: []string{"json"}, Token: back.welcome.Token})
	assert.EqualValues(t, wire.CodeRing, thief.aborted().Code)
}

// TestClientDoesNotTrustTheRouter: what a router asks in a way that a proof could
// be used elsewhere is answered with an ABORT.
func TestClientDoesNotTrustTheRouter(t *testing.T) {
	for name, row := range map[string]struct {
		answers []envelope
		code    uint16
	}{
		"another router answers": {[]envelope{
			wire.Challenge{ID: wire.NodeID{1}, Methods: []string{"ed25519"}, Binding: "none"},
			wire.Welcome{Version: 1, ID: wire.NodeID{2}, Codec: "json"},
		}, wire.CodeProtocol},
		"a binding that this side does not have": {[]envelope{wire.Challenge{ID: wire.NodeID{1}, Methods: []string{"ed25519"}, Binding: "tls-exporter"}}, wire.CodeDenied},
		"a binding that nobody knows":            {[]envelope{wire.Challenge{ID: wire.NodeID{1}, Methods: []string{"ed25519"}, Binding: "hope"}}, wire.CodeDenied},
		"twice": {[]envelope{
			wire.Challenge{ID: wire.NodeID{1}, Methods: []string{"ed25519"}, Binding: "none"},
			wire.Challenge{ID: wire.NodeID{1}, Methods: []string{"ed25519"}, Binding: "none", Nonce: wire.Nonce{1}},
		}, wire.CodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeerOf(t, router.ClientOptions{Credentials: []auth.Credential{auth.NewKey()}})
			for _, e := range row.answers {
				p.send(e)
			}
			var a wire.Abort
			require.NoError(t, a.Decode(p.await(wire.TypeAbort)))
			assert.EqualValues(t, row.code, a.Code, a.Reason)
		})
	}
}

// TestRefusedCertificate: whoever is refused is not let in, and not told why; the
// log and the audit are.
func TestRefusedCertificate(t *testing.T) {
	var a audit
	h := newHubWith(t, router.AccessOptions{Audit: a.take, Refuse: func(id carrier.Identity) string {
		if id.ID == "press" {
			return "it was lost"
		}
		return ""
	}})
	h.guestAs("saw", wire.Hello{})
	code, text := h.refused("press")
	require.Equal(t, sig.CodeDenied, sig.Code(code))
	require.NotContains(t, text, "lost")
	rec := a.await(t, router.AuditAuthFailed)
	require.Contains(t, rec.Reason, "it was lost")
	require.Equal(t, "press", rec.Principal.ID)
}

// TestAnswersThatChangeMeanwhile: a connection that was on its way while a policy was
// exchanged, and that nobody could end yet, does not stay as what it was.
func TestAnswersThatChangeMeanwhile(t *testing.T) {
	for name, row := range map[string]struct {
		access func(asked int) (principal, refusal string)
		want   string
	}{
		"known by another name": {func(asked int) (string, string) { return fmt.Sprint("name", asked), "" }, "connect again"},
		"refused": {func(asked int) (string, string) {
			if asked == 1 {
				return "press", ""
			}
			return "press", "it was lost"
		}, "no longer accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			var names, refusals atomic.Int64
			h := newHubWith(t, router.AccessOptions{
				Identify: func(id carrier.Identity) acl.Principal {
					p, _ := row.access(int(names.Add(1)))
					return acl.Principal{ID: p, Method: id.Method}
				},
				Refuse: func(carrier.Identity) string {
					_, why := row.access(int(refusals.Add(1)))
					return why
				},
			})
			bye := h.guestAs("press", wire.Hello{}).lastWord()
			require.Equal(t, sig.CodeDenied, sig.Code(bye.Code))
			require.Contains(t, bye.Reason, row.want)
		})
	}
}
