package probe

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/serial"
)

// Text is a step for people: its name, how long it took, and what it found, in
// one line or several. Why it failed is told by [Report].
func (s *Step) Text() string {
	var lines []string
	switch {
	case s.Resolve != nil:
		lines = s.Resolve.text()
	case s.Connect != nil:
		lines = []string{strings.TrimSpace(s.Connect.Local + " -> " + s.Connect.Remote)}
	case s.Link != nil:
		lines = s.Link.text()
	case s.Secure != nil:
		lines = s.Secure.text(s.OK)
	case s.Hello != nil:
		lines = s.Hello.text()
	case s.Caller != nil:
		lines = s.Caller.text()
	case s.Ping != nil:
		lines = []string{fmt.Sprintf("%d round trips: min %.0f µs, median %.0f µs, max %.0f µs", s.Ping.Count, s.Ping.MinUS, s.Ping.MedianUS, s.Ping.MaxUS)}
	case s.OK:
		lines = []string{"closed in order"}
	}
	if !s.OK {
		lines = append([]string{"FAILED"}, lines...)
	}
	first := fmt.Sprintf("%-8s %8.2f ms  ", s.Step, s.MS)
	return first + strings.Join(lines, "\n"+strings.Repeat(" ", len(first))) + "\n"
}

func (r *Resolved) text() []string {
	switch {
	case r.Path != "":
		return []string{r.Path + ", " + r.Mode}
	case len(r.Addresses) > 0:
		return []string{strings.Join(r.Addresses, ", ")}
	}
	return []string{"nothing to find"}
}

func (s *Secured) text(ok bool) []string {
	var lines []string
	switch {
	case !ok:
	case s.Protocol != "":
		agreed := []string{s.Protocol, s.Cipher}
		if s.KeyExchange != "" {
			agreed = append(agreed, s.KeyExchange)
		}
		if s.ALPN != "" {
			agreed = append(agreed, "ALPN "+s.ALPN)
		}
		lines = append(lines, strings.Join(agreed, ", "))
	case s.Confidential:
		lines = append(lines, "not encrypted, but nobody else can read along")
	default:
		lines = append(lines, "not encrypted: whoever is on the way can read along")
	}
	if c := s.Certificate; c != nil {
		names := cmp.Or(strings.Join(c.Names, ", "), "no name at all")
		lines = append(lines, fmt.Sprintf("certificate %s, for %s", c.Subject, names),
			fmt.Sprintf("signed by %s, expires %s (%s)", c.Issuer, stamp(c.NotAfter), fromNow(c.NotAfter)))
	}
	switch {
	case s.Identity == "", s.Method == serial.Method: // which is the port that was named
	case s.Method == dtls.Method: // both sides have the same identity
		lines = append(lines, fmt.Sprintf("the router has the key of %s (%s)", s.Identity, s.Method))
	default:
		lines = append(lines, fmt.Sprintf("the router is %s (%s)", s.Identity, s.Method))
	}
	return lines
}

func fromNow(t time.Time) string {
	left := time.Until(t).Round(time.Minute)
	text := left.Abs().String()
	if days := int(left.Abs().Hours() / 24); days > 1 {
		text = fmt.Sprintf("%d days", days)
	}
	if left < 0 {
		return text + " ago"
	}
	return "in " + text
}

func (g *Greeted) text() []string {
	l := g.Limits
	return []string{
		fmt.Sprintf("protocol version %d, codec %s", g.Version, g.Codec),
		fmt.Sprintf("router %q, ID %s", g.Router, g.ID),
		"it takes us for " + cmp.Or(quoted(g.Identity), "nobody it knows") + by(g.Proof),
		fmt.Sprintf("limits: frame %d bytes, %d requests, keepalive %v, window %d events or %d bytes",
			l.Frame, l.Requests, time.Duration(l.KeepaliveMS)*time.Millisecond, l.WindowEvents, l.WindowBytes),
		"features: " + cmp.Or(strings.Join(g.Features, ", "), "none"),
	}
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf("%q", s)
}

// by names the proof that the router asked for.
func by(proof string) string {
	if proof == "" {
		return ""
	}
	return ", by " + proof
}
