// Testreport reads the output of "go test -json" from standard input, prints
// one line a package and everything a failing test said, and fails when a test
// failed or was skipped without being on the list of allowed skips:
//
//	go test -json ./... | go run .ci/testreport.go -skips .ci/skips.txt
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// event is one line of go test -json, see "go doc test2json".
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build output
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

type report struct {
	allowed []string            // "package test" patterns
	output  map[string][]string // by "package test": what it said
	skipped []string            // allowed
	refused []string            // skips that are not allowed
	failed  []string
	passed  int
	noTests int
	out     io.Writer
}

func main() {
	skips := flag.String("skips", "", "file of skips that are allowed")
	flag.Parse()
	allowed, err := readSkips(*skips)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(2)
	}
	r := &report{allowed: allowed, output: map[string][]string{}, out: os.Stdout}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(2)
	}
	if !r.summary() {
		os.Exit(1)
	}
}

// readSkips returns the "package test" patterns of a file; "#" begins a comment.
func readSkips(name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var allowed []string
	for i, line := range strings.Split(string(data), "\n") {
		rule, reason, _ := strings.Cut(line, "#")
		fields := strings.Fields(rule)
		switch {
		case len(fields) == 0:
		case len(fields) != 2 || strings.TrimSpace(reason) == "":
			return nil, fmt.Errorf("%s:%d: want \"package test # reason\", got %q", name, i+1, line)
		default:
			allowed = append(allowed, strings.Join(fields, " "))
		}
	}
	return allowed, nil
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var ev event
			if json.Unmarshal(line, &ev) == nil {
				r.take(ev)
			} else {
				fmt.Fprintf(r.out, "%s", line) // go itself, for instance about a download
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(ev event) {
	key := ev.Package + " " + ev.Test
	switch ev.Action {
	case "output":
		r.output[key] = append(r.output[key], ev.Output)
	case "build-output":
		fmt.Fprint(r.out, ev.Output)
	case "pass":
		if ev.Test == "" {
			fmt.Fprintf(r.out, "ok    %-60s %7.2fs\n", ev.Package, ev.Elapsed)
			return
		}
		r.passed++
		delete(r.output, key)
	case "skip":
		r.skip(ev, key)
	case "fail":
		r.fail(ev, key)
	}
}

func (r *report) skip(ev event, key string) {
	if ev.Test == "" {
		r.noTests++
		return
	}
	if slices.ContainsFunc(r.allowed, func(p string) bool { return matches(p, ev.Package, ev.Test) }) {
		r.skipped = append(r.skipped, key)
		return
	}
	r.refused = append(r.refused, key+"\n"+strings.Join(r.output[key], ""))
}

func (r *report) fail(ev event, key string) {
	if ev.Test == "" {
		fmt.Fprintf(r.out, "FAIL  %-60s %7.2fs\n", ev.Package, ev.Elapsed)
	}
	r.failed = append(r.failed, key)
	for _, line := range r.output[key] {
		fmt.Fprint(r.out, "      ", line)
	}
}

// matches compares the end of the package's path and the test's whole name;
// both sides of the pattern may hold "*".
func matches(pattern, pkg, test string) bool {
	wantPkg, wantTest, _ := strings.Cut(pattern, " ")
	depth := strings.Count(wantPkg, "/") + 1
	elems := strings.Split(pkg, "/")
	tail := strings.Join(elems[max(0, len(elems)-depth):], "/")
	okPkg, _ := path.Match(wantPkg, tail)
	okTest, _ := path.Match(wantTest, test)
	return okPkg && okTest
}

// summary prints the totals and reports whether all is well.
func (r *report) summary() bool {
	for _, s := range r.skipped {
		fmt.Fprintf(r.out, "skip  %s (allowed)\n", s)
	}
	for _, s := range r.refused {
		fmt.Fprintf(r.out, "SKIP  %s      not allowed: a test that must run did not; see .ci/skips.txt\n", s)
	}
	fmt.Fprintf(r.out, "%d tests passed, %d failed, %d skipped (%d of them not allowed), %d packages without tests\n",
		r.passed, len(r.failed), len(r.skipped)+len(r.refused), len(r.refused), r.noTests)
	if r.passed == 0 {
		fmt.Fprintln(r.out, "no test ran at all")
	}
	return len(r.failed) == 0 && len(r.refused) == 0 && r.passed > 0
}
