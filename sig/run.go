package sig

// Run is several events of one route that arrived together. It is a cursor: as
// an [Encoded] it is the payload of the current event, and Next moves to the
// next one. Before the first Next there is no current event.
type Run interface {
	Encoded
	Next() bool // false at the end
}

// Lender is an [Encoded] whose codec sends bytes as they are: Lend returns them
// without a copy, valid until the call that the Encoded was given to returns.
type Lender interface {
	Lend() (data []byte, ok bool)
}

// DeliverRun is Deliver for each event of the run, none of them held back. It
// costs less than one by one where there is a single inline subscription.
func (rt *Route) DeliverRun(run Run) {
	for run.Next() {
		snap := rt.current()
		if snap == nil || len(snap.subs) != 1 || snap.any.own || rt.sender.gone.Load() || !snap.subs[0].inline() {
			rt.Deliver(run, nil)
			continue
		}
		snap.subs[0].recv.remoteRun(snap, run)
	}
}

// undisturbed reports whether the next event of a run can go straight to the
// only handler, as the one before did.
func (snap *snapshot) undisturbed() bool {
	rt := snap.route
	return rt.snap.Load() == snap && !snap.subs[0].ended.Load() && rt.sender.slot.idle() && !rt.sender.gone.Load()
}

// remoteRun hands the run's current event and those after it to the handler, as
// long as nothing changes. One recover and one count serve them all.
func (s *subscriber[T]) remoteRun(snap *snapshot, run Run) {
	rt := snap.route
	if !snap.undisturbed() {
		rt.Deliver(run, nil)
		return
	}
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
		if !snap.undisturbed() || !run.Next() {
			break
		}
	}
	clean = true
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
