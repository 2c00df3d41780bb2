package router

import "sync/atomic"

// Usage is what one client has used so far, and what waits for it now. Seen from
// the router: in is from the client.
type Usage struct {
	EventsIn, EventsOut     uint64
	RequestsIn, RequestsOut uint64 // that it has asked, and that it was asked
	BytesIn, BytesOut       uint64 // of whole frames
	Lost                    uint64 // events dropped on their way to it because it read too slowly
	Outbound                int    // bytes that wait to be written to it
	Inbound                 int    // bytes of it that wait for handlers of this process
}

func (u *Usage) add(o Usage) {
	u.EventsIn += o.EventsIn
	u.EventsOut += o.EventsOut
	u.RequestsIn += o.RequestsIn
	u.RequestsOut += o.RequestsOut
	u.BytesIn += o.BytesIn
	u.BytesOut += o.BytesOut
	u.Lost += o.Lost
	u.Outbound += o.Outbound
	u.Inbound += o.Inbound
}

// traffic is what has passed a link. The atomic counts are added to once for each
// batch; the link's lock guards the others, which cost nothing more where it is
// held anyway.
type traffic struct {
	eventsIn, bytesIn, bytesOut atomic.Uint64
	eventsOut, lost             uint64
	requestsIn, requestsOut     uint64 // of connections that have ended
}

// usage sums up what has passed the link, and what waits.
func (l *link) usage() Usage {
	l.mu.Lock()
	t := &l.traffic
	u := Usage{
		EventsIn: t.eventsIn.Load(), BytesIn: t.bytesIn.Load(), BytesOut: t.bytesOut.Load(),
		EventsOut: t.eventsOut, Lost: t.lost, RequestsIn: t.requestsIn, RequestsOut: t.requestsOut,
	}
	s := l.sess
	if s != nil {
		u.Outbound = s.out.bytes
	}
	l.mu.Unlock()
	if s != nil {
		in, out := s.requests.counts()
		u.RequestsIn += in
		u.RequestsOut += out
	}
	l.inbound.mu.Lock()
	defer l.inbound.mu.Unlock()
	u.Inbound = l.inbound.bytes
	return u
}

// counts are the requests so far: the peer's, and ours.
func (t *requestTable) counts() (in, out uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.received, t.last
}
