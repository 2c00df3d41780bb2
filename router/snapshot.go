package router

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is what the admin method "stats" answers: a router's counts since it
// was started, what waits now, and the clients that matter most.
type Snapshot struct {
	Time        time.Time         `json:"time"`
	Router      string            `json:"router"`
	Connections int               `json:"connections"`
	Total       Traffic           `json:"total"`
	Lost        map[string]uint64 `json:"lost"`   // events, by the reason
	Limits      map[string]uint64 `json:"limits"` // how often each was reached
	Violations  uint64            `json:"violations"`
	Denials     uint64            `json:"denials"`
	Panics      uint64            `json:"panics"`
	// Clients are those for which most waits, or of which most was lost, then
	// those that send and get most: at most [SnapshotClients].
	Clients []ClientTraffic `json:"clients"`
}

// SnapshotClients is how many clients a Snapshot names at most.
const SnapshotClients = 100

// Traffic is a [Usage], for the wire.
type Traffic struct {
	EventsIn    uint64 `json:"events_in"`
	EventsOut   uint64 `json:"events_out"`
	RequestsIn  uint64 `json:"requests_in"`
	RequestsOut uint64 `json:"requests_out"`
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"`
	Lost        uint64 `json:"lost"`     // because it read too slowly
	Outbound    int    `json:"outbound"` // bytes that wait to be written
	Inbound     int    `json:"inbound"`  // bytes that wait for handlers of the router
}

// ClientTraffic is the traffic of one client.
type ClientTraffic struct {
	Client    string    `json:"client"` // as it calls itself
	Principal string    `json:"principal"`
	Address   string    `json:"address"`
	Since     time.Time `json:"since"`
	Traffic
}

// Snapshot sums up what the router counts.
func (r *ServerRouter) Snapshot() Snapshot {
	st := r.Stats()
	s := Snapshot{
		Time: time.Now(), Total: Traffic(st.Usage), Lost: map[string]uint64{}, Limits: map[string]uint64{},
		Violations: st.Violations, Denials: st.Denials, Panics: st.Panics, Clients: []ClientTraffic{},
	}
	for reason, n := range st.Lost {
		s.Lost[reason.String()] += n
	}
	for limit, n := range st.Limits {
		s.Limits[limit.String()] = n
	}
	for _, c := range r.Clients() {
		s.Clients = append(s.Clients, ClientTraffic{
			Client: c.Name, Principal: c.Principal.ID, Address: c.Address, Since: c.Since, Traffic: Traffic(c.Usage),
		})
	}
	s.Connections = len(s.Clients)
	slices.SortFunc(s.Clients, func(a, b ClientTraffic) int {
		return cmp.Or(cmp.Compare(b.Outbound, a.Outbound), cmp.Compare(b.Lost, a.Lost),
			cmp.Compare(b.EventsIn+b.EventsOut+b.RequestsIn, a.EventsIn+a.EventsOut+a.RequestsIn), a.Since.Compare(b.Since))
	})
	s.Clients = s.Clients[:min(len(s.Clients), SnapshotClients)]
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.node != nil {
		s.Router = r.node.nameNow()
	}
	return s
}
