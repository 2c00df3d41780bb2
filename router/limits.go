package router

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gosig/gosig/sig"
)

// Limits bound what peers may use. A zero field takes its default; a router
// never runs without a limit, but for Rate. What reaching each of them means is
// in docs/limits.md.
type Limits struct {
	Handshake    time.Duration // from accepting a connection to its being open; default 5 s
	Keepalive    time.Duration // silence after which a peer is pinged; default 15 s
	Dead         time.Duration // silence after which a connection is given up; default 40 s
	WriteTimeout time.Duration // how long a write of 64 KiB may take, plus 1 s for each further 16 KiB and what a slow line needs; default 5 s
	ReplyTTL     time.Duration // how long a request that is passed on may be without an answer, whatever its caller says; default 1 h
	SyncPatience time.Duration // how long a peer's barrier may wait for other peers; default 5 s

	MaxFrame             int // bytes of one envelope; default 1 MiB
	HelloFrame           int // bytes of an envelope before the connection is open; default 4 KiB
	Connections          int // open connections in all; default 16,384
	ConnectionsPerID     int // open connections of one identity; default 16
	ConnectionsPerIP     int // open connections of one IP address (loopback excepted); default 256
	ConnectRate          int // connections that one principal opens in a second; default a twentieth of ConnectBurst
	ConnectBurst         int // of those, at once after a pause; default twice what it may have open, by ConnectionsPerID or ConnectionsPerIP
	Unauthenticated      int // connections still in their handshake; more wait unaccepted; default 128
	UnauthenticatedPerIP int // of those, from one IP address (loopback excepted); more are closed; default 8
	UnauthenticatedBytes int // that those may send together, by their HelloFrame; more wait unaccepted; default 1 MiB
	Rate                 int // signals and other envelopes that one principal sends in a second; default: as many as it likes
	Burst                int // of those, at once after a pause; default twice Rate
	Senders              int // senders announced by one connection; default 256
	EventsPerSender      int // events, and methods, that one of those declares; default 1,024
	NameBytes            int // bytes of the names of all senders of one connection, their events and methods; default 1 MiB
	Subscriptions        int // patterns asked for by one connection; default 1,024
	PendingRequests      int // requests of one connection without an answer; default 128
	Processors           int // that one principal keeps busy at once while others are connected; default all that the runtime has but one, at least one
	OutboundBytes        int // buffered for a peer that reads slowly; default 4 MiB
	OutboundTotal        int // buffered for all peers together; default a quarter of GOMEMLIMIT, 1 GiB without one
	InboundBytes         int // buffered for handlers that are slower than the peer; default 8 MiB
	WindowEvents         int // held-back events under way on one route of one connection; default 256
	WindowBytes          int // their payload bytes (always at least one event); default 64 KiB
	RoutesPerPeer        int // how many numbers of routes there are for a peer to assign, from 0; default 1,048,576
	OfflineBytes         int // payload bytes a client keeps while it is not connected; default 1 MiB
	Nodes                int // routers that one connection leads to; default 1,024
	GapMemory            int // senders whose position is remembered after a connection was lost; default 4,096
}

// limitField is one field of a Limits: its name, where it is, its default.
type limitField struct {
	limit    Limit
	duration *time.Duration
	number   *int
	fallback int64
}

// fields lists every field of l; a test sees to that.
func (l *Limits) fields() []limitField {
	dur := func(id Limit, d *time.Duration, fallback time.Duration) limitField {
		return limitField{limit: id, duration: d, fallback: int64(fallback)}
	}
	num := func(id Limit, n *int, fallback int) limitField {
		return limitField{limit: id, number: n, fallback: int64(fallback)}
	}
	return []limitField{
		dur(LimitHandshake, &l.Handshake, 5*time.Second),
		dur(LimitKeepalive, &l.Keepalive, 15*time.Second),
		dur(LimitDead, &l.Dead, 40*time.Second),
		dur(LimitWrite, &l.WriteTimeout, 5*time.Second),
		dur(LimitReplyTTL, &l.ReplyTTL, time.Hour),
		dur(LimitSync, &l.SyncPatience, 5*time.Second),
		num(LimitFrame, &l.MaxFrame, 1<<20),
		num(LimitHelloFrame, &l.HelloFrame, 4<<10),
		num(LimitConnections, &l.Connections, 16_384),
		num(LimitConnectionsPerIdentity, &l.ConnectionsPerID, 16),
		num(LimitConnectionsPerIP, &l.ConnectionsPerIP, 256),
		num(LimitConnectRate, &l.ConnectRate, 0),   // filled knows ConnectBurst
		num(LimitConnectBurst, &l.ConnectBurst, 0), // and ConnectionsPerID
		num(LimitUnauthenticated, &l.Unauthenticated, 128),
		num(LimitUnauthenticatedPerIP, &l.UnauthenticatedPerIP, 8),
		num(LimitUnauthenticatedBytes, &l.UnauthenticatedBytes, 1<<20),
		num(LimitRate, &l.Rate, 0),
		num(LimitBurst, &l.Burst, 0), // WithDefaults knows Rate
		num(LimitSenders, &l.Senders, 256),
		num(LimitEventsPerSender, &l.EventsPerSender, 1024),
		num(LimitNames, &l.NameBytes, 1<<20),
		num(LimitSubscriptions, &l.Subscriptions, 1024),
		num(LimitPendingRequests, &l.PendingRequests, 128),
		num(LimitProcessors, &l.Processors, 0), // WithDefaults asks the runtime
		num(LimitOutbound, &l.OutboundBytes, 4<<20),
		num(LimitOutboundTotal, &l.OutboundTotal, 0), // the same
		num(LimitInbound, &l.InboundBytes, 8<<20),
		num(LimitWindowEvents, &l.WindowEvents, 256),
		num(LimitWindowBytes, &l.WindowBytes, 64<<10),
		num(LimitRoutes, &l.RoutesPerPeer, 1<<20),
		num(LimitOffline, &l.OfflineBytes, 1<<20),
		num(LimitNodes, &l.Nodes, 1024),
		num(LimitPositions, &l.GapMemory, 4096),
	}
}

