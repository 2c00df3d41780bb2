// Command bench measures gosig beside its peers: each as a server process and a
// load process that share this machine, in turns, so that what disturbs one
// disturbs all. It promises that every rate is one of delivered messages with
// none lost; see README.md for what is measured and how.
//
//	cd interop && go run ./bench --quick
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gosig/gosig/interop/bench/load"
	"github.com/gosig/gosig/interop/bench/peer"
	"github.com/gosig/gosig/interop/bench/report"
)

func main() {
	if len(os.Args) == 2 {
		if is, err := runChild(os.Args[1]); is {
			exit(err)
		}
	}
	exit(bench(os.Args[1:], os.Stdout))
}

func exit(err error) {
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case errors.Is(err, errUsage):
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// errUsage: the flags make no sense; package flag has said so.
var errUsage = errors.New("usage")

// options are the command line.
type options struct {
	quick, list    bool
	only           *regexp.Regexp
	systems        []string
	json, markdown string
	profiles       string
	repetitions    int
	window         int
	measure, warm  time.Duration
}

func parse(args []string) (o options, err error) {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.BoolVar(&o.quick, "quick", false, "the most important scenarios only, in less than 50 s; other flags still count")
	fs.BoolVar(&o.list, "list", false, "list scenarios and systems, measure nothing")
	only := fs.String("only", "", "only scenarios whose names match this regular expression")
	systems := fs.String("systems", "", "only these systems, separated by commas; those that are compared in process have no flag")
	fs.StringVar(&o.json, "json", "", "write all samples to this `file`")
	fs.StringVar(&o.markdown, "markdown", "", "write the tables to this `file`; default standard output")
	fs.StringVar(&o.profiles, "profile", "", "write CPU profiles of the first repetition into this `folder`; the rates suffer")
	fs.IntVar(&o.repetitions, "reps", 5, "repetitions of everything")
	fs.DurationVar(&o.measure, "measure", 0, "how long each measurement takes (default 1s, with --quick 150ms)")
	fs.DurationVar(&o.warm, "warm", 0, "how long each warms up before (default 300ms, with --quick 60ms)")
	fs.IntVar(&o.window, "window", load.Queue, "messages under way between publishers and the slowest subscriber, if they are small")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("--only: %w", err)
	}
	if *systems != "" {
		o.systems = strings.Split(*systems, ",")
	}
	long, short := time.Second, 300*time.Millisecond
	if o.quick {
		long, short = 150*time.Millisecond, 60*time.Millisecond
	}
	if o.measure == 0 {
		o.measure = long
	}
	if o.warm == 0 {
		o.warm = short
	}
	o.repetitions, o.window = max(o.repetitions, 1), min(max(o.window, 1), load.Queue)
	return o, nil
}

// chosen applies the flags to the list of scenarios.
func (o options) chosen() []scenario {
	list := scenarios()
	if o.quick {
		list = quickOnes(list)
	}
	var some []scenario
	for _, s := range list {
		if !s.inproc && o.systems != nil {
			s.systems = slices.DeleteFunc(slices.Clone(s.systems), func(name string) bool { return !slices.Contains(o.systems, name) })
		}
		if o.only.MatchString(s.name) && len(s.systems) > 0 && (!s.asked || o.only.String() != "" && !o.quick) {
			some = append(some, s)
		}
	}
	return some
}

func bench(args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	list := o.chosen()
	if o.list {
		for _, s := range list {
			fmt.Fprintf(out, "%s: %s\n", s.name, strings.Join(s.systems, " "))
		}
		return nil
	}
	if len(list) == 0 {
		return errors.New("no scenario is left to measure")
	}
	began := time.Now()
	res, err := o.measureAll(list)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "bench: measuring took %v\n", time.Since(began).Round(100*time.Millisecond))
	res.Compare(comparisons(list))
	if err := o.write(res, list, out); err != nil {
		return err
	}
	if err := res.Failed(); err != nil {
		return fmt.Errorf("some measurements failed:\n%w", err)
	}
	return nil
}

func (o options) measureAll(list []scenario) (*report.Results, error) {
	certificates, err := os.MkdirTemp("", "gosig-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(certificates)
	if err := peer.WriteCertificates(certificates); err != nil {
		return nil, err
	}
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o755); err != nil {
			return nil, err
		}
	}
	r := &runner{
		repetitions: o.repetitions, warm: o.warm, measure: o.measure, inproc: o.measure / 5,
		profiles: o.profiles, window: o.window, certificates: certificates,
		servers: make(map[serverKey]*served), loads: make(map[string]*process),
		results: &report.Results{When: time.Now(), Repetitions: o.repetitions, Machine: thisMachine()},
	}
	r.run(list)
	return r.results, nil
}

// write puts the ratio lines last, where other programs look for them.
func (o options) write(res *report.Results, list []scenario, out io.Writer) error {
	if o.json != "" {
		if err := toFile(o.json, res.JSON); err != nil {
			return err
		}
	}
	markdown := func(w io.Writer) error { return res.Markdown(w, sections(list)) }
	if o.markdown != "" {
		if err := toFile(o.markdown, markdown); err != nil {
			return err
		}
	} else if err := markdown(out); err != nil {
		return err
	}
	fmt.Fprintln(out)
	return res.Lines(out)
}

func toFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

func thisMachine() report.Machine {
	return report.Machine{CPU: cpuName(), CPUs: runtime.NumCPU(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
}

// cpuName is what Linux calls the processor.
func cpuName() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}
