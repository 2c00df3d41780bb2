package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// deadline is how long a script waits for anything: long enough for a loaded
// machine, short enough to see what hangs.
const deadline = 120 * time.Second

type processesKey struct{}

// processes are those a script has started.
type processes struct{ byName map[string]*process }

type process struct {
	cmd    *exec.Cmd
	stdout watched
	stderr watched
	ended  chan struct{} // closed when it has ended
	err    error         // valid then
}

// watched keeps what is written and wakes who waits for a line.
type watched struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed and replaced with each write
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
	return len(p), nil
}

// find looks for a whole line that matches; otherwise it returns a channel
// that is closed when there is more text.
func (w *watched) find(re *regexp.Regexp) ([]string, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.text.String()
	if m := re.FindStringSubmatch(text[:strings.LastIndexByte(text, '\n')+1]); m != nil {
		return m, nil
	}
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return nil, w.changed
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func of(ts *testscript.TestScript, name string) *process {
	p := ts.Value(processesKey{}).(*processes).byName[name]
	if p == nil {
		ts.Fatalf("nothing has been started as %q", name)
	}
	return p
}

func usage(ts *testscript.TestScript, neg, ok bool, how string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", how)
	}
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2, "start NAME PROGRAM ARGS...")
	all := ts.Value(processesKey{}).(*processes).byName
	name := args[0]
	if all[name] != nil {
		ts.Fatalf("%s has been started already", name)
	}
	// The script's PATH, not the test's, has the program.
	path := ""
	for _, dir := range strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		if found, err := exec.LookPath(dir + string(os.PathSeparator) + args[1]); err == nil {
			path = found
			break
		}
	}
	p := &process{cmd: exec.Command(path, args[2:]...), ended: make(chan struct{})}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	for _, key := range []string{"PATH", "HOME", "TMPDIR", "WORK", "GOSIG_NAME", "GOSIG_CONNECT", "GOSIG_LISTEN", "GOCOVERDIR"} {
		if v := ts.Getenv(key); v != "" {
			p.cmd.Env = append(p.cmd.Env, key+"="+v)
		}
	}
	ts.Check(p.cmd.Start())
	all[name] = p
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	ts.Defer(func() {
		_ = p.cmd.Process.Kill() // most have ended by themselves
		<-p.ended
		ts.Logf("%s stdout:\n%.2000s", name, &p.stdout)
		ts.Logf("%s stderr:\n%.2000s", name, &p.stderr)
	})
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "await NAME stdout|stderr RE")
	p := of(ts, args[0])
	out := map[string]*watched{"stdout": &p.stdout, "stderr": &p.stderr}[args[1]]
	re, err := regexp.Compile("(?m)" + args[2])
	ts.Check(err)
	over := time.After(deadline)
	for {
		m, changed := out.find(re)
		if m != nil {
			for i, group := range m[1:] {
				ts.Setenv(fmt.Sprintf("%s_%d", args[0], i+1), group)
			}
			return
		}
		select {
		case <-changed:
		case <-p.ended:
			if m, _ := out.find(re); m == nil {
				ts.Fatalf("%s has ended (%v) without writing %q to its %s", args[0], p.err, args[2], args[1])
			}
		case <-over:
			ts.Fatalf("%s has not written %q to its %s in %v", args[0], args[2], args[1], deadline)
		}
	}
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "signal NAME TERM|INT|KILL|HUP")
	s, ok := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt, "KILL": os.Kill, "HUP": syscall.SIGHUP}[args[1]]
	if !ok {
		ts.Fatalf("no signal %q", args[1])
	}
	ts.Check(of(ts, args[0]).cmd.Process.Signal(s))
}

func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "ended NAME CODE")
	p := of(ts, args[0])
	select {
	case <-p.ended:
	case <-time.After(deadline):
		ts.Fatalf("%s has not ended in %v", args[0], deadline)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".stdout"), []byte(p.stdout.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".stderr"), []byte(p.stderr.String()), 0o600))
	if got := strconv.Itoa(p.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s ended with exit code %s, want %s", args[0], got, args[1])
	}
}

func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2, "code N PROGRAM ARGS...")
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "lines N FILE")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i+1)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o600))
}
