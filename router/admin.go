package router

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// RouterName is how the router calls itself where it is asked for as a sender: in
// messages, and in the questions that a policy decides.
const RouterName = "#router"

// routerNumber is the sender that stands for the server itself (protocol.md §9.4).
const routerNumber = math.MaxUint32

// adminDesk answers requests to the router itself. Its sender is in a registry of
// its own, that nobody is connected to.
type adminDesk struct {
	policy *policy
	reg    *sig.Registry
	sender *sig.Sender
}

// newAdminDesk has the router's own methods and those that were added.
func (r *ServerRouter) newAdminDesk(added map[sig.Name]sig.RequestHandler) (*adminDesk, error) {
	methods := map[sig.Name]sig.RequestHandler{
		"stats":       sig.Handle(func(context.Context, any) (Snapshot, error) { return r.Snapshot(), nil }),
		"connections": sig.Handle(func(context.Context, any) ([]Connection, error) { return r.Connections(), nil }),
	}
	for name, h := range added {
		if methods[name] != nil {
			return nil, fmt.Errorf("admin method %q is the router's own", name)
		}
		methods[name] = h
	}
	d := &adminDesk{policy: &r.policy, reg: sig.New(nil)}
	var err error
	if d.sender, err = d.reg.Connect("router", sig.Spec{Requests: methods}); err != nil {
		d.reg.Close()
		return nil, fmt.Errorf("admin methods: %w", err)
	}
	return d, nil
}

// Connection is what the admin method "connections" tells of each.
type Connection struct {
	Client        string    `json:"client"`    // as it calls itself
	Node          string    `json:"node"`      // the ID of its node
	Principal     string    `json:"principal"` // "" is anonymous
	Method        string    `json:"method"`    // how that was proved
	Groups        []string  `json:"groups"`    // by the proof; a policy may add some
	Carrier       string    `json:"carrier"`   // the scheme of the listener
	Listener      string    `json:"listener"`
	Address       string    `json:"address"`
	Certificate   string    `json:"certificate"` // by which the carrier knows it, "sha256:..."; "": none
	Codec         string    `json:"codec"`
	Since         time.Time `json:"since"`
	Expires       time.Time `json:"expires"` // of the credential; zero: never
	Senders       int       `json:"senders"`
	Subscriptions int       `json:"subscriptions"`
	Requests      int       `json:"requests"` // under way, of this client
}

// Connections lists the open connections, oldest first.
func (r *ServerRouter) Connections() []Connection {
	type entry struct {
		l  *link
		sc *serverConn
	}
	r.mu.Lock()
	open := make([]entry, 0, len(r.links))
	for l, sc := range r.links {
		open = append(open, entry{l, sc})
	}
	r.mu.Unlock()
	list := make([]Connection, 0, len(open))
	for _, e := range open {
		s := e.l.current.Load()
		if s == nil {
			continue // being opened, or over
		}
		scheme, _, _ := strings.Cut(e.sc.info.Listener, "://")
		p := e.sc.info.Principal
		list = append(list, Connection{
			Client: e.sc.info.Name, Node: s.peerID.String(), Principal: p.ID, Method: p.Method, Groups: append([]string{}, p.Groups...),
			Carrier: scheme, Listener: e.sc.info.Listener, Address: e.sc.info.Address, Certificate: e.sc.info.Identity.Certificate, Codec: string(e.sc.info.Codec),
			Since: e.sc.info.Since, Expires: e.sc.proof.Expires,
			Senders: e.l.senderCount(), Subscriptions: s.subscribed(), Requests: s.requests.ofPeer(),
		})
	}
	slices.SortFunc(list, func(a, b Connection) int { return a.Since.Compare(b.Since) })
	return list
}

func (s *session) subscribed() int {
	s.granting.Lock()
	defer s.granting.Unlock()
	return len(s.wants)
}

// ofPeer is how many requests of the peer's are under way.
func (t *requestTable) ofPeer() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.serving) + len(t.passed)
}

// caller is the key of who asks, in the context of an admin method.
type callerKey struct{}

// Caller returns who has called an admin method, from the context of its handler.
func Caller(ctx context.Context) (acl.Principal, bool) {
	p, ok := ctx.Value(callerKey{}).(acl.Principal)
	return p, ok
}

// onAdmin takes in a request to the router itself.
func (s *session) onAdmin(e *wire.Request) error {
	desk := s.link.desk
	if desk == nil {
		s.refuse(e.ID, sig.NewError(sig.CodeNoSender, "this side is no router that can be asked"))
		return nil
	}
	d, err := s.mayAdminister(sig.Name(e.Method))
	if err != nil && enforced("admin") {
		s.refuse(e.ID, err)
		return nil
	}
	r := s.newServed(e)
	r.verb = acl.Admin
	r.answered = func(err error) {
		rec := AuditRecord{Kind: AuditAdmin, Decision: d}
		if err != nil {
			rec.Reason = err.Error()
		}
		desk.policy.audit.tell(s.record(rec))
	}
	s.begin(r, context.WithValue(s.ctx, callerKey{}, s.principal), desk.sender, e)
	return nil
}

// mayAdminister asks the policy; if there is none, who cannot come from another
// machine may do so.
func (s *session) mayAdminister(method sig.Name) (acl.Decision, *sig.Error) {
	a := s.link.access.Load()
	if a.restricted() {
		d := a.decide(acl.Admin, "", method)
		return d, s.check(a, d, func(r acl.Rights) acl.Decision { return r.Decide(acl.Admin, "", method) })
	}
	q := acl.Question{Verb: acl.Admin, Name: method}
	if localListener(s.listener) {
		return acl.Decision{Allowed: true, Reason: acl.Program, Question: q}, nil
	}
	return acl.Decision{Question: q}, sig.NewError(sig.CodeDenied, "this router has no rules about who may administer it, and takes that only from a listener that no other machine can reach")
}

// Admin calls a method of the server that this client is connected to, one of the
// router's own such as "connections", or of those in its ServerOptions.Admin. It
// is never passed on to another router, and needs the verb admin there. reply is
// a pointer that the answer is decoded into; nil: it is of no interest.
func (r *ClientRouter) Admin(ctx context.Context, method sig.Name, data, reply any) error {
	if err := method.Validate(); err != nil {
		return err
	}
	s := r.link.current.Load()
	if s == nil {
		return sig.NewError(sig.CodeNotConnected, "to a router")
	}
	answer, err := s.requestTo(ctx, nil, RouterName, nil, method, data)
	if err != nil || reply == nil {
		return err
	}
	encoded, ok := answer.(sig.Encoded)
	if !ok {
		return sig.NewError(sig.CodeBadPayload, fmt.Sprintf("the answer is a %T", answer))
	}
	return encoded.Decode(reply)
}
