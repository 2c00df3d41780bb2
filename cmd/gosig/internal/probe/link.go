package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/link"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// Linked is what was agreed with the other end of a serial line, and how well
// that can be heard.
type Linked struct {
	Peer        string `json:"peer"`    // "router": it listens; "client": it dials, such as a device; "any"
	Version     int    `json:"version"` // of the link
	MTU         int    `json:"mtu"`
	Window      int    `json:"window"` // frames on their way to the other end
	MaxMessage  int    `json:"max_message"`
	KeepaliveMS int64  `json:"keepalive_ms"`

	Asked     int        `json:"asked"`                // signs of life
	Answered  int        `json:"answered"`             // of these
	RoundTrip *RoundTrip `json:"round_trip,omitempty"` // of two frames without a payload
	Frames    uint64     `json:"frames"`               // that came undamaged
	Damaged   uint64     `json:"damaged"`              // that did not
	TextBytes uint64     `json:"text_bytes"`           // that the other end printed between frames
	// FullDamaged is about how many of the longest frames would be damaged on
	// the way here, in percent, by the shorter ones that were.
	FullDamaged float64 `json:"full_frames_damaged_percent"`
}

const (
	linkPings = 20              // for each round trip that is asked for: they are short
	linkTime  = 2 * time.Second // for all of them: a router waits for HELLO, and not for long

	longestWait, shortestWait = 500 * time.Millisecond, 50 * time.Millisecond // for an answer
)

// link waits for the other end of a serial line and asks it for signs of life;
// other media have no such step.
func (r *run) link(ctx context.Context, s *Step) error {
	conn := r.conn.(serial.Linked) // see steps
	if err := carrier.Handshake(ctx, r.conn); err != nil {
		return err
	}
	peer, _ := conn.Peer()
	s.Link = &Linked{
		Peer: peerWord(peer.Role), Version: peer.Version, MTU: peer.MTU, Window: peer.Window,
		MaxMessage: peer.MaxMessage, KeepaliveMS: peer.Keepalive.Milliseconds(),
	}
	r.calling = peer.Role == link.RoleDial
	before := conn.LinkStats() // when the port was opened half a frame may have come
	err := s.Link.ask(ctx, conn, r.Pings*linkPings, time.Now().Add(min(r.Timeout/2, linkTime)))
	s.Link.count(before, conn.LinkStats())
	if l := s.Link; l.Damaged > 0 {
		r.warn("%d of %d frames came damaged: the line is noisy, or its ends have not quite the same speed", l.Damaged, l.Damaged+l.Frames)
	}
	return err
}

func peerWord(role link.Role) string {
	switch role {
	case link.RoleListen:
		return "router"
	case link.RoleDial:
		return "client"
	}
	return "any"
}

// ask asks for signs of life, one after another, until there were enough or the
// time is over.
func (l *Linked) ask(ctx context.Context, conn serial.Linked, most int, until time.Time) error {
	var took []time.Duration
	wait := longestWait
	for l.Asked < most && time.Now().Before(until) {
		l.Asked++
		one, cancel := context.WithTimeout(ctx, wait)
		d, err := conn.Ping(one)
		cancel()
		switch {
		case err == nil:
			took = append(took, d)
			wait = min(wait, max(8*d, shortestWait))
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return err
		}
	}
	if l.Answered = len(took); l.Answered == 0 {
		return fmt.Errorf("the other end has answered none of %d questions", l.Asked)
	}
	slices.Sort(took)
	l.RoundTrip = &RoundTrip{len(took), micros(took[0]), micros(took[len(took)/2]), micros(took[len(took)-1])}
	return nil
}

// count notes what came, and estimates the share of the longest frames that would
// be damaged, if each byte is hit alike.
func (l *Linked) count(before, after link.Stats) {
	l.Frames, l.Damaged, l.TextBytes = after.FramesIn-before.FramesIn, after.Damaged-before.Damaged, after.Text
	frames := float64(l.Frames + l.Damaged)
	bytes := float64(after.BytesIn-before.BytesIn) - float64(after.Text-before.Text)
	if frames == 0 || bytes <= 0 {
		return
	}
	const beside = 11 // bytes of a frame beside its payload
	longest := float64(l.MTU) + beside
	whole := math.Pow(1-float64(l.Damaged)/frames, longest*frames/bytes)
	l.FullDamaged = math.Round(1000*(1-whole)) / 10
}

func (l *Linked) text() []string {
	who := map[string]string{
		"router": "the other end listens, as a router does",
		"client": "the other end dials, as a device or a client does",
		"any":    "the other end dials or listens, as it comes",
	}[l.Peer]
	lines := []string{
		fmt.Sprintf("%s; version %d of the link", who, l.Version),
		fmt.Sprintf("agreed: frames of up to %d bytes, %d of them on their way, messages of up to %d bytes, keepalive %v",
			l.MTU, l.Window, l.MaxMessage, time.Duration(l.KeepaliveMS)*time.Millisecond),
	}
	if t := l.RoundTrip; t != nil {
		lines = append(lines, fmt.Sprintf("%d of %d signs of life: min %.0f µs, median %.0f µs, max %.0f µs", l.Answered, l.Asked, t.MinUS, t.MedianUS, t.MaxUS))
	}
	damaged := fmt.Sprintf("%d of %d frames came damaged", l.Damaged, l.Damaged+l.Frames)
	if l.Damaged > 0 {
		damaged += fmt.Sprintf("; of the longest ones it would be about %.1f %%", l.FullDamaged)
	}
	lines = append(lines, damaged)
	if l.TextBytes > 0 {
		lines = append(lines, fmt.Sprintf("%d bytes of text came between frames", l.TextBytes))
	}
	return lines
}

// Caller is who waits at the other end of a line for a router.
type Caller struct {
	Name       string   `json:"name"`
	ID         string   `json:"id"`
	MinVersion uint8    `json:"min_version"` // of the protocol
	MaxVersion uint8    `json:"max_version"`
	Codecs     []string `json:"codecs"`
	Features   []string `json:"features"`
}

// hear takes what the other end says to a router, and answers nothing.
func (r *run) hear(ctx context.Context, s *Step) error {
	carrier.SetMaxFrame(r.conn, welcomeFrame)
	r.line = &line{conn: r.conn}
	frame, err := r.line.next(ctx)
	if err != nil {
		return err
	}
	var h wire.Hello
	if err := h.Decode(frame); err != nil {
		return protocolError(err)
	}
	s.Caller = &Caller{
		Name: clean(h.Name), ID: h.ID.String(), MinVersion: h.MinVersion, MaxVersion: h.MaxVersion,
		Codecs: []string{}, Features: featureNames(h.Features),
	}
	for _, c := range h.Codecs {
		s.Caller.Codecs = append(s.Caller.Codecs, clean(c))
	}
	return nil
}

// sendAway tells who has called that this is no router.
func (r *run) sendAway(ctx context.Context, _ *Step) error {
	return r.line.send(ctx, wire.Abort{Code: uint16(sig.CodeClosed), Reason: "this is a probe of the line, no router: call again"}.Append(nil))
}

func (c *Caller) text() []string {
	return []string{
		fmt.Sprintf("%q calls, ID %s", c.Name, c.ID),
		fmt.Sprintf("protocol version %d to %d, codecs %s, features: %s", c.MinVersion, c.MaxVersion,
			strings.Join(c.Codecs, ", "), cmp.Or(strings.Join(c.Features, ", "), "none")),
	}
}
