package acl

import (
	"slices"
	"strings"

	"github.com/gosig/gosig/sig"
)

// Principal is who a connection is, as a carrier or a handshake has proved it:
// nothing in it is the peer's mere claim. The zero Principal is anonymous:
// nobody has proved anything.
type Principal struct {
	ID     string   // "plant/press", "uid:1000"; any bytes; "" is anonymous
	Method string   // how it was proved, "tls"; a rule may insist on it
	Groups []string // beside those that the policy puts it in
}

// Anonymous reports whether nobody has proved who it is. It has no groups then.
func (p Principal) Anonymous() bool { return p.ID == "" }

// anonymous is what a rule has to say to allow anything to a principal without
// an ID: "*" and "**" in a rule that allows stand for proved IDs only.
const anonymous = "{anonymous}"

// Segment returns an ID as the one literal segment that {self} stands for: all
// bytes other than A-Z a-z 0-9 _ . : @ - are written as "~" and two hex digits,
// so that different IDs stay different, and none holds a wildcard or a separator.
//
//	press-7      press-7
//	plant/press  plant~2Fpress
//	**           ~2A~2A
func Segment(id string) sig.Name {
	if id == "" {
		return "~" // no escape is one "~" alone
	}
	plain := strings.IndexFunc(id, needsEscape) < 0
	if plain {
		return sig.Name(id)
	}
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(id) {
		if c := id[i]; needsEscape(rune(c)) {
			b.Write([]byte{'~', digits[c>>4], digits[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return sig.Name(b.String())
}

func needsEscape(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return false
	}
	return c > 0x7f || !strings.ContainsRune("_.:@-", c)
}

// path is an ID with each of its segments escaped: what a principal pattern is
// matched with. It never begins with "#", and no segment of it is empty, so that
// [sig.MatchName] has no exceptions to make.
func path(id string) sig.Name {
	return mapSegments(id, func(seg string) string { return string(Segment(seg)) })
}

// pathPattern is the same for a pattern: "*" and "**" stay.
func pathPattern(pattern string) sig.Name {
	return mapSegments(pattern, func(seg string) string {
		if seg == "*" || seg == "**" {
			return seg
		}
		return string(Segment(seg))
	})
}

func mapSegments(s string, f func(string) string) sig.Name {
	segs := strings.Split(s, "/")
	for i, seg := range segs {
		segs[i] = f(seg)
	}
	return sig.Name(strings.Join(segs, "/"))
}

// subject is whom a rule, or a group, speaks of.
type subject struct {
	exact     []sig.Name // paths
	patterns  []sig.Name // path patterns with wildcards
	groups    []string
	methods   []string // none: however it was proved
	anonymous bool
}

func newSubject(principals, groups, methods []string, deny bool) subject {
	s := subject{groups: groups, methods: methods}
	for _, p := range principals {
		switch {
		case p == anonymous:
			s.anonymous = true
		case strings.Contains(p, "*"):
			s.patterns = append(s.patterns, pathPattern(p))
			s.anonymous = s.anonymous || deny && onlyWild(p)
		default:
			s.exact = append(s.exact, path(p))
		}
	}
	return s
}

// onlyWild reports whether a pattern says "anybody": a rule that denies means the
// anonymous as well then.
func onlyWild(pattern string) bool { return pattern == "*" || pattern == "**" }

// person is a principal with what the rules want to know of it worked out.
type person struct {
	Principal
	path   sig.Name
	groups []string // all, sorted
}

// covers reports whether the subject speaks of the principal.
func (s *subject) covers(p *person) bool {
	if len(s.methods) > 0 && !slices.Contains(s.methods, p.Method) {
		return false
	}
	if p.Anonymous() {
		return s.anonymous
	}
	return slices.Contains(s.exact, p.path) ||
		slices.ContainsFunc(s.patterns, func(pattern sig.Name) bool { return sig.MatchName(pattern, p.path) }) ||
		slices.ContainsFunc(s.groups, func(g string) bool { return slices.Contains(p.groups, g) })
}

// contains reports whether s speaks of everybody of whom t speaks. It may say no
// where yes were true: who is in a group is not looked at.
func (s *subject) contains(t *subject) bool {
	if t.anonymous && !s.anonymous || !withinList(s.methods, t.methods) {
		return false
	}
	everybody := slices.Contains(s.patterns, sig.Any)
	for _, g := range t.groups {
		if !everybody && !slices.Contains(s.groups, g) {
			return false
		}
	}
	for _, p := range slices.Concat(t.exact, t.patterns) {
		if !slices.Contains(s.exact, p) && !slices.ContainsFunc(s.patterns, func(q sig.Name) bool { return sig.ContainsName(q, p) }) {
			return false
		}
	}
	return true
}

func withinList(s, t []string) bool {
	return len(s) == 0 || len(t) > 0 && !slices.ContainsFunc(t, func(m string) bool { return !slices.Contains(s, m) })
}
