package acl

import (
	"fmt"
	"strings"
)

// Part is the kind of entry of a [Source] that a [Problem] is in.
type Part string

// The parts, called like the keys of a file.
const (
	PartPolicy Part = "policy" // the whole
	PartGroup  Part = "group"
	PartRule   Part = "rule"
	PartExpect Part = "expect"
)

// Problem is one mistake in a [Source]. Part and Number lead to the entry, for
// whoever knows on which line of a file that is.
type Problem struct {
	Part   Part
	Number int    // of the entry within its part, from 1; 0 for the whole
	Label  string // of the rule, the name of the group
	Field  string // the key as in a file; "" for the entry
	Text   string // what is wrong, and what to do
}

// Error says where and what: `rule 3 "no secrets": sender: ...`.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(string(p.Part))
	if p.Number > 0 {
		fmt.Fprintf(&b, " %d", p.Number)
	}
	if p.Label != "" {
		fmt.Fprintf(&b, " %q", p.Label)
	}
	if p.Field != "" {
		b.WriteString(": " + p.Field)
	}
	return b.String() + ": " + p.Text
}

// Problems are all mistakes in a [Source], in its order: what
// [Source.Compile] fails with. There is at least one.
type Problems []Problem

// Error has one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// problems collects the mistakes of one entry after the other.
type problems struct {
	found Problems
	at    Problem // where they are
}

func (c *problems) in(part Part, number int, label string) {
	c.at = Problem{Part: part, Number: number, Label: label}
}

func (c *problems) add(field, format string, args ...any) {
	p := c.at
	p.Field, p.Text = field, fmt.Sprintf(format, args...)
	c.found = append(c.found, p)
}
