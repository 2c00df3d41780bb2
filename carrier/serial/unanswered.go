package serial

import (
	"errors"
	"fmt"

	"github.com/gosig/gosig/carrier/serial/link"
)

var errRefused = errors.New("the other end refuses")

// refusal says why there is no session with a peer.
func (p *port) refusal(ev link.Event) string {
	switch ev.Reason {
	case link.ReasonRole:
		if p.role == link.RoleDial {
			return "both ends of this line dial: one of them must listen"
		}
		return "both ends of this line listen, such as two routers: one of them must dial"
	case link.ReasonVersion:
		return fmt.Sprintf("%v (the other end speaks up to %d, this one %d)", ev.Reason, ev.Peer.Version, link.Version)
	}
	return ev.Reason.String()
}

// unanswered says what has come of an attempt to find the other end, and why it
// was given up.
func (c *conn) unanswered(why error) error {
	return fmt.Errorf("%s (%w)", c.port.found(), why)
}

// found says what it looks like that is on a line without a session.
func (p *port) found() string {
	s := p.m.Stats()
	unended := p.m.Unended(nil)
	text := s.Text + uint64(len(unended))
	switch {
	case s.Echoes > 0:
		return "what is sent comes back, as from a line that is looped: is the device there?"
	case s.FramesIn > 0:
		return "frames of the link come, and no answer to ours: is the wire to the other end in place, and is somebody still there?"
	case text > 0 && s.BytesIn < 2*text:
		return fmt.Sprintf("only text comes, such as %.60q: the speed is right, but does the device speak gosig's link?", append(p.m.Text(nil), unended...))
	case s.BytesIn > 0:
		return "bytes arrive but no frame is valid: check the baud rate"
	}
	return "nothing comes: is the device on, the cable right, and a gosig router or client at the other end?"
}
