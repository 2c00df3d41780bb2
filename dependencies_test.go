package gosig_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// oldest is what each module must be at least, since older versions have mistakes that
// others were attacked by.
var oldest = map[string]string{
	"go":                              "1.26.6",  // floods of KeyUpdate; sessions that outlive their CA
	"github.com/pion/dtls/v3":         "v3.1.15", // nonces, plain records, proof of the key, panics of pre-shared keys
	"github.com/quic-go/quic-go":      "v0.65.0", // panics and memory
	"github.com/coder/websocket":      "v1.8.15",
	"github.com/fxamacker/cbor/v2":    "v2.9.6",
	"github.com/pelletier/go-toml/v2": "v2.4.3",
}

// never is what must not be required, in any version.
var never = map[string]string{
	"github.com/pion/dtls":         "its nonces repeat: use v3",
	"github.com/pion/dtls/v2":      "its nonces repeat: use v3",
	"github.com/gorilla/websocket": "one implementation of WebSocket is enough",
}

// TestModulesAreNotTooOld: go.mod, also where a module is required by another one.
func TestModulesAreNotTooOld(t *testing.T) {
	raw, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	required := map[string]string{}
	for _, line := range strings.Split(string(raw), "\n") {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 {
			required[fields[0]] = fields[1]
		}
	}
	for module, least := range oldest {
		switch have := required[module]; {
		case have == "":
			t.Errorf("go.mod does not require %s any more: take it from this list", module)
		case older(have, least):
			t.Errorf("%s is %s, want at least %s", module, have, least)
		}
	}
	for module, why := range never {
		if required[module] != "" {
			t.Errorf("go.mod requires %s: %s", module, why)
		}
	}
}

var numbers = regexp.MustCompile(`\d+`)

// older compares versions of numbers; a pre-release is as old as what it precedes.
func older(a, b string) bool {
	as, bs := numbers.FindAllString(a, 3), numbers.FindAllString(b, 3)
	for i := range bs {
		if i == len(as) {
			return true
		}
		x, _ := strconv.Atoi(as[i]) // a number, or 0: too old
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x < y
		}
	}
	return false
}

func TestOlder(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"v3.1.14", "v3.1.15", true},
		{"v3.1.15", "v3.1.15", false},
		{"v3.2.0", "v3.1.15", false},
		{"1.26", "1.26.6", true},
		{"1.27", "1.26.6", false},
		{"v0.9.9", "v0.65.0", true},
	} {
		if got := older(row.a, row.b); got != row.want {
			t.Errorf("older(%s, %s) is %v", row.a, row.b, got)
		}
	}
}

// TestNamesAreNoFiles: what takes in names from peers cannot open a file: a name
// cannot become a path there. Files are the business of carriers (certificates,
// sockets, ports) and of the command.
func TestNamesAreNoFiles(t *testing.T) {
	for _, folder := range []string{"sig", "wire", "codec", "acl", "router"} {
		err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") ||
				strings.HasSuffix(name, "_missing.go") || strings.Contains(name, "test/") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, imp := range file.Imports {
				switch path, _ := strconv.Unquote(imp.Path.Value); path { // it has been parsed
				case "os", "os/exec", "path/filepath", "io/ioutil", "plugin":
					t.Errorf("%s imports %q", name, path)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
