//go:build lossy

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/e2e/child"
)

// TestLossyPath: events through a network that loses packets, with the system's
// own TCP and UDP at both ends, arrive complete and in order. Loss costs time
// only. The router is in one network namespace, the publisher and the subscriber
// are processes in another, so that each event crosses the path twice, and
// emission is held back (P7).
//
// It takes a minute, most of which is waiting:
//
//	go test -tags lossy -parallel 5 -run '^TestLossyPath$' -v ./e2e
func TestLossyPath(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	const (
		events = 10_000
		delay  = 20 * time.Millisecond // each way
	)
	for _, c := range []struct {
		scheme string
		loss   float64 // each way
	}{
		{"tls", 0.05},
		{"quic", 0.05},
		{"dtls", 0.05},
		{"quic", 0.20},
		{"dtls", 0.20},
	} {
		t.Run(fmt.Sprintf("%s with %.0f percent", c.scheme, 100*c.loss), func(t *testing.T) {
			t.Parallel()
			path := newPath(t, c.loss, delay, 1)
			began := time.Now()
			listen, query := pathAddress(t, c.scheme)
			p := start(t, path.router.command(gosig(t), "serve", "--insecure", "--listen", listen), 1)
			sub := path.clients.run(t, nil, "sub", "--wait", "1m", "--connect", p.addrs[0]+query,
				"--sender", "gauge", "--event", "reading", "--count", fmt.Sprint(events), "--timeout", "3m")
			sub.says(t, "subscribed to")
			emit := path.clients.run(t, readings(events), "emit", "--wait", "1m", "--connect", p.addrs[0]+query,
				"--sender", "gauge", "reading", "-")
			emit.succeeds(t)
			sub.succeeds(t)
			requireReadings(t, sub.stdout.String(), events)
			t.Logf("%d events through %s in %v", events, path, time.Since(began).Round(10*time.Millisecond))
			path.requireLoss(t)
		})
	}
}

// pathAddress returns where a router listens at its end of a path, and what a
// client appends to the address that the router says.
func pathAddress(t *testing.T, scheme string) (listen, client string) {
	t.Helper()
	listen = scheme + "://" + routerIP + ":0"
	if scheme == "dtls" {
		keys := filepath.Join(t.TempDir(), "keys.psk")
		require.NoError(t, os.WriteFile(keys, fmt.Appendf(nil, "gauge:%064x\n", 0x5eed), 0o600))
		return listen + "?psk_file=" + keys, "?psk_file=" + keys
	}
	ca := certstest.New(t, "CA")
	return listen + "?" + certstest.Pair(ca.Issue("server", certstest.At(routerIP))), "?ca=" + ca.File
}

// padding makes a reading 128 bytes long, so that the packets that carry them
// all are enough to lose some.
const padding = 100

// reading is the payload of an event.
type reading struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

// readings are n payloads, a line each.
func readings(n int) io.Reader {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	for i := range n {
		_ = out.Encode(reading{i + 1, strings.Repeat("x", padding)}) // a buffer takes everything
	}
	return &b
}

// requireReadings checks what a subscriber has printed: every reading once, in
// order, and nothing else, not even a #lost.
func requireReadings(t *testing.T, printed string, n int) {
	t.Helper()
	type line struct {
		Sender, Event string
		Data          reading
	}
	in, next := json.NewDecoder(strings.NewReader(printed)), 1
	for ; in.More(); next++ {
		var got line
		require.NoError(t, in.Decode(&got))
		want := line{"gauge", "reading", reading{next, strings.Repeat("x", padding)}}
		require.Equal(t, want, got, "line %d", next)
	}
	require.Equal(t, n, next-1, "events")
}

// command is a running gosig that ends by itself.
type command struct {
	cmd            *exec.Cmd
	stdout, stderr child.Output
	ended          chan error // its one result
}

// run starts gosig in a namespace. It is killed with the test if it has not
// ended by then.
func (ns namespace) run(t *testing.T, stdin io.Reader, args ...string) *command {
	t.Helper()
	c := &command{cmd: ns.command(gosig(t), args...), ended: make(chan error, 1)}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = stdin, &c.stdout, &c.stderr
	child.Bind(c.cmd)
	require.NoError(t, c.cmd.Start())
	done := make(chan struct{}) // closed when it has ended
	go func() {
		c.ended <- c.cmd.Wait()
		close(done)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // most have ended
		<-done
	})
	return c
}

// says waits for words on standard error.
func (c *command) says(t *testing.T, words string) {
	t.Helper()
	await(t, fmt.Sprintf("gosig %s to say %q", c.cmd.Args, words), func() bool {
		select {
		case err := <-c.ended:
			t.Fatalf("it has ended: %v\n%s", err, &c.stderr)
		default:
		}
		return strings.Contains(c.stderr.String(), words)
	})
}

// succeeds waits for the end.
func (c *command) succeeds(t *testing.T) {
	t.Helper()
	select {
	case err := <-c.ended:
		require.NoError(t, err, "gosig %s: %s", c.cmd.Args, &c.stderr)
	case <-time.After(lossyPatience):
		t.Fatalf("gosig %s has not ended in %v: %s\nand printed %s", c.cmd.Args, lossyPatience, &c.stderr, tail(c.stdout.String()))
	}
}

// lossyPatience is how long a command may take for all of the events.
const lossyPatience = 3 * time.Minute
