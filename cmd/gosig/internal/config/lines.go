package config

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lines says on which line a key stands. Elements of an array of tables are
// counted: "listen.0.url".
type lines map[string]int

// of returns the line of the key, or of what contains it, or 0.
func (l lines) of(key string) int {
	for {
		if n, ok := l[key]; ok {
			return n
		}
		i := strings.LastIndexByte(key, '.')
		if i < 0 {
			return 0
		}
		key = key[:i]
	}
}

// indexLines walks a document that has been decoded without an error before.
func indexLines(data []byte) lines {
	index, tables := lines{}, map[string]int{}
	var p unstable.Parser
	p.Reset(data)
	prefix := ""
	for p.NextExpression() {
		e := p.Expression()
		parts, line := keyOf(e, data)
		if len(parts) == 0 {
			continue
		}
		switch e.Kind {
		case unstable.ArrayTable:
			key := numbered(parts[:len(parts)-1], tables)
			key = join(key, parts[len(parts)-1])
			tables[strings.Join(parts, ".")]++
			prefix = join(key, strconv.Itoa(tables[strings.Join(parts, ".")]-1))
			index[prefix] = line
		case unstable.Table:
			prefix = numbered(parts, tables)
			index[prefix] = line
		default:
			index[join(prefix, strings.Join(parts, "."))] = line
		}
	}
	return index
}

// numbered puts the number of the array's last element behind each part that
// names an array of tables: that is what [listen.tls] refers to.
func numbered(parts []string, tables map[string]int) string {
	key := ""
	for i, part := range parts {
		key = join(key, part)
		if n := tables[strings.Join(parts[:i+1], ".")]; n > 0 {
			key = join(key, strconv.Itoa(n-1))
		}
	}
	return key
}

func keyOf(e *unstable.Node, data []byte) (parts []string, line int) {
	for it := e.Key(); it.Next(); {
		n := it.Node()
		if line == 0 {
			line = 1 + bytes.Count(data[:n.Raw.Offset], []byte("\n"))
		}
		parts = append(parts, string(n.Data))
	}
	return parts, line
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// topKeys are the keys at the top of a document, each as often as it is mentioned
// and in that order. The document has been decoded without an error before; of
// another one it has those before its first mistake.
func topKeys(data []byte) []string {
	var keys []string
	var p unstable.Parser
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		parts, _ := keyOf(e, data)
		switch {
		case len(parts) == 0:
		case e.Kind == unstable.Table || e.Kind == unstable.ArrayTable:
			table = parts[0]
			keys = append(keys, table)
		case table == "":
			keys = append(keys, parts[0])
		default:
			keys = append(keys, table)
		}
	}
	return keys
}
