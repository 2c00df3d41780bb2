package router

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// credentials are what a client's link has to prove who it is.
type credentials struct {
	list    []auth.Credential
	trusted []string // wires
}

// prove answers a CHALLENGE. hello is the frame that this side has sent.
func (l *link) prove(ctx context.Context, conn carrier.Conn, address string, hello, frame []byte) (*wire.Challenge, error) {
	var ask wire.Challenge
	if err := ask.Decode(frame); err != nil {
		return nil, err
	}
	c := &auth.Challenge{
		Private: private(conn, address, l.credentials.trusted),
		Hello:   sha256.Sum256(hello), Asked: sha256.Sum256(frame),
	}
	c.Binding, _ = carrier.ChannelBindingOf(conn)
	answer, err := l.credentials.answer(c, &ask)
	if err != nil {
		return nil, sig.NewError(sig.CodeDenied, "not connected to "+address+": "+err.Error())
	}
	return &ask, conn.Send(ctx, carrier.AppendFrame(nil, answer.Append(nil)))
}

// answer is the first credential whose method the server takes.
func (cs *credentials) answer(c *auth.Challenge, ask *wire.Challenge) (wire.Auth, error) {
	byMethod := make(map[string]auth.Credential)
	var have []string
	for _, cred := range cs.list {
		if m := cred.Method(); byMethod[m] == nil {
			byMethod[m] = cred
			have = append(have, m)
		}
	}
	for _, m := range ask.Methods {
		cred := byMethod[m]
		if cred == nil {
			continue
		}
		if m == auth.MethodKey {
			if err := sameBinding(c, ask.Binding); err != nil {
				return wire.Auth{}, err
			}
		}
		proof, err := cred.Prove(c)
		return wire.Auth{Method: m, Proof: proof}, err
	}
	return wire.Auth{}, fmt.Errorf("the router asks for %s, and this client has %s", strings.Join(ask.Methods, " or "), strings.Join(have, ", "))
}

// sameBinding refuses to sign where the server does not see the channel that this
// side sees: somebody in between has one with either.
func sameBinding(c *auth.Challenge, binding string) error {
	switch {
	case binding == wire.BindingExporter && c.Binding != nil, binding == wire.BindingNone && c.Binding == nil:
		return nil
	case c.Binding != nil:
		return fmt.Errorf("the router does not see the end of this encrypted channel (its binding is %.40q): a proxy, or a stranger, is in between; use a token if it is a proxy that you trust", binding)
	}
	return fmt.Errorf("the router wants a proof that is bound to a channel by %.40q, which this side does not have", binding)
}
