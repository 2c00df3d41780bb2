package acl

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

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
