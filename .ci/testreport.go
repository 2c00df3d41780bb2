// Testreport reads the output of "go test -json" from standard input, prints
// one line a package and everything a failing test said, and fails when a test
// failed or was skipped without being on the list of allowed skips:
//
//	go test -json ./... | go run .ci/testreport.go -skips .ci/skips.txt
//
// Its last line is "N passed, N failed, N skipped", which -total adds to a file
// as well, behind a line "FAIL package test" and what it said for each that
// failed. With -sum it prints all of these once more, and the counts added up:
//
//	go run .ci/testreport.go -sum totals
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
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
	broken  map[string]bool // packages with a failed test
	passed  int
	noTests int
	out     io.Writer
}

// counts are the tests of a run; a package that fails without a test that does,
// because it does not build for instance, counts as one that failed.
type counts struct{ passed, failed, skipped int }

const countsFormat = "%d passed, %d failed, %d skipped\n"

func main() {
	skips := flag.String("skips", "", "file of skips that are allowed")
	total := flag.String("total", "", "file to add the last line to")
	sum := flag.String("sum", "", "add up such a file, and nothing else")
	flag.Parse()
	if *sum != "" {
		exitOn(printSum(*sum))
		return
	}
	allowed, err := readSkips(*skips)
	exitOn(err)
	r := &report{allowed: allowed, output: map[string][]string{}, broken: map[string]bool{}, out: os.Stdout}
	exitOn(r.read(os.Stdin))
	ok := r.summary()
	exitOn(r.counts().print())
	exitOn(r.save(*total))
	if !ok {
		os.Exit(1)
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(2)
	}
}

func (c counts) print() error {
	_, err := fmt.Printf(countsFormat, c.passed, c.failed, c.skipped)
	return err
}

// maxRemembered is how many bytes of what a failed test said are repeated at
// the end of a run: its last ones.
const maxRemembered = 4 << 10

// save adds what failed and the counts to the file, unless that is "".
func (r *report) save(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, key := range append(r.failed, r.refused...) {
		name, said, _ := strings.Cut(key, "\n")
		if said == "" {
			said = strings.Join(r.output[name], "")
		}
		said = said[max(0, len(said)-maxRemembered):]
		fmt.Fprintf(f, "FAIL  %s\n", name)
		for line := range strings.Lines(said) {
			fmt.Fprintf(f, "      %s\n", strings.TrimRight(line, "\n"))
		}
	}
	c := r.counts()
	_, err = fmt.Fprintf(f, countsFormat, c.passed, c.failed, c.skipped)
	return errors.Join(err, f.Close())
}

func printSum(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var all, c counts
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if _, err := fmt.Sscanf(line+"\n", countsFormat, &c.passed, &c.failed, &c.skipped); err != nil {
			fmt.Println(line)
			continue
		}
		all.passed, all.failed, all.skipped = all.passed+c.passed, all.failed+c.failed, all.skipped+c.skipped
	}
	return all.print()
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
		key = ev.Package
		fmt.Fprintf(r.out, "FAIL  %-60s %7.2fs\n", ev.Package, ev.Elapsed)
	}
	if ev.Test != "" || !r.broken[ev.Package] {
		r.failed = append(r.failed, key)
	}
	r.broken[ev.Package] = true
	for _, line := range r.output[ev.Package+" "+ev.Test] {
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

// summary names what did not pass and reports whether all is well.
func (r *report) summary() bool {
	for _, s := range r.skipped {
		fmt.Fprintf(r.out, "skip  %s (allowed)\n", s)
	}
	for _, s := range r.refused {
		fmt.Fprintf(r.out, "SKIP  %s      not allowed: a test that must run did not; see .ci/skips.txt\n", s)
	}
	for _, s := range r.failed {
		fmt.Fprintf(r.out, "FAIL  %s\n", s)
	}
	if r.passed == 0 {
		fmt.Fprintln(r.out, "no test ran at all")
	}
	fmt.Fprintf(r.out, "%d packages without tests, %d skips not allowed\n", r.noTests, len(r.refused))
	return len(r.failed) == 0 && len(r.refused) == 0 && r.passed > 0
}

func (r *report) counts() counts {
	return counts{passed: r.passed, failed: len(r.failed), skipped: len(r.skipped) + len(r.refused)}
}
