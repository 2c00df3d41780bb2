package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// node runs a program of interop/node.
func node(t *testing.T, program string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no Node.js: install version 20 or later (Debian: apt-get install nodejs)")
	}
	cmd := exec.CommandContext(patient(t), path, append([]string{filepath.Join("..", "interop", "node", program)}, args...)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", cmd, out)
	return string(out)
}

// TestNodeVectors: an implementation that was written from docs/protocol.md
// agrees with every test vector.
func TestNodeVectors(t *testing.T) {
	t.Parallel()
	assert.Contains(t, node(t, "vectors.mjs", filepath.Join("..", "wire", "testdata", "vectors")), " malformed, ")
}

// TestNodeExchange: a client in JavaScript and one in Go hear and answer each
// other over "gosig serve", the one by WebSocket, the other by TCP.
func TestNodeExchange(t *testing.T) {
	t.Parallel()
	p := serve(t, "--listen", "ws://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0")
	d := &desk{client: dial(t, "cbor", p.addrs[1:]), pages: make(chan string, 10)}
	for _, event := range []sig.Name{sig.EventConnect, sig.EventDisconnect} {
		sub, err := sig.Subscribe(d.client.Registry, "page", event, func(sig.Event) { d.pages <- string(event) }, nil)
		require.NoError(t, err)
		require.NoError(t, sub.InForce(patient(t)))
	}
	ctx, stop := context.WithCancel(patient(t))
	ended := make(chan error, 1) // what ended the Go side
	go func() { ended <- d.serve(ctx) }()
	out := node(t, "exchange.mjs", p.addrs[0])
	stop()
	require.NoError(t, <-ended)
	for _, step := range []string{"a foreign origin is refused", "own: 100 events each way", "own: asked", "own: goodbye"} {
		assert.Contains(t, out, step)
	}
	assert.Equal(t, strings.Count(out, "goodbye"), d.rounds)
}

// desk is the Go side of the exchange.
type desk struct {
	client *client
	pages  chan string // #connect and #disconnect of "page"; room for more than there are
	rounds int
}

// serve goes through one round for each page that connects, until ctx ends.
func (d *desk) serve(ctx context.Context) error {
	for {
		if err := d.page(ctx, "#connect"); err != nil {
			return nil // the JavaScript side is done
		}
		if err := d.round(ctx); err != nil {
			return fmt.Errorf("round %d: %w", d.rounds+1, err)
		}
		d.rounds++
	}
}

func (d *desk) page(ctx context.Context, want string) error {
	select {
	case got := <-d.pages:
		if got != want {
			return fmt.Errorf("page: %s, want %s", got, want)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// round answers each click with a note, then asks in its turn.
func (d *desk) round(ctx context.Context) error {
	asked := make(chan struct{}) // closed when "add" has been answered
	s, err := d.client.Connect("desk", sig.Spec{Events: []sig.Name{"note"}, Requests: map[sig.Name]sig.RequestHandler{
		"add": sig.Handle(func(_ context.Context, n [2]int) (int, error) { defer close(asked); return n[0] + n[1], nil }),
	}})
	if err != nil {
		return err
	}
	clicked, err := sig.Subscribe(d.client.Registry, "page", "clicked", func(ev sig.EventOf[struct{ N int }]) {
		_ = s.Emit("note", fmt.Sprintf("note %d", ev.Data.N)) // what is missing, the page misses
	}, nil)
	if err != nil {
		return err
	}
	defer clicked.Unsubscribe()
	select {
	case <-asked:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := d.ask(ctx); err != nil {
		return err
	}
	if err := s.Disconnect("done"); err != nil {
		return err
	}
	return d.page(ctx, "#disconnect")
}

func (d *desk) ask(ctx context.Context) error {
	if n, err := sig.Call[int](ctx, d.client.Registry, "page", "double", 21); err != nil || n != 42 {
		return fmt.Errorf("double of 21: %d, %w", n, err)
	}
	for _, size := range []int{125, 126, 65535, 65536, 300_000} { // around the lengths of WebSocket frames
		text, err := sig.Call[string](ctx, d.client.Registry, "page", "large", size)
		if err != nil || len(text) != size {
			return fmt.Errorf("%d bytes: %d, %w", size, len(text), err)
		}
	}
	if _, err := d.client.Request(ctx, "page", "halve", 1); !errors.Is(err, sig.ErrNoMethod) {
		return fmt.Errorf("a method that is not there: %w", err)
	}
	return nil
}
