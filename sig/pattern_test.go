package sig

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMatchName(t *testing.T) {
	for _, tt := range []struct {
		pattern, name Name
		want          bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "a/b", false},
		{"*", "a", true},
		{"*", "a/b", false},
		{"*/b", "a/b", true},
		{"**", "a", true},
		{"**", "a/b/c", true},
		{"a/**", "a", true},
		{"a/**", "a/b/c", true},
		{"a/**", "ab", false},
		{"**/c", "c", true},
		{"**/c", "a/b/c", true},
		{"**/c", "a/c/b", false},
		{"a/**/c", "a/c", true},
		{"a/**/c", "a/b/b/c", true},
		{"a/**/c", "a/c/b", false},
		{"**/b/**", "a/b/c", true},
		{"**/b/**/b", "b/b", true},
		{"**/b/**/b", "a/b/c", false},
		{"**/*", "a", true},
		{"*/**/*", "a", false},
		{"*/**/*", "a/b", true},
		{"**/a/b/**/c", "a/a/b/a/b/c", true},
		{Any, EventConnect, true},
		{EventConnect, EventConnect, true},
		{EventConnect, EventDisconnect, false},
		{"*", EventConnect, false},
		{"**/**", EventConnect, false},
	} {
		if got := MatchName(tt.pattern, tt.name); got != tt.want {
			t.Errorf("P1: MatchName(%q, %q): got %v, want %v", tt.pattern, tt.name, got, tt.want)
		}
	}
}

func TestContainsName(t *testing.T) {
	for _, tt := range []struct {
		p, q Name
		want bool
	}{
		{"a", "a", true},
		{"*", "a", true},
		{"a", "*", false},
		{"**", "*/a/**", true},
		{"**/*", "*/**", true},
		{"*/**", "**/**", true},
		{"**/**", "*", true},
		{"**/**", Any, false}, // Any matches #connect as well
		{"*", EventConnect, false},
		{EventConnect, Any, false},
		{Any, EventConnect, true},
		{"a/**", "a", true},
		{"a/**", "a/*", true},
		{"a/**", "a/*/b/**", true},
		{"a/*", "a/**", false},
		{"a/*/**", "a/**", false},
		{"a/**/b", "a/b", true},
		{"a/**/b", "a/**/c/b", true},
		{"a/**/*/b", "a/b", false},
		{"a/**/b/**", "a/**/b", true},
		{"**/a/**/b/**", "**/a/*/b/**", true},
		{"**/a/*/b/**", "**/a/**/b/**", false},
		{"**/a/**", "**/b/**", false},
		{"**/a", "**/a/a", true},
		{"a/*/**/c", "a/**/*/c", true},
		{"**/x/*/*/**", "x/*/**/*", true},
	} {
		if got := ContainsName(tt.p, tt.q); got != tt.want {
			t.Errorf("P1: ContainsName(%q, %q): got %v, want %v", tt.p, tt.q, got, tt.want)
		}
	}
}

func TestIntersectsName(t *testing.T) {
	for _, tt := range []struct {
		p, q Name
		want bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"*", "a", true},
		{"*", "a/b", false},
		{"a/**", "**/b", true},
		{"a/*", "*/b", true},
		{"a/*", "*/b/*", false},
		{"a/**", "b/**", false},
		{"**/a/**", "**/b/**", true},
		{"*/*", "**/a", true},
		{"*", "**/a/**", true},
		{Any, EventLost, true},
		{"*", EventLost, false},
		{EventLost, Any, true},
	} {
		if got := IntersectsName(tt.p, tt.q); got != tt.want {
			t.Errorf("P1: IntersectsName(%q, %q): got %v, want %v", tt.p, tt.q, got, tt.want)
		}
		if got := IntersectsName(tt.q, tt.p); got != tt.want {
			t.Errorf("P1: IntersectsName(%q, %q): got %v, want %v (it is symmetric)", tt.q, tt.p, got, tt.want)
		}
	}
}

func TestPatternSpeaksOfBothParts(t *testing.T) {
	p := Pattern{"house/*", "temp"}
	for _, tt := range []struct {
		what      string
		got, want bool
	}{
		{"match", p.Match("house/kitchen", "temp"), true},
		{"match, other sender", p.Match("garden", "temp"), false},
		{"match, other event", p.Match("house/kitchen", "light"), false},
		{"contains", p.Contains(Pattern{"house/kitchen", "temp"}), true},
		{"contains, other event", p.Contains(Pattern{"house/kitchen", Any}), false},
		{"contains, senders are never reserved", Pattern{"**/**", "temp"}.Contains(Pattern{Any, "temp"}), true},
		{"intersects", p.Intersects(Pattern{"**/kitchen", Any}), true},
		{"intersects, other sender", p.Intersects(Pattern{"garden", Any}), false},
		{"intersects, other event", p.Intersects(Pattern{Any, "light"}), false},
	} {
		if tt.got != tt.want {
			t.Errorf("P1: %s: got %v, want %v", tt.what, tt.got, tt.want)
		}
	}
	if got := p.String(); got != "house/* temp" {
		t.Errorf("got %q, want %q", got, "house/* temp")
	}
}

// oracleMatch is the definition of P1, in the shortest form.
func oracleMatch(p, n []string) bool {
	switch {
	case len(p) == 0:
		return len(n) == 0
	case p[0] == wildMany:
		return oracleMatch(p[1:], n) || len(n) > 0 && oracleMatch(p, n[1:])
	}
	return len(n) > 0 && (p[0] == wildOne || p[0] == n[0]) && oracleMatch(p[1:], n[1:])
}