// zero reports whether the field takes its default.
func (f limitField) zero() bool { return f.value() == 0 }

func (f limitField) value() int64 {
	if f.duration != nil {
		return int64(*f.duration)
	}
	return int64(*f.number)
}

func (f limitField) set(value int64) {
	if f.duration != nil {
		*f.duration = time.Duration(value)
	} else {
		*f.number = int(value)
	}
}

// WithDefaults returns l with every zero field replaced by its default.
func (l Limits) WithDefaults() Limits {
	if l != (Limits{}) {
		return l.filled()
	}
	l = usual() // most clients have these
	l.OutboundTotal, l.Processors = shareOfMemory(), allButOne()
	return l
}

// usual are the defaults, but for what the runtime may be told later.
var usual = sync.OnceValue(func() Limits {
	l := Limits{}.filled()
	l.OutboundTotal, l.Processors = 0, 0
	return l
})

func (l Limits) filled() Limits {
	for _, f := range l.fields() {
		if f.zero() {
			f.set(f.fallback)
		}
	}
	if l.Burst == 0 && l.Rate <= math.MaxInt/2 {
		l.Burst = 2 * l.Rate
	}
	def(&l.ConnectBurst, 2*min(max(l.ConnectionsPerID, l.ConnectionsPerIP), math.MaxInt32/2))
	def(&l.ConnectRate, max(l.ConnectBurst/burstTime, 1))
	def(&l.OutboundTotal, shareOfMemory())
	def(&l.Processors, allButOne())
	return l
}

// burstTime is in how many seconds ConnectBurst is saved up, if ConnectRate does not
// say it.
const burstTime = 20

// withoutMemoryLimit is what may be buffered for all peers if nobody has told
// the runtime how much memory there is.
const withoutMemoryLimit = 1 << 30

// shareOfMemory is a quarter of GOMEMLIMIT.
func shareOfMemory() int {
	limit := debug.SetMemoryLimit(-1) // asks only
	if limit == math.MaxInt64 {
		return withoutMemoryLimit
	}
	return int(min(max(limit/4, 1), math.MaxInt))
}

// allButOne is how many processors one principal may keep busy.
func allButOne() int { return max(runtime.GOMAXPROCS(0)-1, 1) }

// With returns l with the fields that over states in the place of its own.
func (l Limits) With(over Limits) Limits {
	stated := over.fields()
	for i, f := range l.fields() {
		if !stated[i].zero() {
			f.set(stated[i].value())
		}
	}
	return l
}

// Validate says which field cannot be used and why.
func (l Limits) Validate() error {
	if l == (Limits{}) {
		return nil
	}
	for _, f := range l.fields() {
		if f.value() < 0 {
			return limitError("%s is negative", f.limit)
		}
	}
	l = l.WithDefaults()
	switch {
	case l.Dead <= l.Keepalive:
		return limitError("Dead (%v) must be longer than Keepalive (%v)", l.Dead, l.Keepalive)
	case l.MaxFrame < l.HelloFrame:
		return limitError("MaxFrame (%d) is smaller than HelloFrame (%d)", l.MaxFrame, l.HelloFrame)
	case l.UnauthenticatedBytes < l.HelloFrame:
		return limitError("UnauthenticatedBytes (%d) is smaller than HelloFrame (%d): nobody could connect", l.UnauthenticatedBytes, l.HelloFrame)
	case l.Rate == 0 && l.Burst > 0:
		return limitError("Burst (%d) has no effect without Rate", l.Burst)
	}
	return nil
}

func limitError(format string, args ...any) error {
	return sig.NewError(sig.CodeLimit, "limits: "+fmt.Sprintf(format, args...))
}

// def gives a field that was left zero its default.
func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
