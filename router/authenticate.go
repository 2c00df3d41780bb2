package router

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// Authenticator finds out who a client is by a proof in the handshake, beside or
// instead of what its carrier proves. [auth.Store] is one.
//
// Its methods do not block, and are called from many goroutines.
type Authenticator interface {
	// Methods are the kinds of proof that it takes, the best first; they are told
	// to every client that can prove anything.
	Methods() []string
	// Verify checks a proof. The error is for the log of this router; the client
	// learns only that it was not accepted.
	Verify(method string, proof []byte, c *auth.Challenge) (auth.Verified, error)
	// Accepts reports whether a connection that was let in by what Verify has
	// returned, perhaps that of an authenticator before this one, may stay.
	Accepts(v auth.Verified) bool
}

// proved is who a connection is. verified is what a proof in the handshake has
// shown; its ID is empty if the carrier alone has proved it.
type proved struct {
	principal acl.Principal
	verified  auth.Verified
}

// authenticate finds out who the client of a HELLO is. What it proves in the
// handshake counts before what its carrier proves. The error is what the client
// is told.
func (r *ServerRouter) authenticate(ctx context.Context, conn carrier.Conn, hello *greeting, listener string) (proved, error) {
	p := proved{principal: r.identify(conn)}
	if err := r.refused(conn); err != nil {
		return p, r.authFailed(p, hello, conn, listener, err)
	}
	a := r.policy.authenticator()
	if a == nil {
		return p, nil
	}
	c := &auth.Challenge{Private: private(conn, listener, r.policy.opts.TrustedWires), Hello: sha256.Sum256(hello.frame)}
	c.Binding, _ = carrier.ChannelBindingOf(conn)
	methods := usable(a.Methods(), c)
	if hello.Features&wire.FeatureAuth != 0 && len(methods) > 0 {
		v, err := r.challenge(ctx, conn, a, c, methods)
		if err != nil {
			return p, r.authFailed(p, hello, conn, listener, err)
		}
		p.verified = v
		p.principal = acl.Principal{ID: v.ID, Method: v.Method, Groups: v.Groups}
	}
	if p.principal.Anonymous() && !r.policy.opts.AdmitAnonymous && enforced("anonymous") {
		return p, r.authFailed(p, hello, conn, listener, missing(a.Methods(), methods))
	}
	return p, nil
}

// identify is who a client is by what its carrier has proved.
func (r *ServerRouter) identify(conn carrier.Conn) acl.Principal {
	id, _ := carrier.IdentityOf(conn)
	if id.ID == "" || r.policy.opts.Identify == nil {
		return provedBy(conn)
	}
	return r.policy.opts.Identify(id)
}

// refused is why a client is not let in, whatever it proves, or nil.
func (r *ServerRouter) refused(conn carrier.Conn) error {
	id, _ := carrier.IdentityOf(conn)
	if id.ID == "" || r.policy.opts.Refuse == nil {
		return nil
	}
	if reason := r.policy.opts.Refuse(id); reason != "" {
		return rejected{id.Method, errors.New(reason)}
	}
	return nil
}

// provedBy is who the carrier says the peer is.
func provedBy(conn carrier.Conn) acl.Principal {
	id, _ := carrier.IdentityOf(conn)
	if id.ID == "" {
		return acl.Principal{}
	}
	return acl.Principal{ID: id.ID, Method: id.Method}
}