// oracleNames are all names up to oracleDepth segments over the patterns' letters
// and one more, which stands for all other segments. Patterns of at most
// oracleSegments segments cannot tell longer names apart.
const (
	oracleDepth    = 7
	oracleSegments = 4
)

var oracleNames = allNames(nil, []string{"a", "b", "c"}, oracleDepth)

func allNames(prefix, letters []string, depth int) [][]string {
	if depth == 0 {
		return nil
	}
	var names [][]string
	for _, l := range letters {
		name := append(prefix[:len(prefix):len(prefix)], l)
		names = append(names, name)
		names = append(names, allNames(name, letters, depth-1)...)
	}
	return names
}

func drawPattern(segs ...string) *rapid.Generator[Name] {
	return rapid.Custom(func(t *rapid.T) Name {
		return Name(strings.Join(rapid.SliceOfN(rapid.SampledFrom(segs), 1, oracleSegments).Draw(t, "segments"), "/"))
	})
}

func TestMatchAgainstOracle(t *testing.T) {
	patterns := drawPattern("a", "b", wildOne, wildMany)
	rapid.Check(t, func(t *rapid.T) {
		p := patterns.Draw(t, "p")
		ps := segments(p)
		for range 100 {
			n := rapid.SampledFrom(oracleNames).Draw(t, "n")
			name := Name(strings.Join(n, "/"))
			if got, want := MatchName(p, name), oracleMatch(ps, n); got != want {
				t.Fatalf("P1: MatchName(%q, %q): got %v, want %v", p, name, got, want)
			}
		}
	})
}

// relation enumerates the names: does p match all of q's, and any of q's?
func relation(p, q Name) (contains, intersects bool) {
	ps, qs := segments(p), segments(q)
	contains = true
	for _, n := range oracleNames {
		if oracleMatch(qs, n) {
			m := oracleMatch(ps, n)
			contains = contains && m
			intersects = intersects || m
		}
	}
	return contains, intersects
}

func TestContainmentAndIntersectionAgainstOracle(t *testing.T) {
	patterns := drawPattern("a", "b", wildOne, wildMany)
	rapid.Check(t, func(t *rapid.T) {
		p, q := patterns.Draw(t, "p"), patterns.Draw(t, "q")
		contains, intersects := relation(p, q)
		if got := containsSegments(p, q); got != contains {
			t.Errorf("P1: %q contains %q: got %v, want %v", p, q, got, contains)
		}
		if got := IntersectsName(p, q); got != intersects {
			t.Errorf("P1: %q intersects %q: got %v, want %v", p, q, got, intersects)
		}
	})
}

// TestRelationsOfAllShortPatterns leaves no pattern of up to three segments out.
func TestRelationsOfAllShortPatterns(t *testing.T) {
	all := allNames(nil, []string{"a", "b", wildOne, wildMany}, 3)
	for _, p := range all {
		for _, q := range all {
			checkRelation(t, Name(strings.Join(p, "/")), Name(strings.Join(q, "/")))
		}
	}
}

func checkRelation(t *testing.T, p, q Name) {
	t.Helper()
	contains, intersects := relation(p, q)
	if got := containsSegments(p, q); got != contains {
		t.Errorf("P1: %q contains %q: got %v, want %v", p, q, got, contains)
	}
	if got := IntersectsName(p, q); got != intersects {
		t.Errorf("P1: %q intersects %q: got %v, want %v", p, q, got, intersects)
	}
}

func TestHostilePatternsAreCheap(t *testing.T) {
	p := Name(strings.Repeat("**/a/", 60) + "**/b")
	n := Name(strings.Repeat("a/", 2000) + "a")
	if MatchName(p, n) { // never ends if it backtracks
		t.Errorf("P1: %.20q... matches %.20q..., which has no b", p, n)
	}
	if ContainsName(p, Name(strings.Repeat("**/*/a/", 60)+"a")) {
		t.Error("P1: a pattern that ends with b contains one that ends with a")
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range [][3]string{
		{"**", "a/*", "a/b"},
		{"a/**/b", "**/c/**", "a/c/b"},
		{"*/**/*", "**/a/**/a", "a/a"},
		{"#connect", "**", "#connect"},
		{"**/**", "*/*/**", "x"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, p, q, n string) { checkLaws(t, Name(p), Name(q), Name(n)) })
}

// checkLaws holds for all strings, valid or not, where it says nothing else.
func checkLaws(t *testing.T, p, q, n Name) {
	inP, inQ := MatchName(p, n), MatchName(q, n)
	contains, intersects := ContainsName(p, q), IntersectsName(p, q)
	if (Pattern{p, p}).Validate() != nil || (Pattern{q, q}).Validate() != nil || n.Validate() != nil {
		return // no panic, no endless loop: that is all
	}
	if got := oracleMatch(segments(p), segments(n)); len(n) < 30 && got != inP {
		t.Errorf("P1: %q matches %q: got %v, want %v", p, n, inP, got)
	}
	if inQ && contains && !inP {
		t.Errorf("P1: %q contains %q, which matches %q, which it does not", p, q, n)
	}
	if inP && inQ && !intersects {
		t.Errorf("P1: %q and %q both match %q and do not intersect", p, q, n)
	}
	if contains && !intersects {
		t.Errorf("P1: %q contains %q and does not intersect it", p, q)
	}
	if intersects != IntersectsName(q, p) {
		t.Errorf("P1: intersection of %q and %q is not symmetric", p, q)
	}
}

func BenchmarkMatchName(b *testing.B) {
	for b.Loop() {
		MatchName("house/**/sensor/*", "house/floor/kitchen/sensor/7")
	}
}
