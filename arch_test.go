package gosig_test

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/gosig/gosig"
	// maxLines bounds a file that is not a test: one file holds one idea.
	maxLines = 450
)

// rule says what the packages of a folder may import beside the standard
// library. To change the architecture, change the table first.
type rule struct {
	folder  string   // "a/b" is that folder, "a/..." every folder below a
	module  []string // of this module; "..." is anything but cmd and examples
	outside []string // of other modules
	reason  string   // shown to whoever breaks the rule
}

// The first row that fits a folder decides.
var table = []rule{
	{".", nil, nil, "the root says what is where and holds no code"},

	{"sig", nil, nil, "the registry can be learned, tested and used alone, with no dependency"},
	{"wire", nil, nil, "envelopes and bytes only: no I/O, and names are plain strings"},
	{"codec", nil, nil, "a codec turns values into bytes and knows no signals"},
	{"carrier", nil, nil, "a carrier moves frames and knows no signals"},

	{"sig/sigtest", []string{"sig"}, nil, "help for users' tests must not add to what they depend on"},
	{"sig/sigtest/modeltest", []string{"sig"}, testLibraries, "the script that one registry and bridged ones must follow alike"},
	{"codec/codectest", []string{"codec"}, testLibraries, "the suite that each codec's test runs"},
	{"carrier/carriertest", []string{"carrier", "carrier/stream"}, testLibraries, "the suite that each carrier's test runs"},

	{"codec/json", []string{"codec"}, nil, "a codec: its parent and its one library"},
	{"codec/raw", []string{"codec"}, nil, "a codec: its parent and its one library"},
	{"codec/cbor", []string{"codec"}, []string{"github.com/fxamacker/cbor/v2"}, "a codec: its parent and its one library"},

	{"carrier/stream", []string{"carrier"}, nil, "any byte stream as frames; other carriers build on it"},
	{"carrier/mem", []string{"carrier", "carrier/stream"}, nil, "a carrier: its parent, stream, and its one library"},
	{"carrier/certs", []string{"carrier"}, nil, "certificates from files, re-read when they change; what TLS, QUIC, DTLS and WebSocket carriers share"},
	{"carrier/certs/certstest", nil, testLibraries, "certificates for tests, of every package that needs some"},
	{"carrier/tcp", secured, nil, "a carrier: its parent, stream, certs, and its one library"},
	{"carrier/quic", secured, []string{"github.com/quic-go/quic-go"}, "a carrier: its parent, stream, certs, and its one library"},
	{"carrier/ws", secured, []string{"github.com/coder/websocket"}, "a carrier: its parent, stream, certs, and its one library"},
	{"carrier/dtls", secured, []string{"github.com/pion/dtls/v3", "github.com/pion/sctp", "github.com/pion/transport/v5", "github.com/pion/logging"}, "a carrier: its parent, stream, certs, and its one library, a stack in four modules"},

	{"carrier/serial", []string{"carrier", "carrier/serial/link"}, []string{"github.com/tarm/serial"}, "a carrier: its parent, its link, and its one library"},
	{"carrier/serial/serialtest", []string{"carrier", "carrier/serial", "carrier/serial/linesim"}, nil, "lines between clients and listeners, for the tests of every package that needs some"},
	{"carrier/serial/link", nil, nil, "the link: no I/O, standard library only"},
	{"carrier/serial/linesim", nil, nil, "what a bad line does to bytes, alone or in real time, for the tests of whatever must survive it"},

	{"acl", []string{"sig"}, nil, "rules speak of patterns; a decision needs nothing else"},
	{"auth", nil, nil, "secrets and their proofs: formats and checks that anybody can review alone"},
	{"router", []string{"sig", "wire", "codec", "acl", "auth", "carrier"}, nil, "the only meeting point of signals and frames; it names no concrete carrier or codec"},
	{"router/routertest", []string{"sig/...", "wire", "codec/...", "carrier/...", "acl", "auth", "router"}, testLibraries, "the suite of the promises, that every carrier and codec is put through"},

	{"cmd/...", []string{"...", "cmd/..."}, []string{"github.com/spf13/cobra", "github.com/pelletier/go-toml/v2"}, "the only place with flags, files and wiring"},
	{"clients/...", []string{"..."}, nil, "tests of clients in other languages; nothing but tests"},
	{"e2e/hostile", []string{"..."}, []string{"github.com/pelletier/go-toml/v2"}, "strangers who do everything they should not, against a router with honest clients; nothing but tests"},
	{"e2e/child", nil, nil, "what tests of the whole need of processes that they start"},
	{"e2e/fairness", []string{"..."}, []string{"golang.org/x/sys/unix"}, "how an honest pair fares beside a principal that does what it likes; a measurement, nothing but tests"},
	{"e2e", []string{"..."}, nil, "tests of the whole, with the binary as a process of its own; nothing but tests"},
	{"examples/...", []string{"..."}, nil, "an example shows this module and the standard library"},
}

