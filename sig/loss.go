package sig

import "fmt"

// Lost is the payload of a #lost event: so many events of this sender and name
// never reached the subscription, between the ones before and after it.
type Lost struct {
	Sender, Event Name
	// Count is how many were lost; 0 means that nobody can know.
	Count uint64
	// First and Last number the lost events among those of this subscription
	// that came through its queue or from other processes, beginning with 1
	// and counting delivered ones too.
	First, Last uint64
	Reason      LossReason
}

// String says it in one line, for logs.
func (l Lost) String() string {
	count := "an unknown number of events"
	switch {
	case l.Count == 1:
		count = "1 event"
	case l.Count > 1:
		count = fmt.Sprintf("%d events", l.Count)
	}
	return fmt.Sprintf("lost %s of %s %s: %s", count, l.Sender, l.Event, l.Reason)
}

// LossReason says where on the way events were dropped. Reasons cross the
// wire: they are append-only.
type LossReason uint8

// The reasons.
const (
	// LossQueueFull: the subscription's own queue was full.
	LossQueueFull LossReason = 1
	// LossSlowPeer: the peer did not take what a router held for it.
	LossSlowPeer LossReason = 2
	// LossInbound: a client's inbound buffer was full.
	LossInbound LossReason = 3
	// LossConnection: the connection was lost with events on the way.
	LossConnection LossReason = 4
	// LossBadPayload: the payload could not be encoded, decoded or converted.
	LossBadPayload LossReason = 5
	// LossOffline: more was emitted while offline than the buffer holds.
	LossOffline LossReason = 6
	// LossReentry: a handler emitted more than can wait for it to return.
	LossReentry LossReason = 7
	// LossDatagram: it was one of a sender's Lossy events, and did not arrive in
	// time.
	LossDatagram LossReason = 8
)

var lossTexts = [...]string{
	0:              "unknown reason",
	LossQueueFull:  "queue full",
	LossSlowPeer:   "peer too slow",
	LossInbound:    "inbound buffer full",
	LossConnection: "connection lost",
	LossBadPayload: "bad payload",
	LossOffline:    "offline buffer full",
	LossReentry:    "too many nested events",
	LossDatagram:   "datagram lost or late",
}

// String says the reason in words; one of a newer peer as "reason 57".
func (r LossReason) String() string {
	if int(r) < len(lossTexts) {
		return lossTexts[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}
