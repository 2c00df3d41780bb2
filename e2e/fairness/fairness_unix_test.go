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
	"strconv"
	"strings"
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
	apart  = flag.Bool("apart", false, "the pair and the router in the real-time class, as if each had a host of its own (Linux; needs the right to)")
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
	pid   int    // of the router
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
	require.NoError(t, routers.start(cmd))
	s.pid = cmd.Process.Pid
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

// during measures beside an attack; "" is none.
func (s *stage) during(name string) (m moment) {
	out := &child.Output{}
	if name != "" {
		stop := s.start(name, out)
		defer stop()
		s.awaitWork(name, out)
	}
	s.pair.events.take()
	s.pair.asked.take()
	start, before := time.Now(), spent(s.pid)
	time.Sleep(*window)
	m.router = float64(spent(s.pid)-before) / float64(time.Since(start))
	m.events, m.requests = s.pair.events.take(), s.pair.asked.take()
	if m.events.n == 0 || m.requests.n == 0 { // else nothing at all would look like no delay
		s.t.Errorf("%q: %d events and %d answers in %v: the honest are held up for longer than was measured", name, m.events.n, m.requests.n, *window)
	}
	m.did = average(strings.Fields(out.String()))
	return m
}

// awaitWork waits until an attacker is at work. It gets what the others leave, so that
// connecting can take it long.
func (s *stage) awaitWork(name string, out *child.Output) {
	if name == spinning || *window < time.Second {
		time.Sleep(time.Second)
		return
	}
	require.Eventually(s.t, func() bool { return average(strings.Fields(out.String())) > 0 },
		time.Minute, 10*time.Millisecond, "%q: the attacker has done nothing", name)
}

// start runs an attack in a process of its own.
func (s *stage) start(name string, out *child.Output) (stop func()) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GOSIG_FAIRNESS_ATTACK="+name, "GOSIG_FAIRNESS_ADDR="+s.addr, "GOSIG_FAIRNESS_TOKEN="+s.token)
	cmd.Stdout = out
	child.Bind(cmd)
	require.NoError(s.t, leftover.start(cmd))
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// average is that of the numbers that an attacker has printed.
func average(printed []string) int {
	sum := 0
	for _, p := range printed {
		n, _ := strconv.Atoi(p)
		sum += n
	}
	return sum / max(len(printed), 1)
}

// moment is what the pair has measured in one window.
type moment struct {
	events, requests quantiles
	did              int     // by the attacker, in a second
	router           float64 // processors that the router has used
}

// figure is what one row of the table is made of: the pair alone, beside a process
// that is busy with itself, and beside the attack, in ms.
type figure struct {
	p50, p99        [3][]float64
	toAlone, toBusy []float64 // the p99 beside the attack, in proportion
	worst           float64
}

// add notes a round. after is the pair alone, once more.
func (f *figure) add(alone, busy, beside, after quantiles) {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for i, q := range []quantiles{alone, busy, beside} {
		f.p50[i], f.p99[i] = append(f.p50[i], ms(q.p50)), append(f.p99[i], ms(q.p99))
	}
	f.toAlone = append(f.toAlone, 2*ms(beside.p99)/(ms(alone.p99)+ms(after.p99)))
	f.toBusy = append(f.toBusy, ms(beside.p99)/ms(busy.p99))
	f.worst = max(f.worst, ms(beside.worst))
}

func (f *figure) print(limits, attack, of string, m moment) {
	fmt.Printf("| %s | %s | %s |", limits, attack, of)
	for _, q := range [][3][]float64{f.p50, f.p99} {
		fmt.Printf(" %.2f | %.2f | %.2f |", median(q[0]), median(q[1]), median(q[2]))
	}
	fmt.Printf(" %.1f | %.1f | %.1f | %.1f | %d |\n", median(f.toAlone), median(f.toBusy), f.worst, m.router, m.did)
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// TestFairness prints how the percentiles of an honest pair's events and requests
// change while another principal attacks the router, and while a process of the same
// priority is busy without talking to it.
func TestFairness(t *testing.T) {
	if *window == 0 { // no measurement, see make fairness: what it needs works, and nothing is lost
		*window, *rounds, *limits = 200*time.Millisecond, 1, "operator"
	}
	if *apart {
		if err := setApart(t); err != nil {
			fmt.Printf("not apart, and with no bound: %v\n", err)
			*bound = 0
		}
	}
	gosig := *ready
	if gosig == "" {
		gosig = filepath.Join(t.TempDir(), "gosig")
		out, err := exec.Command("go", "build", "-o", gosig, "github.com/gosig/gosig/cmd/gosig").CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	fmt.Println("| limits | attack | of | p50 alone | busy | beside it | p99 alone | busy | beside it | times alone | times busy | worst | router's processors | done a second |")
	fmt.Println("|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, l := range strings.Split(*limits, ",") {
		more := ""
		if l == "operator" {
			more = operator
		}
		s := open(t, gosig, more)
		time.Sleep(time.Second)
		for _, a := range attacks {
			if *only == "" || slices.Contains(strings.Split(*only, ","), a.name) {
				s.measure(l, a.name)
			}
		}
		require.Zero(t, s.pair.lost.Load(), "the honest have lost events")
	}
}

// routers is the class that a router is started in.
var routers = others

// setApart has this process, which is the pair, and the router run before all others
// until the test ends.
func setApart(t *testing.T) error {
	restore, err := unthrottle()
	if err != nil {
		return err
	}
	t.Cleanup(restore)
	if err := first.setAll(); err != nil {
		return err
	}
	routers = second
	t.Cleanup(func() {
		routers = others
		_ = others.setAll() // it was
	})
	return nil
}

// measure prints the row of one attack, or fails if it is over the bound.
func (s *stage) measure(limits, attack string) {
	var events, requests figure
	var m moment
	alone := s.during("")
	for range *rounds {
		busy := s.during(spinning)
		m = s.during(attack)
		time.Sleep(time.Second) // until the router has let go of it
		after := s.during("")
		events.add(alone.events, busy.events, m.events, after.events)
		requests.add(alone.requests, busy.requests, m.requests, after.requests)
		alone = after
	}
	events.print(limits, attack, "events", m)
	requests.print(limits, attack, "requests", m)
	for _, f := range []figure{events, requests} {
		if *bound > 0 && median(f.toAlone) > *bound {
			s.t.Errorf("%s, under %s limits: the p99 is %.1f times what it is without, want at most %.1f", attack, limits, median(f.toAlone), *bound)
		}
	}
}
