package router

import (
	"fmt"
	"time"

	"github.com/gosig/gosig/sig"
)

// Limits bound what peers may use. A zero field takes its default; a router
// never runs without a limit.
type Limits struct {
	Handshake    time.Duration // from accepting a connection to its being open; default 5 s
	Keepalive    time.Duration // silence after which a peer is pinged; default 15 s
	Dead         time.Duration // silence after which a connection is given up; default 40 s
	WriteTimeout time.Duration // how long a write of 64 KiB may take, plus 1 s for each further 16 KiB; default 5 s

	MaxFrame             int           // bytes of one envelope; default 1 MiB
	HelloFrame           int           // bytes of an envelope before the connection is open; default 4 KiB
	Connections          int           // open connections in all; default 16,384
	ConnectionsPerID     int           // open connections of one identity; default 16
	ConnectionsPerIP     int           // open connections of one IP address (loopback excepted); default 256
	Unauthenticated      int           // connections still in their handshake; more wait unaccepted; default 128
	UnauthenticatedPerIP int           // of those, from one IP address (loopback excepted); more are closed; default 8
	Senders              int           // senders announced by one connection; default 256
	EventsPerSender      int           // events, and methods, that one of those declares; default 1,024
	Subscriptions        int           // patterns asked for by one connection; default 1,024
	PendingRequests      int           // requests of one connection without an answer; default 128
	OutboundBytes        int           // buffered for a peer that reads slowly; default 4 MiB
	InboundBytes         int           // buffered for handlers that are slower than the peer; default 8 MiB
	WindowEvents         int           // held-back events under way on one route of one connection; default 256
	WindowBytes          int           // their payload bytes (always at least one event); default 64 KiB
	RoutesPerPeer        int           // highest number of a route that a peer may assign; default 1,048,576
	OfflineBytes         int           // payload bytes a client keeps while it is not connected; default 1 MiB
	Nodes                int           // routers that one connection leads to; default 1,024
	GapMemory            int           // senders whose position is remembered after a connection was lost; default 4,096
	SyncPatience         time.Duration // how long a peer's barrier may wait for other peers; default 5 s
}

// WithDefaults returns l with every zero field replaced by its default.
func (l Limits) WithDefaults() Limits {
	def(&l.Handshake, 5*time.Second)
	def(&l.Keepalive, 15*time.Second)
	def(&l.Dead, 40*time.Second)
	def(&l.WriteTimeout, 5*time.Second)
	def(&l.SyncPatience, 5*time.Second)
	def(&l.MaxFrame, 1<<20)
	def(&l.HelloFrame, 4<<10)
	def(&l.Connections, 16_384)
	def(&l.ConnectionsPerID, 16)
	def(&l.ConnectionsPerIP, 256)
	def(&l.Unauthenticated, 128)
	def(&l.UnauthenticatedPerIP, 8)
	def(&l.Senders, 256)
	def(&l.EventsPerSender, 1024)
	def(&l.Subscriptions, 1024)
	def(&l.PendingRequests, 128)
	def(&l.OutboundBytes, 4<<20)
	def(&l.InboundBytes, 8<<20)
	def(&l.WindowEvents, 256)
	def(&l.WindowBytes, 64<<10)
	def(&l.RoutesPerPeer, 1<<20)
	def(&l.OfflineBytes, 1<<20)
	def(&l.Nodes, 1024)
	def(&l.GapMemory, 4096)
	return l
}

// Validate says which field cannot be used and why.
func (l Limits) Validate() error {
	l = l.WithDefaults()
	switch {
	case l.Handshake < 0, l.Keepalive < 0, l.Dead < 0, l.WriteTimeout < 0, l.SyncPatience < 0:
		return sig.NewError(sig.CodeLimit, "limits: a duration is negative")
	case l.Dead <= l.Keepalive:
		return sig.NewError(sig.CodeLimit, fmt.Sprintf("limits: Dead (%v) must be longer than Keepalive (%v)", l.Dead, l.Keepalive))
	case l.MaxFrame < l.HelloFrame:
		return sig.NewError(sig.CodeLimit, fmt.Sprintf("limits: MaxFrame (%d) is smaller than HelloFrame (%d)", l.MaxFrame, l.HelloFrame))
	case min(l.HelloFrame, l.Connections, l.ConnectionsPerID, l.ConnectionsPerIP, l.Unauthenticated, l.UnauthenticatedPerIP, l.Senders,
		l.EventsPerSender, l.Subscriptions, l.PendingRequests, l.OutboundBytes, l.InboundBytes, l.WindowEvents,
		l.WindowBytes, l.RoutesPerPeer, l.OfflineBytes, l.Nodes, l.GapMemory) < 0:
		return sig.NewError(sig.CodeLimit, "limits: a number is negative")
	}
	return nil
}

// def gives a field that was left zero its default.
func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
