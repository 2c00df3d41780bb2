package auth

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTokensAreComparedInConstantTime looks at the code: a token's hash is looked for
// by its first bytes, which are no secret of the token's, and what decides is a
// comparison whose time tells nothing.
func TestTokensAreComparedInConstantTime(t *testing.T) {
	calls, compares := look(t, "token.go", "same")
	assert.Contains(t, calls, "ConstantTimeCompare")
	assert.Equal(t, []string{"=="}, compares, "only its result is compared, with 1")
	calls, compares = look(t, "store.go", "verifyToken")
	assert.Contains(t, calls, "same")
	assert.NotContains(t, calls, "Equal")
	assert.Equal(t, []string{"!="}, compares, "only an error, with nil")
}

// look returns what a function calls, and by which operators it compares.
func look(t *testing.T, file, name string) (calls, compares []string) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	found := false
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Name.Name != name {
			continue
		}
		found = true
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				calls = append(calls, n.Sel.Name)
			case *ast.BinaryExpr:
				if n.Op == token.EQL || n.Op == token.NEQ {
					compares = append(compares, n.Op.String())
				}
			}
			return true
		})
	}
	require.True(t, found, "%s has no %s", file, name)
	return calls, compares
}

// TestHashesThatBeginAlike: the whole of a hash counts, not what it is found by.
func TestHashesThatBeginAlike(t *testing.T) {
	secret := NewToken()
	hash := secret.Hash()
	for i := 8; i < len(hash); i++ {
		other := hash
		other[i] ^= 1
		proof, err := secret.Prove(private)
		require.NoError(t, err)
		_, err = storeOf(t, Entry{ID: "a", Token: other}).Verify(MethodToken, proof, private)
		require.ErrorIs(t, err, ErrUnknown, "byte %d", i)
		v, err := storeOf(t, Entry{ID: "a", Token: other}, Entry{ID: "b", Token: hash}).Verify(MethodToken, proof, private)
		require.NoError(t, err)
		assert.Equal(t, "b", v.ID)
	}
}
