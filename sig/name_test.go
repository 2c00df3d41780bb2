package sig

import (
	"errors"
	"strings"
	"testing"
)

func TestNameValidate(t *testing.T) {
	long := strings.Repeat("x", MaxNameBytes)
	deep := strings.Repeat("a/", MaxNameSegments-1) + "a"
	for _, tt := range []struct {
		name string
		in   Name
		want string // part of the error; empty: valid
	}{
		{"plain", "kitchen", ""},
		{"segments", "house/kitchen", ""},
		{"every character", "AZaz09_.:@~-", ""},
		{"dots are no segments", "../..", ""},
		{"longest", Name(long), ""},
		{"deepest", Name(deep), ""},
		{"empty", "", "empty"},
		{"too long", Name(long + "x"), "256 bytes"},
		{"too deep", Name(deep + "/a"), "16 segments"},
		{"reserved", EventConnect, "reserved"},
		{"reserved and unknown", "#x", "reserved"},
		{"hash inside", "a#b", `'#'`},
		{"space", "kit chen", `' '`},
		{"not ASCII", "küche", `'ü'`},
		{"not UTF-8", "a\xffb", "contains"},
		{"NUL", "a\x00", "contains"},
		{"leading slash", "/a", "empty segment"},
		{"trailing slash", "a/", "empty segment"},
		{"double slash", "a//b", "empty segment"},
		{"wildcard", "a/*", "patterns only"},
		{"any", Any, "patterns only"},
	} {
		t.Run(tt.name, func(t *testing.T) { checkBadName(t, tt.in, tt.in.Validate(), tt.want) })
	}
}

func checkBadName(t *testing.T, in Name, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("P1: %q: got error %v, want none", in, err)
	case want == "":
	case err == nil:
		t.Errorf("P1: %q: got no error, want one about %q", in, want)
	case !errors.Is(err, ErrBadName):
		t.Errorf("P1: %q: got %v, want an ErrBadName", in, err)
	case !strings.Contains(err.Error(), want):
		t.Errorf("P1: %q: got %q, want it to speak of %q", in, err, want)
	}
}

func TestBadNameIsQuotedAndBounded(t *testing.T) {
	err := Name("\x1b[31m" + strings.Repeat("y", 5000)).Validate()
	if text := err.Error(); strings.Contains(text, "\x1b") || len(text) > 500 {
		t.Errorf("P11: got %d bytes of %.60q, want them quoted and bounded", len(text), text)
	}
}

func TestPatternValidate(t *testing.T) {
	deep := strings.Repeat("*/", MaxNameSegments-1) + "**"
	for _, tt := range []struct {
		name string
		in   Pattern
		want string
	}{
		{"specific", Pattern{"kitchen", "temp"}, ""},
		{"broadcast", Pattern{"kitchen", Any}, ""},
		{"channel", Pattern{Any, "temp"}, ""},
		{"everything", Pattern{Any, Any}, ""},
		{"wildcards", Pattern{"*/kitchen/**", "**/t"}, ""},
		{"reserved events", Pattern{Any, EventConnect}, ""},
		{"lost", Pattern{Any, EventLost}, ""},
		{"deepest", Pattern{Name(deep), "t"}, ""},
		{"reserved sender", Pattern{"#connect", "t"}, "reserved"},
		{"unknown reserved event", Pattern{"a", "#conect"}, "reserved"},
		{"wildcard in a reserved event", Pattern{"a", "#*"}, "reserved"},
		{"part of a segment", Pattern{"a*", "t"}, "whole segments"},
		{"three stars", Pattern{"a", "***"}, "whole segments"},
		{"empty sender", Pattern{"", "t"}, "empty"},
		{"empty event", Pattern{"a", ""}, "empty"},
		{"too deep", Pattern{Name(deep + "/*"), "t"}, "16 segments"},
		{"wildcard segment and bad one", Pattern{"*/ü", "t"}, `'ü'`},
	} {
		t.Run(tt.name, func(t *testing.T) { checkBadName(t, tt.in.Sender, tt.in.Validate(), tt.want) })
	}
}

func FuzzNameValidate(f *testing.F) {
	for _, s := range []string{"a", "a/b", "", "#connect", "*/**", "a//b", "\xff", "kitchen:1@x~-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := Name(s)
		if n.Validate() != nil {
			return
		}
		p := Pattern{n, n}
		if err := p.Validate(); err != nil {
			t.Fatalf("%q is a name but no pattern: %v", s, err)
		}
		if !p.Match(n, n) || !p.Contains(p) || !p.Intersects(p) {
			t.Fatalf("P1: %q does not match itself", s)
		}
	})
}
