package acl_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/acl"
)

// TestMain fails if a test leaves a goroutine behind: the package starts none.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func compile(t require.TestingT, rules ...acl.Rule) *acl.Policy {
	return compileSource(t, &acl.Source{Rules: rules})
}

func compileSource(t require.TestingT, s *acl.Source) *acl.Policy {
	p, err := s.Compile()
	require.NoError(t, err)
	return p
}