// secured is what a carrier over TLS needs of this module.
var secured = []string{"carrier", "carrier/stream", "carrier/certs"}

// testLibraries may be imported by every test and by the suites for tests.
var testLibraries = []string{
	"github.com/prometheus/common",
	"github.com/stretchr/testify",
	"github.com/rogpeppe/go-internal",
	"go.uber.org/goleak",
	"pgregory.net/rapid",
}

// ownModules are folders with a go.mod of their own, so that what they need
// never reaches a user of this module.
var ownModules = []string{"tools", "interop", "examples/customcarrier"}

// goFile is one parsed file of the module.
type goFile struct {
	path   string // from the root, with slashes
	folder string
	test   bool
	lines  int
	syntax *ast.File
	pos    *token.FileSet
}

// TestArchitecture states the rules of the module, one sub-test each.
func TestArchitecture(t *testing.T) {
	files := parseModule(t)
	t.Run("every folder is in the table", func(t *testing.T) { checkFolders(t, files) })
	t.Run("imports follow the table", func(t *testing.T) { checkImports(t, files) })
	t.Run("every package has a doc comment", func(t *testing.T) { checkPackageDocs(t, files) })
	t.Run("files stay short", func(t *testing.T) { checkLength(t, files) })
	t.Run("nothing registers itself", func(t *testing.T) { checkInit(t, files) })
	t.Run("allocations are counted without the race detector", func(t *testing.T) { checkAllocs(t, files) })
}

func checkFolders(t *testing.T, files []goFile) {
	for _, folder := range foldersOf(files) {
		if ruleFor(folder) == nil {
			t.Errorf("%s holds Go code and is not in the table of arch_test.go.\n"+
				"hint: decide what it may import and why, and add a row {%q, imports, outside libraries, reason}",
				folder, folder)
		}
	}
}

func checkImports(t *testing.T, files []goFile) {
	for _, f := range files {
		r := ruleFor(f.folder)
		if r == nil {
			continue // reported by checkFolders
		}
		for _, spec := range f.syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatalf("%s: %v", f.at(spec), err)
			}
			if complaint := r.judge(f, imported); complaint != "" {
				t.Errorf("%s: %s imports %s: %s\nreason: %s", f.at(spec), f.folder, imported, complaint, r.reason)
			}
		}
	}
}

// judge returns why a file that falls under r may not import a path, or "".
func (r *rule) judge(f goFile, imported string) string {
	inside, isOurs := strings.CutPrefix(imported+"/", module+"/")
	inside = path.Clean(inside)
	switch {
	case imported == "C":
		return "cgo is not used: the binary is static and cross-compiles"
	case isOurs && allowsOurs(r.module, inside), isOurs && f.test && testMayImport(f.folder, inside):
		return ""
	case isOurs:
		return fmt.Sprintf("of this module it may import %s", listOr(r.module, "nothing"))
	case isStandard(imported), covers(r.outside, imported), f.test && covers(testLibraries, imported):
		return ""
	default:
		return fmt.Sprintf("beside the standard library it may import %s", listOr(r.outside, "nothing"))
	}
}

// testMayImport says what a test file may import beyond its package's row. A
// package with rows below it may use those to test itself against (router over
// carrier/mem), but nothing may lean on the command line or on an example.
func testMayImport(folder, imported string) bool {
	if allowsOurs([]string{"..."}, imported) {
		standalone := slices.Contains([]string{"sig", "wire", "codec", "carrier"}, folder)
		return !standalone || strings.HasPrefix(imported+"/", folder+"/")
	}
	return strings.HasPrefix(imported, folder+"/") || imported == folder
}

