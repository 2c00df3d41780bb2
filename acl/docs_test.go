package acl_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
)

var (
	tomlBlock = regexp.MustCompile("(?s)```toml\n(.*?)```")
	tomlTable = regexp.MustCompile(`^\[\[(\w+)\]\]`)
	tomlKey   = regexp.MustCompile(`^(\w+) =`)
)

// TestPageUsesTheKeysThereAre: what an operator copies from docs/acl.md has the
// keys of the structs, and the page shows each of them.
func TestPageUsesTheKeysThereAre(t *testing.T) {
	page, err := os.ReadFile("../docs/acl.md")
	require.NoError(t, err)
	keys := map[string][]string{}
	tables := reflect.TypeFor[acl.Source]()
	for i := range tables.NumField() {
		table := tables.Field(i)
		for j := range table.Type.Elem().NumField() {
			keys[table.Tag.Get("toml")] = append(keys[table.Tag.Get("toml")], table.Type.Elem().Field(j).Tag.Get("toml"))
		}
	}
	shown := map[string]bool{}
	for _, block := range tomlBlock.FindAllStringSubmatch(string(page), -1) {
		table := ""
		for line := range strings.Lines(block[1]) {
			if m := tomlTable.FindStringSubmatch(line); m != nil {
				table = m[1]
				if table == "identity" || table == "credential" { // of a file, not of a Source
					break
				}
				assert.Contains(t, keys, table)
			} else if m := tomlKey.FindStringSubmatch(line); m != nil {
				assert.Contains(t, keys[table], m[1], "[[%s]]", table)
				shown[table+"."+m[1]] = true
			}
		}
	}
	for table, all := range keys {
		for _, key := range slices.DeleteFunc(slices.Clone(all), func(k string) bool {
			return table == "expect" && (k == "method" || k == "groups") // as in rules
		}) {
			assert.True(t, shown[table+"."+key], "%s of [[%s]] is not shown", key, table)
		}
	}
}
