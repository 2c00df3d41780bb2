//go:build unix

package hostile

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/e2e/child"
	"github.com/gosig/gosig/sig"
)

// process is "gosig serve", with a configuration, a policy and an audit log.
type process struct {
	t       testing.TB
	cmd     *exec.Cmd
	out     child.Output
	log     child.Output
	metrics string // its address
	ended   chan struct{}
}

// configuration is what listenHere says in Go.
func (w *world) configuration() string {
	p := w.people
	cert, key := p.ca.Server()
	text := fmt.Sprintf(`
policy = %q
audit = %q
admit_anonymous = true

[log]
level = "error"

[metrics]
listen = "127.0.0.1:0"

[limits]
routes = %d
connections_per_identity = 16384

[[limits_for]]
principals = ["{anonymous}", "few", "device", "uid:%d"]
groups = ["guests"]
senders = %d
events_per_sender = %d
subscriptions = %d
pending_requests = %d
frame = %d
nodes = 4
`, p.file(w.t), filepath.Join(p.dir, "audit.jsonl"), highestRoute, os.Getuid(),
		strangerSenders, strangerEvents, strangerPatterns, strangerPending, strangerFrame)
	for _, scheme := range w.schemes {
		url, more := w.listenURL(scheme), ""
		switch scheme {
		case "tls", "quic":
			url += "?client_auth=verify"
			more = fmt.Sprintf("tls = {cert = %q, key = %q, ca = %q}\n", cert, key, p.ca.File)
		case "wss":
			more = fmt.Sprintf("tls = {cert = %q, key = %q}\n", cert, key)
		case "dtls":
			more = fmt.Sprintf("psk_file = %q\n", p.keys)
		}
		text += fmt.Sprintf("\n[[listen]]\nurl = %q\n%s", url, more)
	}
	return text + "\n[end]\n"
}

// listenApart starts a router as a process of its own.
func (w *world) listenApart() {
	t := w.t
	path := filepath.Join(w.people.dir, "gosig.toml")
	require.NoError(t, os.WriteFile(path, []byte(w.configuration()), 0o600))
	p := &process{t: t, cmd: exec.Command(built(t), "serve", "--config", path), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.log
	child.Bind(p.cmd)
	require.NoError(t, p.cmd.Start())
	go func() { // ends with the process
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.ended })
	listening := regexp.MustCompile(`(?m)^listening (.*)$`)
	w.await("gosig serve to listen", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("gosig serve has ended: %s", &p.log)
		default:
		}
		return len(listening.FindAllString(p.out.String(), -1)) == len(w.schemes)
	})
	for i, m := range listening.FindAllStringSubmatch(p.out.String(), -1) {
		w.addrs[w.schemes[i]] = m[1]
	}
	p.metrics = regexp.MustCompile(`(?m)^metrics (.*)$`).FindStringSubmatch(p.out.String())[1]
	w.hub = p
}

// built is the binary, for this test alone.
func built(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "gosig")
	out, err := exec.Command("go", "build", "-o", path, "github.com/gosig/gosig/cmd/gosig").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// sum adds up the values of a metric.
func (p *process) sum(metric string) (sum float64) {
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(p.metrics)
	if !assert.NoError(p.t, err) {
		return -1
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	assert.NoError(p.t, err)
	for _, m := range regexp.MustCompile(`(?m)^`+metric+`(?:\{.*\})? (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		assert.NoError(p.t, err)
		sum += v
	}
	return sum
}

func (p *process) open() (connections, opening int) {
	return int(p.sum("gosig_connections")), int(p.sum("gosig_handshakes"))
}
func (p *process) failed() uint64 { return uint64(p.sum("gosig_handshakes_failed_total")) }
func (p *process) panics() uint64 { return uint64(p.sum("gosig_panics_total")) }

func (p *process) describe() string {
	return fmt.Sprintf("gosig serve, %v connections, %v failed handshakes, %v of them for want of a proof, %v violations, %v denials, %v limits reached",
		p.sum("gosig_connections_total"), p.sum("gosig_handshakes_failed_total"), p.sum("gosig_auth_failures_total"),
		p.sum("gosig_violations_total"), p.sum("gosig_denials_total"), p.sum("gosig_limit_hits_total"))
}

// end ends it as an operator would, and looks at what it leaves.
func (p *process) end() {
	assert.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		p.t.Error("gosig serve does not end")
		return
	}
	assert.Zero(p.t, p.cmd.ProcessState.ExitCode())
	for _, bad := range []string{"panic", "goroutine ", "DATA RACE"} {
		assert.NotContains(p.t, p.log.String(), bad)
	}
	audit := filepath.Join(filepath.Dir(p.cmd.Args[len(p.cmd.Args)-1]), "audit.jsonl")
	out, err := exec.Command(p.cmd.Path, "audit", "verify", audit).CombinedOutput()
	assert.NoError(p.t, err, "%s", out)
}

// TestServe: "gosig serve" itself, with a configuration and a policy in files, is
// put through the single shots, the forged proofs and a piece of the campaign.
func TestServe(t *testing.T) {
	schemes := slices.DeleteFunc(everywhere(), func(s string) bool { return s == "mem" })
	w := prepareWorld(t, 4, schemes...)
	w.listenApart()
	w.settle()
	for n, scheme := range schemes {
		r := rand.New(rand.NewPCG(*seed, uint64(n)))
		for i := range shots {
			if err := w.fire(scheme, w.people.anybody(n+i), &shots[i], r); err != nil {
				t.Errorf("%s by %s: %v", shots[i].name, scheme, err)
			}
		}
		old := w.overheard(scheme)
		for i := range forgeries {
			s, h, challenge := w.asked(scheme)
			s.write(forgeries[i].bytes(s, h, challenge, old))
			a := s.hear()
			assert.Equal(t, forgeries[i].code, sig.Code(a.code), "%s by %s: %s", forgeries[i].name, scheme, a.reason)
			s.leave()
		}
		for range 3 {
			if _, err := w.harass(scheme, r); err != nil {
				t.Errorf("by %s: %v", scheme, err)
			}
		}
	}
	w.end()
}