// challenge asks the client for a proof, and checks it.
func (r *ServerRouter) challenge(ctx context.Context, conn carrier.Conn, a Authenticator, c *auth.Challenge, methods []string) (auth.Verified, error) {
	ask := wire.Challenge{ID: r.node.id, Methods: methods, Binding: wire.BindingNone}
	if c.Binding != nil {
		ask.Binding = wire.BindingExporter
	}
	_, _ = rand.Read(ask.Nonce[:]) // never fails
	frame := ask.Append(nil)
	c.Asked = sha256.Sum256(frame)
	if err := conn.Send(ctx, carrier.AppendFrame(nil, frame)); err != nil {
		return auth.Verified{}, err
	}
	answer, rest, err := receiveFirst(ctx, conn, make([]byte, smallBuffer))
	if err != nil {
		return auth.Verified{}, err
	}
	t, _ := wire.TypeOf(answer)
	switch {
	case len(rest) > 0 && enforced("one answer"):
		return auth.Verified{}, sig.NewError(sig.CodeProtocol, "more than one envelope before the handshake was over")
	case !wire.Legal(wire.Asked, wire.RoleClient, t):
		return auth.Verified{}, sig.NewError(sig.CodeProtocol, fmt.Sprintf("the answer to a CHALLENGE must be AUTH, this is %v", t))
	case t == wire.TypeAbort:
		var e wire.Abort
		if err := e.Decode(answer); err != nil {
			return auth.Verified{}, err
		}
		return auth.Verified{}, fmt.Errorf("the client gave up: %w", sig.NewError(sig.Code(e.Code), e.Reason))
	}
	var e wire.Auth
	if err := e.Decode(answer); err != nil {
		return auth.Verified{}, err
	}
	if !slices.Contains(methods, e.Method) && enforced("proof method") {
		return auth.Verified{}, sig.NewError(sig.CodeProtocol, fmt.Sprintf("AUTH by a method that CHALLENGE does not name: %.40q", e.Method))
	}
	v, err := a.Verify(e.Method, e.Proof, c)
	if err != nil && !enforced("proof") {
		v.ID, err = "whoever", nil
	}
	switch {
	case err == nil && v.ID == "":
		err = errors.New("the authenticator has named nobody")
	case err == nil:
		v.Method = e.Method
		return v, nil
	}
	return auth.Verified{}, rejected{e.Method, err}
}

// rejected is a proof that was not accepted: why, is for the log.
type rejected struct {
	method string
	err    error
}

func (r rejected) Error() string { return r.method + ": " + r.err.Error() }

// authFailed notes why a client was not let in, and returns what it is told.
func (r *ServerRouter) authFailed(p proved, hello *greeting, conn carrier.Conn, listener string, err error) error {
	r.stats.authFailures.Add(1)
	r.log.Warn("authentication failed", "listener", listener, "peer", conn.RemoteAddr(), "client", bounded(hello.Name), "error", err)
	r.audit().tell(AuditRecord{
		Kind: AuditAuthFailed, Principal: p.principal, Client: hello.Name, Listener: listener, Address: conn.RemoteAddr(), Reason: err.Error(),
	})
	var no rejected
	if errors.As(err, &no) {
		return sig.NewError(sig.CodeDenied, "the proof of who you are was not accepted; the router's log says why")
	}
	return err
}

// usable are the methods that may be used on a connection: a token where others
// read along is none, and a signature needs something that binds it.
func usable(methods []string, c *auth.Challenge) []string {
	return slices.DeleteFunc(slices.Clone(methods), func(m string) bool {
		return !c.Private && (m != auth.MethodKey || c.Binding == nil)
	})
}

// missing is what a client is told that has proved nothing.
func missing(methods, usable []string) error {
	if len(methods) == 0 {
		return sig.NewError(sig.CodeDenied, "this router lets in nobody whom the carrier does not prove, and accepts no other proof at present")
	}
	text := "this router asks who you are: " + strings.Join(methods, " or ")
	if len(usable) == 0 {
		text += ", and takes none of that on a connection that is not encrypted"
	}
	return sig.NewError(sig.CodeDenied, text)
}

// private reports whether a secret may be sent on a connection: nobody else can
// read it, or whoever set this side up has said so.
func private(conn carrier.Conn, url string, trusted []string) bool {
	return conn.Traits().Confidential || loopback(conn.RemoteAddr()) || trustedWire(url, trusted)
}

// trustedWire reports whether a URL, or its scheme, is among those named.
func trustedWire(url string, trusted []string) bool {
	scheme, _, _ := strings.Cut(url, "://")
	bare, _, _ := strings.Cut(url, "?")
	return slices.ContainsFunc(trusted, func(t string) bool { return t != "" && (t == scheme || t == url || t == bare) })
}

// expire ends the session when what it was let in by expires. The caller calls
// stop when the session is over, and may do so once.
func (s *session) expire(at time.Time) (stop func()) {
	if at.IsZero() {
		return func() {}
	}
	done := make(chan struct{}) // closed when the timer's goroutine has ended
	timer := time.AfterFunc(time.Until(at), func() {
		defer close(done)
		s.expel(sig.NewError(sig.CodeDenied, "the credential of this connection has expired"))
	})
	return func() {
		if !timer.Stop() {
			<-done
		}
	}
}

// expel ends the connection of a peer that may not stay, and says why.
func (s *session) expel(why *sig.Error) {
	s.link.log.Info("connection ended", "peer", s.describe(), "reason", why)
	s.part(wire.Goodbye{Code: uint16(why.Code), Reason: bounded(why.Text)}.Append(nil))
	s.fail(why)
}
