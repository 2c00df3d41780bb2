//go:build unix

package fairness

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/e2e/child"
)

var (
	window = flag.Duration("window", 0, "how long to measure each time; 0: so short that the figures mean nothing")
	rounds = flag.Int("rounds", 3, "how often")
	ready  = flag.String("gosig", "", "the binary to measure; default: it is built")
	only   = flag.String("only", "", "attacks to measure, by commas; default all")
	limits = flag.String("limits", "default,operator", "under which limits")
	bound  = flag.Float64("bound", 0, "fail if a p99 is more than so many times that without the attack; 0: report only")
)

func TestMain(m *testing.M) {
	if name := os.Getenv("GOSIG_FAIRNESS_ATTACK"); name != "" {
		attack(name)
		return
	}
	goleak.VerifyTestMain(m)
}

// policy lets the attacker do everything but speak for others.
const policy = `
[[rule]]
allow = ["emit", "respond"]
principals = ["pair/*"]
sender = "pair/**"
name = "**"
[[rule]]
allow = ["emit", "respond"]
principals = ["mallory"]
sender = "mallory/**"
name = "**"
[[rule]]
allow = ["subscribe", "request"]
principals = ["**"]
sender = "**"
name = "**"
[[rule]]
allow = ["observe"]
principals = ["**"]
sender = "**"
`

// operator is what somebody would allow a principal whom he does not trust.
const operator = `
[[limits_for]]
principals = ["mallory"]
rate = 5000
subscriptions = 64
connections_per_identity = 4
outbound = "256KiB"
pending_requests = 32
`

// stage is a router with an honest pair.
type stage struct {
	t     *testing.T
	dir   string
	addr  string
	token string // file of the attacker's
	pair  *pair
}

// open starts a router under limits.
func open(t *testing.T, gosig, more string) *stage {
	s := &stage{t: t, dir: t.TempDir()}
	s.token = filepath.Join(s.dir, "mallory.token")
	text := policy
	var proofs [2]auth.Credential
	for i, id := range []string{"pair/a", "pair/b", "mallory"} {
		token := auth.NewToken()
		text += fmt.Sprintf("\n[[credential]]\nid = %q\ntoken = %q\nexpires = %s\n", id, token.Hash(), time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		if i < 2 {
			proofs[i] = token
		} else {
			require.NoError(t, auth.WriteSecret(s.token, token.Reveal()))
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "policy.toml"), []byte(text+"\n[end]\n"), 0o600))
	conf := filepath.Join(s.dir, "gosig.toml")
	require.NoError(t, os.WriteFile(conf, []byte("policy = \"policy.toml\"\n[log]\nlevel = \"error\"\n[[listen]]\nurl = \"tcp://127.0.0.1:0\"\n"+more+"\n[end]\n"), 0o600))
	cmd := exec.Command(gosig, "serve", "--config", conf)
	out := &child.Output{}
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	child.Bind(cmd)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	listening := regexp.MustCompile(`(?m)^listening (.*)$`)
	require.Eventually(t, func() bool { return listening.MatchString(out.String()) }, time.Minute, time.Millisecond)
	s.addr = listening.FindStringSubmatch(out.String())[1]
	s.pair = newPair(t, s.addr, proofs)
	t.Cleanup(s.pair.end)
	return s
}

// during measures beside an attack; "" is none. did is what the attacker has done in
// its last second.
func (s *stage) during(name string) (events, requests quantiles, did string) {
	out := &child.Output{}
	if name != "" {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "GOSIG_FAIRNESS_ATTACK="+name, "GOSIG_FAIRNESS_ADDR="+s.addr, "GOSIG_FAIRNESS_TOKEN="+s.token)
		cmd.Stdout = out
		child.Bind(cmd)
		require.NoError(s.t, cmd.Start())
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, 19) // if it may not, the figures are worse
		defer func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}()
		time.Sleep(time.Second)
	}
	s.pair.events.take()
	s.pair.asked.take()
	time.Sleep(*window)
	events, requests = s.pair.events.take(), s.pair.asked.take()
	if events.n == 0 || requests.n == 0 { // else nothing at all would look like no delay
		s.t.Errorf("%q: %d events and %d answers in %v: the honest are held up for longer than was measured", name, events.n, requests.n, *window)
	}
	if all := strings.Fields(out.String()); len(all) > 0 {
		did = all[len(all)-1]
	}
	return events, requests, did
}

// figure is what one row of the table is made of.
type figure struct {
	ratio, alone, beside []float64 // of the p99, in ms
}

// add notes a measurement beside an attack, between two without it.
func (f *figure) add(before, beside, after time.Duration) {
	alone := float64(before+after) / 2 / float64(time.Millisecond)
	with := float64(beside) / float64(time.Millisecond)
	f.alone, f.beside, f.ratio = append(f.alone, alone), append(f.beside, with), append(f.ratio, with/alone)
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// TestFairness prints how the 99th percentile of an honest pair's events and
// requests changes while another principal attacks the router.
func TestFairness(t *testing.T) {
	if *window == 0 { // no measurement, see make fairness: what it needs works, and nothing is lost
		*window, *rounds, *limits = 200*time.Millisecond, 1, "operator"
	}
	gosig := *ready
	if gosig == "" {
		gosig = filepath.Join(t.TempDir(), "gosig")
		out, err := exec.Command("go", "build", "-o", gosig, "github.com/gosig/gosig/cmd/gosig").CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	fmt.Println("| limits | attack | p99 of events alone | beside it | times | p99 of requests alone | beside it | times | worst event | done a second |")
	fmt.Println("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, l := range strings.Split(*limits, ",") {
		more := ""
		if l == "operator" {
			more = operator
		}
		s := open(t, gosig, more)
		time.Sleep(time.Second)
		for _, a := range attacks {
			if *only != "" && !slices.Contains(strings.Split(*only, ","), a.name) {
				continue
			}
			var events, requests figure
			var worst time.Duration
			did := ""
			e0, r0, _ := s.during("")
			for range *rounds {
				e, r, n := s.during(a.name)
				time.Sleep(time.Second) // until the router has let go of it
				e1, r1, _ := s.during("")
				events.add(e0.p99, e.p99, e1.p99)
				requests.add(r0.p99, r.p99, r1.p99)
				worst, did = max(worst, e.worst), n
				e0, r0 = e1, r1
			}
			fmt.Printf("| %s | %s | %.2f ms | %.2f ms | %.1f | %.2f ms | %.2f ms | %.1f | %.1f ms | %s |\n", l, a.name,
				median(events.alone), median(events.beside), median(events.ratio),
				median(requests.alone), median(requests.beside), median(requests.ratio), float64(worst)/float64(time.Millisecond), did)
			for _, f := range []figure{events, requests} {
				if *bound > 0 && median(f.ratio) > *bound {
					t.Errorf("%s, under %s limits: the p99 is %.1f times what it is without, want at most %.1f", a.name, l, median(f.ratio), *bound)
				}
			}
		}
		require.Zero(t, s.pair.lost.Load(), "the honest have lost events")
	}
}
