package gosig_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/carrier/quic"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
)

var update = flag.Bool("update", false, "write the generated parts of the pages anew")

// mdLink finds the target of a link or an image in Markdown.
var mdLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// mdCode finds code, which may look like a link.
var mdCode = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")

// TestDocLinks checks that every file a page points to is there: the tour of
// the code names many, and files move.
func TestDocLinks(t *testing.T) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".md"):
			return nil
		}
		page, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range mdLink.FindAllStringSubmatch(mdCode.ReplaceAllString(string(page), ""), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), target)); err != nil {
				t.Errorf("%s points to %s, which is not there", name, target)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCarrierParameters: the page lists what the carriers say of themselves, and
// what they say is what they look at.
func TestCarrierParameters(t *testing.T) {
	const file, begin, end = "docs/carriers.md", "<!-- generated: parameters -->\n", "<!-- end of parameters -->"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	before, rest, ok := strings.Cut(page, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no part %q", file, begin)
	}
	updated := before + begin + parameterTable(mem.New(), tcp.New(nil), quic.New(nil), dtls.New(nil), ws.New(nil), serial.New(nil)) + end + after
	switch {
	case updated == page:
	case *update:
		if err := os.WriteFile(file, []byte(updated), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table of parameters in %s is not what the carriers say\nhint: go test . -run TestCarrierParameters -update", file)
	}
}

func parameterTable(carriers ...carrier.Carrier) string {
	var b strings.Builder
	b.WriteString("| scheme | parameter | dial, listen | meaning |\n|---|---|---|---|\n")
	for _, c := range carriers {
		for _, s := range carrier.Describe(c) {
			for _, p := range s.Params {
				fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.Scheme, p.Name, p.Use, p.Meaning)
			}
		}
	}
	return b.String()
}

// shownCode finds a Go block and the file it is taken from:
//
//	<!-- from examples/listener/main.go -->
//	```go
//	...
//	```
var shownCode = regexp.MustCompile("(?s)<!-- from (\\S+) -->\n```go\n(.*?)```")

// TestCarriersPageShowsWhatIsThere compares the Go blocks of the page for authors
// of carriers with the files they come from, so that what a reader copies is
// what was compiled and run.
func TestCarriersPageShowsWhatIsThere(t *testing.T) {
	page, err := os.ReadFile("docs/carriers.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := shownCode.FindAllStringSubmatch(string(page), -1)
	if blocks := strings.Count(string(page), "```go\n"); len(shown) != blocks || blocks == 0 {
		t.Errorf("%d of %d Go blocks name the file they come from: each must", len(shown), blocks)
	}
	for _, m := range shown {
		source, err := os.ReadFile(m[1])
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(source), m[2]) {
			t.Errorf("docs/carriers.md shows something else than %s has:\n%s", m[1], m[2])
		}
	}
}
