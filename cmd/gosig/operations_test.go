package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// docAddress is where the page has its router.
const docAddress = "127.0.0.1:7466"

// pageStep finds what the test has to do on a page: a comment, and the block under
// it if it has one.
//
//	<!-- shell NAME -->                           run its commands
//	<!-- shell NAME, in the background: AS -->    the same, but the last goes on as AS
//	<!-- later: AS -->                            wait until AS has written this
//	<!-- file NAME -->                            write this
//	<!-- signal AS TERM -->                       send a signal
var pageStep = regexp.MustCompile("(?ms)^<!-- (shell|later:|file|signal) ([^\n]*?) -->\n(?:```\\w+\n(.*?)```\n)?")

// page is a page that is being run.
type page struct {
	t       *testing.T
	dir     string
	address string              // in place of docAddress
	env     map[string][]string // by shell
	running map[string]*process
}

// TestOperationsPage runs docs/operations.md: each command, and what it prints.
func TestOperationsPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	p := &page{t: t, dir: t.TempDir(), address: freeAddress(t), env: map[string][]string{}, running: map[string]*process{}}
	t.Cleanup(p.end)
	blocks := strings.Count(string(text), "\n```\n") // closing ones
	steps := pageStep.FindAllStringSubmatch(string(text), -1)
	run := 0
	for _, s := range steps {
		what, rest, body := s[1], s[2], strings.ReplaceAll(s[3], docAddress, p.address)
		if s[3] != "" {
			run++
		}
		switch what {
		case "file":
			require.NoError(t, os.WriteFile(filepath.Join(p.dir, rest), []byte(body), 0o600))
		case "shell":
			shell, as, _ := strings.Cut(rest, ", in the background: ")
			p.shell(shell, as, body)
		case "later:":
			p.await(rest, lines(body))
		case "signal":
			name, _, _ := strings.Cut(rest, " ")
			require.NoError(t, p.running[name].cmd.Process.Signal(syscall.SIGTERM))
		}
	}
	require.Equal(t, blocks, run, "every block of the page is run")
	require.Greater(t, run, 15)
	<-p.running["router"].ended
	require.NoError(t, p.running["router"].err, "the router ends with 0")
	<-p.running["sub"].ended
	require.Equal(t, 3, p.running["sub"].cmd.ProcessState.ExitCode(), "denied is 3")
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (p *page) end() {
	for name, r := range p.running {
		_ = r.cmd.Process.Kill() // most have ended by themselves
		<-r.ended
		p.t.Logf("%s:\n%.5000s%.5000s", name, &r.stdout, &r.stderr)
	}
}

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

// shell runs the commands of a block one after the other.
func (p *page) shell(name, as, body string) {
	commands := regexp.MustCompile(`(?m)^\$ `).Split(strings.ReplaceAll(body, "\\\n", ""), -1)[1:]
	for i, c := range commands {
		line, output, _ := strings.Cut(c, "\n")
		if assignments, ok := strings.CutPrefix(line, "export "); ok {
			p.env[name] = append(p.env[name], strings.Fields(assignments)...)
			continue
		}
		if as != "" && i == len(commands)-1 {
			p.start(name, as, line)
			p.await(as, lines(output))
			continue
		}
		p.compare(line, p.run(name, line), lines(output))
	}
}

func (p *page) command(ctx context.Context, shell, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+line)
	if strings.Contains(line, ">") {
		cmd = exec.CommandContext(ctx, "sh", "-c", line)
	}
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "GOSIG_NAME=tester")
	cmd.Env = append(cmd.Env, p.env[shell]...)
	return cmd
}

// run runs a command to its end and returns what it printed.
func (p *page) run(shell, line string) string {
	ctx, cancel := context.WithTimeout(p.t.Context(), deadline)
	defer cancel()
	out, err := p.command(ctx, shell, line).CombinedOutput()
	if ctx.Err() != nil {
		p.t.Fatalf("%s has not ended: %v\n%s", line, err, out)
	}
	want := 0
	switch text := string(out); {
	case strings.Contains(text, "gosig: denied:"), strings.Contains(text, ": denied: "):
		want = 3
	case strings.Contains(text, "other machines can reach it"):
		want = 2
	case strings.HasPrefix(text, "gosig: policy.toml:"), strings.HasPrefix(text, "gosig: changed.jsonl:"):
		want = 1
	}
	code := 0
	if err != nil {
		exit, ok := err.(*exec.ExitError)
		require.True(p.t, ok, "%s: %v", line, err)
		code = exit.ExitCode()
	}
	require.Equal(p.t, want, code, "exit code of %s:\n%s", line, out)
	return string(out)
}

// start runs a command in the background.
func (p *page) start(shell, as, line string) {
	r := &process{cmd: p.command(context.Background(), shell, line), ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	require.NoError(p.t, r.cmd.Start())
	p.running[as] = r
	go func() { // ends with the process
		r.err = r.cmd.Wait()
		close(r.ended)
	}()
}

// await waits until a process has written these lines, in this order, to either of
// its outputs.
func (p *page) await(as string, want []string) {
	r := p.running[as]
	require.NotNil(p.t, r, "nothing runs as %q", as)
	over := time.Now().Add(deadline)
	for !matches(r.stdout.String()+r.stderr.String(), want) {
		if time.Now().After(over) {
			p.t.Fatalf("%s has not written:\n%s\nbut:\n%s%s", as, strings.Join(want, "\n"), &r.stdout, &r.stderr)
		}
		time.Sleep(10 * time.Millisecond) // nobody tells when a process writes to either
	}
}

// compare fails if a command has printed something else than the page says. Notices,
// which begin with "gosig: ", may be left out if none is shown.
func (p *page) compare(command, got string, want []string) {
	if !strings.Contains(strings.Join(want, "\n"), "gosig: ") {
		got = regexp.MustCompile(`(?m)^gosig: [^\n]*\n`).ReplaceAllString(got, "")
	}
	pattern := "(?s)^"
	for _, line := range want {
		switch line {
		case "...":
			pattern += `(?:[^\n]*\n)*?`
		case "":
		default:
			pattern += strings.ReplaceAll(regexp.QuoteMeta(line), regexp.QuoteMeta("..."), `[^\n]*`) + ` *\n`
		}
	}
	if !regexp.MustCompile(pattern + "$").MatchString(got) {
		p.t.Fatalf("$ %s\nhas printed:\n%s\nand the page says:\n%s", command, got, strings.Join(want, "\n"))
	}
}

// matches reports whether the lines are among those of the text, in this order.
// "..." stands for anything in a line.
func matches(text string, want []string) bool {
	pattern := "(?ms)"
	for _, line := range want {
		quoted := strings.ReplaceAll(regexp.QuoteMeta(line), regexp.QuoteMeta("..."), `[^\n]*`)
		pattern += fmt.Sprintf(`.*?^%s *$`, quoted)
	}
	return regexp.MustCompile(pattern).MatchString(text)
}
