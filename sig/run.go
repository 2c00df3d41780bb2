package sig

// Run is several events that arrived together, of any routes. It is a cursor: as
// an [Encoded] it is the payload of the current event, and Next moves to the
// next one. Before the first Next there is no current event.
type Run interface {
	Encoded
	// Next returns the route of the event that it has moved to, nil at the end, also
	// when it is called again.
	Next() *Route
}

// Lender is an [Encoded] whose codec sends bytes as they are: Lend returns them
// without a copy, valid until the call that the Encoded was given to returns.
type Lender interface {
	Lend() (data []byte, ok bool)
}

// DeliverRun is [Route.Deliver] for each event of the run, none of them held back.
// It costs less than one by one where a single inline subscription takes several
// that follow each other.
func DeliverRun(run Run) {
	for rt := run.Next(); rt != nil; {
		if snap := rt.current(); snap.straight() {
			rt = snap.subs[0].recv.remoteRun(snap, run)
		} else {
			rt.Deliver(run, nil)
			rt = nil
		}
		if rt == nil {
			rt = run.Next()
		}
	}
}

// straight reports whether events of another process go straight to one handler:
// nothing else gets them, and nothing is under way.
func (snap *snapshot) straight() bool {
	return snap != nil && len(snap.subs) == 1 && !snap.any.own && snap.subs[0].inline() && snap.undisturbed()
}

// undisturbed reports whether the next event of a run can go straight to the
// only handler, as the one before did.
func (snap *snapshot) undisturbed() bool {
	rt := snap.route
	return rt.snap.Load() == snap && !snap.subs[0].ended.Load() && rt.sender.slot.idle() && !rt.sender.gone.Load()
}

// remoteRun hands the run's current event and those after it to the handler, as
// long as they are for nobody else and nothing changes. One recover and one count
// serve them all. It returns the route of the current event if that has yet to be
// delivered, and nil otherwise.
func (s *subscriber[T]) remoteRun(snap *snapshot, run Run) (undelivered *Route) {
	rt := snap.route
	ev := EventOf[T]{Sender: rt.sender.slot.name, Name: rt.name}
	n, clean := uint64(0), false
	defer func() {
		s.arrived.Add(n)
		if !clean {
			s.sub.registry.panicked(ev.Sender, ev.Name, recover())
		}
	}()
	for {
		v, err := s.decodeRun(run)
		if err != nil {
			s.arrived.Add(n)
			n = 0
			s.unusable(ev.Sender, ev.Name, err)
		} else {
			n++
			ev.Data = v
			s.handler(ev)
		}
		next := run.Next()
		if next == rt && snap.undisturbed() {
			continue
		}
		if next != nil {
			snap = next.snap.Load()
		}
		if next == nil || !snap.straight() || snap.subs[0] != s.sub {
			clean = true
			return next
		}
		rt = next
		ev.Sender, ev.Name = rt.sender.slot.name, rt.name
	}
}

// decodeRun makes a T of the current event: bytes are lent where that is
// allowed, everything else is decoded.
func (s *subscriber[T]) decodeRun(run Run) (v T, err error) {
	if s.lent {
		if l, ok := run.(Lender); ok {
			if data, ok := l.Lend(); ok {
				*any(&v).(*[]byte) = data
				return v, nil
			}
		}
	}
	return decodeTo[T](remoteEvent{payload: run})
}