func checkPackageDocs(t *testing.T, files []goFile) {
	documented := map[string]bool{}
	for _, f := range files {
		if f.test {
			continue
		}
		name := f.syntax.Name.Name
		doc := strings.TrimSpace(f.syntax.Doc.Text())
		documented[f.folder] = documented[f.folder] || doc != ""
		if doc != "" && name != "main" && !strings.HasPrefix(doc, "Package "+name+" ") {
			t.Errorf("%s: the package comment begins %q; want \"Package %s ...\"", f.path, firstLine(doc), name)
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(documented)) {
		if !documented[folder] {
			t.Errorf("package %s has no package comment: say what it is for, what it promises, and show one call", folder)
		}
	}
}

func checkLength(t *testing.T, files []goFile) {
	for _, f := range files {
		if !f.test && f.lines > maxLines {
			t.Errorf("%s has %d lines, the limit is %d: one file holds one idea; find the second one and move it", f.path, f.lines, maxLines)
		}
	}
}

func checkInit(t *testing.T, files []goFile) {
	for _, f := range files {
		for _, decl := range f.syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if ok && !f.test && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: func init: carriers and codecs are handed over explicitly, nothing registers itself on import", f.at(fn))
			}
		}
	}
}

// checkAllocs: the race detector allocates on its own account and makes
// sync.Pool forget on purpose, so that counts under it mean nothing.
func checkAllocs(t *testing.T, files []goFile) {
	for _, f := range files {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "AllocsPerRun" && f.builtUnderRace() {
				t.Errorf("%s: AllocsPerRun under the race detector: move the test to alloc_test.go with //go:build !race", f.at(n))
			}
			return true
		})
	}
}

// TestTable checks the table itself, so that a rule cannot be lost by a slip.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range table {
		if seen[r.folder] {
			t.Errorf("%s has two rows; only the first would count", r.folder)
		}
		seen[r.folder] = true
		if r.reason == "" {
			t.Errorf("%s has no reason", r.folder)
		}
	}
	for _, folder := range []string{"sig", "wire", "codec", "carrier"} {
		if r := ruleFor(folder); r == nil || len(r.module)+len(r.outside) > 0 {
			t.Errorf("%s must stay with the standard library alone, its row is %+v", folder, r)
		}
	}
}

func parseModule(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipFolder(filepath.ToSlash(name)):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		pos := token.NewFileSet()
		syntax, err := parser.ParseFile(pos, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		slashed := filepath.ToSlash(name)
		files = append(files, goFile{
			path: slashed, folder: path.Dir(slashed), test: strings.HasSuffix(name, "_test.go"),
			lines: pos.File(syntax.FileStart).LineCount(), syntax: syntax, pos: pos,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// skipFolder says which folders the go command would not see either.
func skipFolder(folder string) bool {
	base := path.Base(folder)
	return folder != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || slices.Contains(ownModules, folder))
}

func (f goFile) at(n ast.Node) string { return f.pos.Position(n.Pos()).String() }

// builtUnderRace reports whether no build constraint keeps the file out of tests
// under the race detector.
func (f goFile) builtUnderRace() bool {
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			expr, err := constraint.Parse(c.Text)
			if err == nil && !expr.Eval(func(string) bool { return true }) {
				return false
			}
		}
	}
	return true
}

func foldersOf(files []goFile) []string {
	folders := map[string]bool{}
	for _, f := range files {
		folders[f.folder] = true
	}
	return slices.Sorted(maps.Keys(folders))
}

func ruleFor(folder string) *rule {
	for i, r := range table {
		if fits(r.folder, folder) {
			return &table[i]
		}
	}
	return nil
}

// fits reports whether folder is pattern, or for "a/..." is a or below it.
func fits(pattern, folder string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return folder == below || strings.HasPrefix(folder, below+"/")
	}
	return pattern == folder
}

func allowsOurs(allowed []string, imported string) bool {
	return slices.ContainsFunc(allowed, func(pattern string) bool {
		if pattern == "..." {
			return !fits("cmd/...", imported) && !fits("examples/...", imported)
		}
		return fits(pattern, imported)
	})
}

// covers reports whether a path is one of the modules or a package within one.
func covers(modules []string, imported string) bool {
	return slices.ContainsFunc(modules, func(m string) bool { return fits(m+"/...", imported) })
}

// isStandard knows the standard library by the missing dot in the first
// element, as the go command does.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func listOr(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ", ")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
