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
	s := c.port.m.Stats()
	var found string
	switch {
	case s.Echoes > 0:
		found = "what is sent comes back, as from a line that is looped: is the device there?"
	case s.FramesIn > 0:
		found = "frames of the link come, and no answer to ours: is the wire to the other end in place, and is somebody still there?"
	case s.Text > 0 && s.BytesIn < 2*s.Text:
		found = fmt.Sprintf("only text comes, such as %.60q: does the device speak gosig's link?", c.port.m.Text(nil))
	case s.BytesIn > 0:
		found = "bytes arrive but no frame is valid: check the baud rate"
	default:
		found = "nothing comes: is the device on, the cable right, and a gosig router or client at the other end?"
	}
	return fmt.Errorf("%s (%w)", found, why)
}
