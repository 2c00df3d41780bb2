package acl

import "github.com/gosig/gosig/sig"

// Authorizer decides what principals may do. A [Policy] is one, [Open] another;
// [Func] makes one of a function.
type Authorizer interface {
	// For returns what a principal may do. It is called once for a connection,
	// or again after the policy has changed; it does not block, and may be called
	// from any number of goroutines.
	For(p Principal) Rights
}

// Rights are what one principal may do. They do not change: whoever holds one may
// keep what it said. Its methods do not block, and any number of goroutines may
// call them.
type Rights interface {
	// Decide says whether the principal may do this to one sender and name. With
	// [Subscribe] it speaks of the delivery of one event.
	Decide(verb Verb, sender, name sig.Name) Decision
	// Subscribe says whether the principal may subscribe to a pattern, and which
	// of the events that match may be delivered. The filter of a denied
	// subscription lets nothing pass.
	Subscribe(pattern sig.Pattern) (Decision, Filter)
}

// Filter says which events of an accepted subscription may be delivered: those
// that no rule denies, #connect and #disconnect of senders that may be observed.
// The zero Filter lets nothing pass. It is immutable, and costs a few comparisons
// of names; a router asks it once for each route.
type Filter struct {
	pattern sig.Pattern
	open    bool // within pattern, no events are denied
	denied  []shape
	seen    []sig.Name // senders whose presence passes
	hidden  []sig.Name // and among these the ones whose does not
	program func(sender, event sig.Name) bool
}

// NewFilter returns a filter that lets those events pass that match the pattern
// and for which f returns true. It is for an [Authorizer] of a program's own; f
// is called from many goroutines and does not block.
func NewFilter(pattern sig.Pattern, f func(sender, event sig.Name) bool) Filter {
	return Filter{pattern: pattern, program: f}
}

// Passes reports whether an event of a sender may be delivered. For a #lost ask
// with the event that was lost. It does not allocate.
func (f *Filter) Passes(sender, event sig.Name) bool {
	if !f.pattern.Match(sender, event) {
		return false
	}
	if f.program != nil {
		return f.program(sender, event)
	}
	if presence(event) {
		return matchAny(f.seen, sender) && !matchAny(f.hidden, sender)
	}
	if !f.open {
		return false
	}
	for i := range f.denied {
		if f.denied[i].match(sender, event) {
			return false
		}
	}
	return true
}

// Whole reports whether everything that matches the pattern passes, so that
// nobody has to ask.
func (f *Filter) Whole() bool {
	if f.program != nil || len(f.denied)+len(f.hidden) > 0 {
		return false
	}
	events, present := !presence(f.pattern.Event), presence(f.pattern.Event) || f.pattern.Event == sig.Any
	return (!events || f.open) && (!present || containAny(f.seen, f.pattern.Sender)) && f.pattern != (sig.Pattern{})
}

func matchAny(patterns []sig.Name, name sig.Name) bool {
	for _, p := range patterns {
		if sig.MatchName(p, name) {
			return true
		}
	}
	return false
}

func containAny(patterns []sig.Name, p sig.Name) bool {
	for _, q := range patterns {
		if sig.ContainsName(q, p) {
			return true
		}
	}
	return false
}

// Open is the Authorizer that allows everything to everybody: what holds where
// there is no policy.
type Open struct{}

// For returns rights to everything.
func (Open) For(Principal) Rights { return openRights{} }

type openRights struct{}

func (openRights) Decide(verb Verb, sender, name sig.Name) Decision {
	d := Decision{Reason: Program, Question: Question{verb, sender, name}}
	if _, _, d.Allowed = d.Question.normal(); !d.Allowed {
		d.Reason = BadName
	}
	return d
}

func (openRights) Subscribe(pattern sig.Pattern) (Decision, Filter) {
	d := Decision{Reason: Program, Question: Question{Subscribe, pattern.Sender, pattern.Event}}
	if pattern.Validate() != nil {
		d.Reason = BadName
		return d, Filter{}
	}
	d.Allowed = true
	return d, Filter{pattern: pattern, open: true, seen: []sig.Name{sig.Any}}
}

// Func makes an Authorizer of a function that decides each question about one
// sender and one name; presence is asked for as [Observe] without a name. A
// subscription to a pattern is accepted, and the function decides its deliveries;
// one to a sender and an event is decided at once. f does not block, and is called
// from many goroutines. Questions that are not valid do not reach it.
func Func(f func(p Principal, q Question) bool) Authorizer { return funcAuthorizer(f) }

type funcAuthorizer func(Principal, Question) bool

func (f funcAuthorizer) For(p Principal) Rights { return funcRights{f, p} }

type funcRights struct {
	decide    funcAuthorizer
	principal Principal
}

func (r funcRights) Decide(verb Verb, sender, name sig.Name) Decision {
	asked := Question{verb, sender, name}
	q, _, ok := asked.normal()
	if !ok {
		return Decision{Reason: BadName, Question: asked}
	}
	if q.Verb == Observe {
		q.Name = ""
	}
	return Decision{Allowed: r.decide(r.principal, q), Reason: Program, Question: asked}
}

func (r funcRights) Subscribe(pattern sig.Pattern) (Decision, Filter) {
	q := Question{Subscribe, pattern.Sender, pattern.Event}
	d := Decision{Allowed: true, Reason: Program, Question: q}
	if _, _, exact := q.normal(); exact {
		d = r.Decide(q.Verb, q.Sender, q.Name)
	} else if pattern.Validate() != nil {
		d = Decision{Reason: BadName, Question: q}
	}
	if !d.Allowed {
		return d, Filter{}
	}
	return d, NewFilter(pattern, func(sender, event sig.Name) bool { return r.Decide(Subscribe, sender, event).Allowed })
}
