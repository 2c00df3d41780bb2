package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gosig/gosig/e2e/child"
)

// process is a running "gosig serve".
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	addrs  []string // where it listens, in the order of --listen
	stdout child.Output
	stderr child.Output
	ended  chan struct{} // closed when it has
}

// serve starts "gosig serve" and returns when it listens. It is ended in order
// with the test, if it has not been before.
func serve(t testing.TB, args ...string) *process {
	t.Helper()
	listeners := 0
	for _, arg := range args {
		if arg == "--listen" {
			listeners++
		}
	}
	return start(t, exec.Command(gosig(t), append([]string{"serve"}, args...)...), listeners)
}

// start is serve for a command that ends in one of gosig's.
func start(t testing.TB, cmd *exec.Cmd, listeners int) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	for _, key := range []string{"PATH", "HOME", "TMPDIR"} {
		p.cmd.Env = append(p.cmd.Env, key+"="+os.Getenv(key))
	}
	child.Bind(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(p.finish)
	await(t, "gosig serve to listen", func() bool {
		if p.hasEnded() {
			t.Fatalf("gosig serve has ended: %v\n%s", p.cmd.ProcessState, &p.stderr)
		}
		found := regexp.MustCompile(`(?m)^listening (.*)$`).FindAllStringSubmatch(p.stdout.String(), -1)
		p.addrs = p.addrs[:0]
		for _, m := range found {
			p.addrs = append(p.addrs, m[1])
		}
		return len(found) == listeners
	})
	return p
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill is kill -9.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.ended
}

// finish ends the process as an operator would, and looks for what must never
// be in a log.
func (p *process) finish() {
	if p.t.Failed() && !p.hasEnded() { // it may be frozen; its log says more than its end
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	if !p.hasEnded() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // may have ended meanwhile
		select {
		case <-p.ended:
		case <-time.After(patience):
			_ = p.cmd.Process.Kill()
			<-p.ended
			p.t.Errorf("gosig serve did not end in %v after SIGTERM", patience)
		}
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			p.t.Errorf("gosig serve ended with exit code %d, want 0", code)
		}
	}
	log := p.stderr.String()
	for _, bad := range []string{"DATA RACE", "panic", "goroutine "} {
		if strings.Contains(log, bad) {
			p.t.Errorf("the log of gosig serve has %q", bad)
		}
	}
	if p.t.Failed() {
		p.t.Logf("gosig %s wrote:\n%s", strings.Join(p.cmd.Args[1:], " "), tail(log))
	}
}

// tail keeps a log readable.
func tail(log string) string {
	const most = 1500
	if len(log) > most {
		return "..." + log[len(log)-most:]
	}
	return log
}

// logged waits until the process has logged a line that matches.
func (p *process) logged(pattern string) {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	await(p.t, fmt.Sprintf("the log line %q", pattern), func() bool { return re.MatchString(p.stderr.String()) })
}

// fixedAddress returns an address that a process can be started on again: its
// port is none of those that the system gives to outgoing connections.
func fixedAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(18_000))
		if ln, err := net.Listen("tcp", addr); err == nil {
			ln.Close()
			return "tcp://" + addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// socket returns an address of a unix socket, whose path is short enough.
func socket(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return "unix://" + filepath.Join(dir, name+".sock")
}

// configured writes a configuration file, with its last line, and returns the
// arguments for it.
func configured(t testing.TB, toml string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gosig.toml")
	if err := os.WriteFile(path, []byte(toml+"\n[end]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--config", path}
}
