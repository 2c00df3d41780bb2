package router

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/sig"
)

// Limit names one of the [Limits], as the configuration file and the metrics
// call it. The list is closed: a metric by limit has no more rows than this.
type Limit uint8

// The limits.
const (
	LimitHandshake Limit = iota
	LimitKeepalive
	LimitDead
	LimitWrite
	LimitReplyTTL
	LimitSync
	LimitFrame
	LimitHelloFrame
	LimitConnections
	LimitConnectionsPerIdentity
	LimitConnectionsPerIP
	LimitConnectRate
	LimitConnectBurst
	LimitUnauthenticated
	LimitUnauthenticatedPerIP
	LimitUnauthenticatedBytes
	LimitRate
	LimitBurst
	LimitSenders
	LimitEventsPerSender
	LimitNames
	LimitSubscriptions
	LimitPendingRequests
	LimitProcessors
	LimitOutbound
	LimitOutboundTotal
	LimitInbound
	LimitWindowEvents
	LimitWindowBytes
	LimitRoutes
	LimitOffline
	LimitNodes
	LimitPositions

	limitCount
)

var limitNames = [limitCount]string{
	LimitHandshake: "handshake", LimitKeepalive: "keepalive", LimitDead: "dead", LimitWrite: "write",
	LimitReplyTTL: "reply_ttl", LimitSync: "sync", LimitFrame: "frame", LimitHelloFrame: "hello_frame",
	LimitConnections: "connections", LimitConnectionsPerIdentity: "connections_per_identity",
	LimitConnectionsPerIP: "connections_per_ip", LimitConnectRate: "connect_rate", LimitConnectBurst: "connect_burst", LimitUnauthenticated: "unauthenticated",
	LimitUnauthenticatedPerIP: "unauthenticated_per_ip", LimitUnauthenticatedBytes: "unauthenticated_bytes",
	LimitRate: "rate", LimitBurst: "burst", LimitSenders: "senders", LimitEventsPerSender: "events_per_sender",
	LimitNames:         "names",
	LimitSubscriptions: "subscriptions", LimitPendingRequests: "pending_requests", LimitProcessors: "processors", LimitOutbound: "outbound",
	LimitOutboundTotal: "outbound_total", LimitInbound: "inbound", LimitWindowEvents: "window_events",
	LimitWindowBytes: "window_bytes", LimitRoutes: "routes", LimitOffline: "offline", LimitNodes: "nodes",
	LimitPositions: "positions",
}

// AllLimits lists them.
func AllLimits() []Limit {
	all := make([]Limit, limitCount)
	for i := range all {
		all[i] = Limit(i)
	}
	return all
}

// String is the limit's name in the configuration file, as "connections_per_ip".
func (l Limit) String() string {
	if l < limitCount {
		return limitNames[l]
	}
	return fmt.Sprintf("limit %d", uint8(l))
}

// hit counts that a limit was reached, and logs it unless that was done less
// than a second ago: whoever runs into limits all the time must not fill a disk.
// The attributes say who, and what becomes of it.
func (c *counters) hit(log *slog.Logger, limit Limit, attrs ...any) {
	c.limitHits[limit].Add(1)
	if skipped, due := c.seldom[limit].due(); due {
		c.logHit(log, limit, skipped, attrs)
	}
}

func (c *counters) logHit(log *slog.Logger, limit Limit, skipped uint64, attrs []any) {
	writeSeldom(log, slog.LevelWarn, "limit reached", skipped, append([]any{"limit", limit.String()}, attrs...))
}

// hit is counters.hit, about this connection. What is not logged takes no memory: a peer
// may cause it a hundred thousand times a second.
func (s *session) hit(limit Limit, attrs ...any) {
	c := s.link.stats
	c.limitHits[limit].Add(1)
	if skipped, due := c.seldom[limit].due(); due {
		c.logHit(s.link.log, limit, skipped, append([]any{"peer", described{s}}, attrs...))
	}
}

// described puts a description together if it is logged: few of many hits are.
type described struct{ *session }

// LogValue implements [slog.LogValuer].
func (d described) LogValue() slog.Value { return slog.StringValue(d.describe()) }

// limitError counts a limit that ends the connection, or refuses what the peer
// asks for, and says so.
func (s *session) limitError(limit Limit, text string) error {
	s.hit(limit, "error", text)
	return sig.NewError(sig.CodeLimit, text)
}

// seldom is a line of the log that peers can cause: it is written at most once a
// second, and says how often it was not.
type seldom struct {
	next    atomic.Int64 // unix nanoseconds before which nothing is written
	skipped atomic.Uint64
}

func (s *seldom) log(log *slog.Logger, level slog.Level, msg string, attrs ...any) {
	if skipped, due := s.due(); due {
		writeSeldom(log, level, msg, skipped, attrs)
	}
}

// due reports whether the line is to be written, and how often it was not since the last.
func (s *seldom) due() (skipped uint64, due bool) {
	now, next := time.Now().UnixNano(), s.next.Load()
	if now < next || !s.next.CompareAndSwap(next, now+int64(time.Second)) {
		s.skipped.Add(1)
		return 0, false
	}
	return s.skipped.Swap(0), true
}

func writeSeldom(log *slog.Logger, level slog.Level, msg string, skipped uint64, attrs []any) {
	if skipped > 0 {
		attrs = append(attrs, "not_logged", skipped)
	}
	log.Log(context.Background(), level, msg, attrs...)
}

// unless is err, the answer to a violation, unless the check is left out, see
// enforced.
func unless(check string, err error) error {
	if enforced(check) {
		return err
	}
	return nil
}
