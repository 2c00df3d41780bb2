package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gosig/gosig/router"
)

// Limits bound what clients may cost this router. What is left out has the
// router's default; [Limits.Describe] lists each with its meaning.
type Limits struct {
	Handshake              Duration `toml:"handshake"`
	Keepalive              Duration `toml:"keepalive"`
	Dead                   Duration `toml:"dead"`
	Write                  Duration `toml:"write"`
	Sync                   Duration `toml:"sync"`
	Frame                  Size     `toml:"frame"`
	HelloFrame             Size     `toml:"hello_frame"`
	Connections            Count    `toml:"connections"`
	ConnectionsPerIdentity Count    `toml:"connections_per_identity"`
	ConnectionsPerIP       Count    `toml:"connections_per_ip"`
	Unauthenticated        Count    `toml:"unauthenticated"`
	UnauthenticatedPerIP   Count    `toml:"unauthenticated_per_ip"`
	Senders                Count    `toml:"senders"`
	EventsPerSender        Count    `toml:"events_per_sender"`
	Subscriptions          Count    `toml:"subscriptions"`
	PendingRequests        Count    `toml:"pending_requests"`
	Outbound               Size     `toml:"outbound"`
	Inbound                Size     `toml:"inbound"`
	WindowEvents           Count    `toml:"window_events"`
	WindowBytes            Size     `toml:"window_bytes"`
	Routes                 Count    `toml:"routes"`
	Nodes                  Count    `toml:"nodes"`
	Offline                Size     `toml:"offline"`
	Positions              Count    `toml:"positions"`
}

// Limit is one limit as it is in force.
type Limit struct {
	Key     string
	Value   string
	Default bool // the file does not mention it
	About   string
}

// binding ties a key of the file to the field of the router's limits.
type binding struct {
	key   string
	from  setting
	into  any // *time.Duration or *int
	about string
}

// setting is a value of the file.
type setting interface {
	given() bool
	problem() error
	apply(into any)
}

func (l *Limits) bind(r *router.Limits) []binding {
	return []binding{
		{"handshake", &l.Handshake, &r.Handshake, "from accepting a connection to its being open"},
		{"keepalive", &l.Keepalive, &r.Keepalive, "silence after which a peer is pinged"},
		{"dead", &l.Dead, &r.Dead, "silence after which a connection is given up"},
		{"write", &l.Write, &r.WriteTimeout, "for a write of 64KiB, plus 1s for each further 16KiB"},
		{"sync", &l.Sync, &r.SyncPatience, "how long a peer's barrier may wait for other peers"},
		{"frame", &l.Frame, &r.MaxFrame, "largest envelope"},
		{"hello_frame", &l.HelloFrame, &r.HelloFrame, "largest envelope before the connection is open"},
		{"connections", &l.Connections, &r.Connections, "open connections in all"},
		{"connections_per_identity", &l.ConnectionsPerIdentity, &r.ConnectionsPerID, "open connections of one identity"},
		{"connections_per_ip", &l.ConnectionsPerIP, &r.ConnectionsPerIP, "open connections of one IP address, loopback excepted"},
		{"unauthenticated", &l.Unauthenticated, &r.Unauthenticated, "connections still in their handshake; more wait"},
		{"unauthenticated_per_ip", &l.UnauthenticatedPerIP, &r.UnauthenticatedPerIP, "of those, from one IP address, loopback excepted"},
		{"senders", &l.Senders, &r.Senders, "senders of one connection"},
		{"events_per_sender", &l.EventsPerSender, &r.EventsPerSender, "events, and methods, of one sender"},
		{"subscriptions", &l.Subscriptions, &r.Subscriptions, "patterns one connection asks for"},
		{"pending_requests", &l.PendingRequests, &r.PendingRequests, "requests of one connection without an answer"},
		{"outbound", &l.Outbound, &r.OutboundBytes, "buffered for a peer that reads slowly"},
		{"inbound", &l.Inbound, &r.InboundBytes, "buffered for handlers slower than the peer"},
		{"window_events", &l.WindowEvents, &r.WindowEvents, "held-back events under way on one route of one connection"},
		{"window_bytes", &l.WindowBytes, &r.WindowBytes, "their payload, always at least one event"},
		{"routes", &l.Routes, &r.RoutesPerPeer, "highest number of a route that a peer may assign"},
		{"nodes", &l.Nodes, &r.Nodes, "routers that one connection leads to"},
		{"offline", &l.Offline, &r.OfflineBytes, "kept for the uplink while it is not connected"},
		{"positions", &l.Positions, &r.GapMemory, "senders whose position is remembered after a connection was lost"},
	}
}

// Router returns the limits for a router; what was left out stays zero.
func (l *Limits) Router() router.Limits {
	var r router.Limits
	for _, b := range l.bind(&r) {
		if b.from.given() {
			b.from.apply(b.into)
		}
	}
	return r
}

// Describe lists the limits that are in force.
func (l *Limits) Describe() []Limit {
	r := l.Router().WithDefaults()
	var all []Limit
	for _, b := range l.bind(&r) {
		all = append(all, Limit{Key: b.key, Value: b.show(), Default: !b.from.given(), About: b.about})
	}
	return all
}

// show writes the value as it could stand in the file, without quotes.
func (b binding) show() string {
	switch v := b.into.(type) {
	case *time.Duration:
		return v.String()
	case *int:
		if _, ok := b.from.(*Size); ok {
			return Size{Bytes: int64(*v)}.String()
		}
		return strconv.Itoa(*v)
	}
	return ""
}

func (l *Limits) validate(k *checker) {
	var r router.Limits
	wrong := len(k.errs)
	for _, b := range l.bind(&r) {
		if b.from.given() {
			k.check("limits."+b.key, b.from.problem())
		}
	}
	if len(k.errs) > wrong {
		return // what follows from a mistake is no second one
	}
	if err := l.Router().Validate(); err != nil {
		k.fail("limits", "%v", err)
	}
}

// positive refuses 0: to the router that means the default, to a reader of the
// file it would mean "none" or "no limit".
func positive(zero bool, err error) error {
	if err == nil && zero {
		return fmt.Errorf("0 is no limit; leave it out for the default")
	}
	return err
}

func (d *Duration) given() bool    { return d.set }
func (d *Duration) problem() error { return positive(d.Duration == 0, d.err) }
func (d *Duration) apply(into any) { *into.(*time.Duration) = d.Duration }

func (s *Size) given() bool    { return s.set }
func (s *Size) problem() error { return positive(s.Bytes == 0, s.err) }
func (s *Size) apply(into any) { *into.(*int) = int(s.Bytes) }

func (c *Count) given() bool    { return c.set }
func (c *Count) problem() error { return positive(c.N == 0, c.err) }
func (c *Count) apply(into any) { *into.(*int) = c.N }

func limitKeys() []string {
	var keys []string
	for _, b := range new(Limits).bind(&router.Limits{}) {
		keys = append(keys, b.key)
	}
	return keys
}
