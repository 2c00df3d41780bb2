package wire_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gosig/gosig/wire"
)

const protocolPage = "../docs/protocol.md"

// TestDocs: the parts of the protocol's page that can be generated are what
// the code says, and its examples are vectors.
func TestDocs(t *testing.T) {
	checkFile(t, filepath.Join("testdata", "vectors", "states.json"), marshal(t, stateVectors()))
	page := readPage(t)
	updated := page
	for name, text := range map[string]string{
		"states": statesText(), "codes": codesText(), "types": typesText(), "transcript": transcriptText(),
	} {
		updated = replacePart(t, updated, name, text)
	}
	if *update && updated != page {
		if err := os.WriteFile(protocolPage, []byte(updated), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !*update && updated != page {
		t.Errorf("a generated part of %s is not what the code says\nhint: go test ./wire -run TestDocs -update", protocolPage)
	}
}

func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(protocolPage)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// replacePart puts text between the two markers of a generated part.
func replacePart(t *testing.T, page, name, text string) string {
	t.Helper()
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end of "+name+" -->"
	before, rest, ok := strings.Cut(page, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no part %q", protocolPage, name)
	}
	return before + begin + text + end + after
}

// TestDocsExamples: a line "Example (name): `hex`" shows the vector of that
// name, and every envelope that version 1 allows has one.
func TestDocsExamples(t *testing.T) {
	example := regexp.MustCompile("^Example \\(([^)]*)\\): `([0-9a-f ]*)`$")
	seen := map[wire.Type]bool{}
	for i, line := range strings.Split(readPage(t), "\n") {
		m := example.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		frame := must(hex.DecodeString(strings.ReplaceAll(m[2], " ", "")))
		typ, _ := wire.TypeOf(frame)
		seen[typ] = true
		if want := vectorNamed(t, typ, m[1]); want != hex.EncodeToString(frame) {
			t.Errorf("%s:%d: %s %q is %x, the vector says %q", protocolPage, i+1, typ, m[1], frame, want)
		}
	}
	for _, typ := range allTypes() {
		if !seen[typ] {
			t.Errorf("%s: there is no example of %s", protocolPage, typ)
		}
	}
}

func vectorNamed(t *testing.T, typ wire.Type, name string) string {
	for _, v := range readVectors(t, typ).Valid {
		if v.Name == name {
			return v.Hex
		}
	}
	return ""
}

// statesText is the state table, from the code.
func statesText() string {
	var b strings.Builder
	b.WriteString("| nr | envelope | start | greeted | asked | proved | open | closing |\n|---:|---|:-:|:-:|:-:|:-:|:-:|:-:|\n")
	for _, typ := range allTypes() {
		fmt.Fprintf(&b, "| %d | %s |", typ, typ)
		for _, state := range states {
			fmt.Fprintf(&b, " %s |", senders(state, typ))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func senders(state wire.State, typ wire.Type) string {
	client, server := wire.Legal(state, wire.RoleClient, typ), wire.Legal(state, wire.RoleServer, typ)
	switch {
	case client && server:
		return "both"
	case client:
		return "client"
	case server:
		return "server"
	}
	return "-"
}

func stateVectors() map[string]map[string][]string {
	table := map[string]map[string][]string{}
	for _, state := range states {
		table[state.String()] = map[string][]string{}
		for _, role := range roles {
			from := []string{}
			for _, typ := range allTypes() {
				if wire.Legal(state, role, typ) {
					from = append(from, typ.String())
				}
			}
			table[state.String()]["from "+role.String()] = from
		}
	}
	return table
}

// typesText lists the first bytes, and the flags that may be set in them.
func typesText() string {
	flags := map[wire.Type][]string{ // 20, 40, 80
		wire.TypeConnect: {"default", "fresh", "hidden"}, wire.TypeDisconnect: {"yours"}, wire.TypeSubscribe: {"", "lossy"},
		wire.TypeWant: {"on", "lossy"}, wire.TypeRoute: {"begin", "period"}, wire.TypeEvent: {"held"}, wire.TypeFragment: {"more"},
		wire.TypeNumbered: {"held", "period"},
	}
	var b strings.Builder
	b.WriteString("| nr | envelope | first byte | flags |\n|---:|---|---|---|\n")
	for _, typ := range allTypes() {
		var list []string
		for i, name := range flags[typ] {
			if name != "" {
				list = append(list, fmt.Sprintf("`%02x` %s", 0x20<<i, name))
			}
		}
		if list == nil {
			list = []string{"-"}
		}
		fmt.Fprintf(&b, "| %d | %s | `%02x` | %s |\n", typ, typ, uint8(typ), strings.Join(list, ", "))
	}
	return b.String()
}

// codesText is the table of error codes; what each means is said here, because
// a peer needs to know it and the code does not.
func codesText() string {
	meaning := [...]string{
		"no error",
		"no sender of that name or number is connected",
		"the sender has neither this method nor a default handler",
		"the handler failed; the text and the number `app` are its own",
		"the deadline passed",
		"the requester gave up",
		"a rule forbids it",
		"there is no room for it now; later there may be",
		"the connection or the sender went away in between",
		"a payload can not be encoded, decoded or transcoded",
		"the name, or the node, belongs to somebody else",
		"the sender does not declare this event; the text names those it does",
		"a limit is reached; the text names it",
		"this side is shutting down",
		"not a valid name or pattern",
		"values of the one type can never become the other",
		"the sender has left, or the line is down and configured to refuse",
		"a frame breaks a rule of this page",
		"no version that both speak",
		"no codec that both have",
		"the connection would close a ring of routers; the text names it",
		"a frame, a string or a list is over its bound",
	}
	var b strings.Builder
	b.WriteString("| code | name | means |\n|---:|---|---|\n")
	for code, text := range meaning {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", code, wire.CodeName(uint16(code)), text)
	}
	return b.String()
}
