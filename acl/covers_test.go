package acl

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGroups: those that somebody comes with, and those of the policy.
func TestGroups(t *testing.T) {
	p, err := (&Source{
		Groups: []Group{{Name: "sensors", Members: []string{"plant/*"}}, {Name: "ops", Members: []string{"ops/*"}}},
		Rules:  []Rule{{Allow: []Verb{Emit}, Groups: []string{"sensors", "ops"}, Sender: "**", Name: "**"}},
	}).Compile()
	require.NoError(t, err)
	assert.Equal(t, []string{"admins", "sensors"}, p.Groups(Principal{ID: "plant/press", Groups: []string{"sensors", "admins"}}))
	assert.Empty(t, p.Groups(Principal{ID: "other"}))
	assert.Empty(t, p.Groups(Principal{Groups: []string{"admins"}}), "the anonymous")
}

func TestCovers(t *testing.T) {
	for _, row := range []struct {
		principals, groups []string
		id                 string
		in                 []string
		want               bool
	}{
		{[]string{"plant/*"}, nil, "plant/press", nil, true},
		{[]string{"plant/*"}, nil, "plant/a/b", nil, false},
		{[]string{"plant/*"}, nil, "plant", nil, false},
		{[]string{"plant/press"}, nil, "plant/press", nil, true},
		{nil, []string{"sensor"}, "x", []string{"sensor"}, true},
		{nil, []string{"sensor"}, "x", nil, false},
		{[]string{"**"}, []string{"sensor"}, "", []string{"sensor"}, false},
		{[]string{"{anonymous}"}, nil, "", nil, true},
		{[]string{"a"}, nil, "*", nil, false},
	} {
		assert.Equal(t, row.want, Covers(row.principals, row.groups, row.id, row.in), "%+v", row)
	}
}
