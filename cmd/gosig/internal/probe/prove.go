package probe

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// prove answers a CHALLENGE if the router sends one behind our HELLO, and returns
// the kind of proof.
func (r *run) prove(ctx context.Context, hello []byte) (string, error) {
	frame, err := r.line.peek(ctx)
	if err != nil {
		return "", err
	}
	if t, _ := wire.TypeOf(frame); t != wire.TypeChallenge {
		return "", nil
	}
	if frame, err = r.line.next(ctx); err != nil {
		return "", err
	}
	var ask wire.Challenge
	if err := ask.Decode(frame); err != nil {
		return "", protocolError(err)
	}
	c := &auth.Challenge{Hello: sha256.Sum256(hello), Asked: sha256.Sum256(frame), Private: r.private()}
	c.Binding, _ = carrier.ChannelBindingOf(r.conn)
	for _, m := range ask.Methods {
		for _, cred := range r.Credentials {
			if cred.Method() != m {
				continue
			}
			if m == auth.MethodKey && (ask.Binding == wire.BindingExporter) != (c.Binding != nil) {
				return "", sig.NewError(sig.CodeDenied, "the router does not see the end of this encrypted channel: a proxy, or a stranger, is in between; use a token if it is a proxy that you trust")
			}
			proof, err := cred.Prove(c)
			if err != nil {
				return "", sig.NewError(sig.CodeDenied, err.Error())
			}
			return m, r.line.send(ctx, wire.Auth{Method: m, Proof: proof}.Append(nil))
		}
	}
	return "", sig.NewError(sig.CodeDenied, fmt.Sprintf("the router asks for %.100q, which was not given", strings.Join(ask.Methods, " or ")))
}

// private reports whether a secret may be sent: nobody else reads along.
func (r *run) private() bool {
	if r.conn.Traits().Confidential || slices.Contains(r.TrustedWires, r.url.Scheme) || slices.Contains(r.TrustedWires, r.addr) {
		return true
	}
	if r.url.Scheme == "unix" || r.url.Scheme == "mem" {
		return true
	}
	ip := net.ParseIP(r.url.Hostname())
	return ip != nil && ip.IsLoopback()
}
