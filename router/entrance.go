package router

// entrance is a listener of a server, with what those may use who come in by it
// as long as nobody knows who they are.
type entrance struct {
	listener string
	limits   *Limits
	open     int // connections; the server's lock guards it
}

// entrance makes one of a listener's address.
func (r *ServerRouter) entrance(listener string) *entrance {
	return &entrance{listener: listener, limits: r.limitsOf(ClientInfo{Listener: listener})}
}

// limitsOf are the limits of a client, as far as it is known: the router's, and
// what LimitsFor says in their place.
func (r *ServerRouter) limitsOf(who ClientInfo) *Limits {
	if r.limitsFor == nil {
		return &r.limits
	}
	over := r.limitsFor(who)
	if over == (Limits{}) {
		return &r.limits
	}
	special := r.stated.With(over).WithDefaults() // a default may follow from what was stated
	if err := special.Validate(); err != nil {
		r.log.Error("limits not used", "listener", who.Listener, "client", who.Name, "principal", who.Principal.ID, "error", err)
		return &r.limits
	}
	return &special
}
