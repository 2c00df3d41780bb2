package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInsert(t *testing.T) {
	const table = "[[credential]]\nid = \"x\"\nkey = \"ed25519:22qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"\n"
	path := filepath.Join(t.TempDir(), "p.toml")
	for _, head := range []string{"", "policy = \"here\"\n"} {
		require.NoError(t, os.WriteFile(path, []byte(head+policyText+"# the end\n"), 0o640))
		require.NoError(t, os.Chmod(path, 0o640))
		require.NoError(t, Insert(path, table))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.True(t, strings.HasSuffix(string(got), table+"\n[end]\n# the end\n"), "%s", got)
		a, err := parseAny(path, got)
		require.NoError(t, err)
		assert.Equal(t, 3, a.Store().Len())
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o640), info.Mode())

		assert.ErrorContains(t, Insert(path, table), `"x" as well`, "the same credential twice")
		assert.ErrorContains(t, Insert(path, "[[credential]]\nid = \"\"\n"), "nothing was put in")
		assert.ErrorContains(t, Insert(path, "[[expect]]\nprincipal = \"a\"\nallow = [\"admin\"]\nsender = \"a\"\nname = \"b\"\n"), "expect 2")
		again, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, got, again)
	}
	for _, text := range []string{"", "name = \"a\"\n", policyText[:len(policyText)-10], "policy = \"p.toml\"\n"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		assert.Error(t, Insert(path, table), text)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
	}
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1, "nothing else stays behind")
}
