package acl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
)

// hostile are IDs and names that try to be more than a segment.
var hostile = []string{
	"", "*", "**", "a/b", "a/**", "/", "a/", "/a", "#connect", "{self}", "{group}", "{anonymous}", ".*", "a.b", "a b", "~", "~2A", "~~",
	"a\x00b", "a\r\nb", "\xff\xfe", "ä", "..", "../x", "+", "a,b", "$SYS", "%2A", "a~2Fb", strings.Repeat("x", 300), strings.Repeat("*", 200),
}

func FuzzEscape(f *testing.F) {
	for i, id := range hostile {
		f.Add(id, hostile[(i+1)%len(hostile)], "a/b", "temp")
		f.Add(id, "victim", id, id)
		f.Add("a", id, "a/"+id, "b")
	}
	templates := []sig.Name{"{self}", "{self}/**", "home/{self}/*", "{group}/{self}", "*/{group}"}
	var rules []acl.Rule
	for _, sender := range templates {
		rules = append(rules, acl.Rule{Allow: []acl.Verb{acl.Emit, acl.Subscribe}, Principals: []string{"**"}, Sender: sender, Name: sender})
	}
	f.Fuzz(func(t *testing.T, id, group, sender, name string) {
		who := acl.Principal{ID: id, Groups: []string{group}}
		for _, r := range rules {
			checkEscape(t, r, who, sig.Name(sender), sig.Name(name))
		}
		if other := group; other != id && acl.Segment(other) == acl.Segment(id) {
			t.Errorf("%q and %q are the same segment %q", id, other, acl.Segment(id))
		}
	})
}

// checkEscape: a rule allows what a comparison segment by segment allows, with the
// placeholders as literals; and its placeholders make valid segments.
func checkEscape(t *testing.T, r acl.Rule, who acl.Principal, sender, name sig.Name) {
	source := &acl.Source{Rules: []acl.Rule{r}}
	rights := compileSource(t, source).For(who)
	seg := acl.Segment(who.ID)
	if strings.ContainsAny(string(seg), "*/#{}") || len(seg) <= sig.MaxNameBytes && seg.Validate() != nil {
		t.Fatalf("%q becomes %q, which is no plain segment", who.ID, seg)
	}
	if who.ID != "" && string(seg) != naiveSegment(who.ID) {
		t.Fatalf("%q becomes %q, want %q", who.ID, seg, naiveSegment(who.ID))
	}
	d := rights.Decide(acl.Emit, sender, name)
	if sender.Validate() != nil || name.Validate() != nil {
		if d.Allowed {
			t.Fatalf("%s: %s", who, d)
		}
		return
	}
	if who.Groups[0] == "" { // no group
		who.Groups = nil
	}
	if want := naive(source, who, acl.Emit, sender, name); d.Allowed != want {
		t.Fatalf("%s: %s; want %v", who, d, want)
	}
	accepted, filter := rights.Subscribe(sig.Pattern{Sender: sender, Event: name})
	if accepted.Allowed != d.Allowed || filter.Passes(sender, name) != d.Allowed {
		t.Fatalf("%s: %s, but %s", who, accepted, d)
	}
}

// TestPrincipalCannotWidenItsRules: what an operator wrote for {self} reaches the
// same one segment for everybody, whatever the certificate or key calls itself.
func TestPrincipalCannotWidenItsRules(t *testing.T) {
	policy := compile(t, acl.Rule{Allow: []acl.Verb{acl.Emit, acl.Subscribe}, Principals: []string{"**"}, Sender: "home/{self}", Name: "**"})
	for _, id := range hostile {
		rights := policy.For(acl.Principal{ID: id})
		for _, sender := range []sig.Name{"home/victim", "home/a", "home/a/b", "home", "home/b"} {
			assert.False(t, rights.Decide(acl.Emit, sender, "temp").Allowed, "%q emits as %s", id, sender)
		}
		for _, sender := range []sig.Name{"**", "home/*", "home/**", "home/victim"} {
			d, filter := rights.Subscribe(sig.Pattern{Sender: sender, Event: "**"})
			assert.False(t, d.Allowed, "%q: %s", id, d)
			assert.False(t, filter.Passes("home/victim", "temp"))
		}
	}
}

// TestDenyCannotBeEvaded: an ID cannot be written so that a pattern of a deny
// misses it.
func TestDenyCannotBeEvaded(t *testing.T) {
	everything := acl.Rule{Allow: []acl.Verb{acl.Emit}, Principals: []string{"**", "{anonymous}"}, Sender: "**", Name: "**"}
	deny := everything
	deny.Allow, deny.Deny = nil, deny.Allow
	for _, tt := range []struct {
		pattern string
		covers  func(id string) bool
	}{
		{"**", func(string) bool { return true }},
		{"*", func(id string) bool { return !strings.Contains(id, "/") }},
		{"a/*", func(id string) bool { return strings.HasPrefix(id, "a/") && strings.Count(id, "/") == 1 }},
	} {
		deny.Principals = []string{tt.pattern}
		policy := compile(t, everything, deny)
		for _, id := range hostile {
			d := policy.Decide(acl.Principal{ID: id}, acl.Emit, "a", "b")
			assert.Equal(t, !tt.covers(id), d.Allowed, "%q is denied to %q: %s", tt.pattern, id, d)
		}
	}
}

func TestSegment(t *testing.T) {
	for id, want := range map[string]sig.Name{
		"press-7": "press-7", "plant/press": "plant~2Fpress", "**": "~2A~2A", "~2A": "~7E2A", "": "~", "uid:1000": "uid:1000", "ä": "~C3~A4", "a\x00": "a~00",
	} {
		assert.Equal(t, want, acl.Segment(id), "%q", id)
	}
}
