//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// killAmidst kills a server. Before that it freezes it and, unless the emitter
// waits for room, sees to it that there are events that will be lost.
func killAmidst(t *testing.T, p *process, k *counter, heard *story, held bool) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGSTOP))
	if !held {
		await(t, "events to be on their way", func() bool { return k.emitted.Load() > heard.told()+50 })
	}
	p.kill()
}

// TestKillServer kills the server with SIGKILL in the middle of a stream, three
// times. The user's code does nothing; the story tells of it (P5, P7, P9).
func TestKillServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		servers int // one comes back, or of two the other takes over
		emit    emission
		held    bool
	}{
		{"the same address", 1, paced, false},
		{"the same address, held back", 1, heldBack, true},
		{"fail-over to a second server", 2, paced, false},
		{"fail-over to a second server, held back", 2, heldBack, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var addrs []string
			var servers []*process
			for range c.servers {
				addr := fixedAddress(t)
				addrs = append(addrs, addr)
				servers = append(servers, serve(t, "--listen", addr))
			}
			publisher, subscriber := dial(t, "cbor", addrs), dial(t, "json", addrs)
			heard := follow(t, subscriber, "ticker", nil)
			k := count(t, publisher, "ticker", "cbor", c.emit, 0)
			on := func() {
				t.Helper()
				goal := heard.arrived() + 500
				await(t, "the stream to go on", func() bool { return heard.arrived() >= goal })
			}
			on()
			const kills = 3
			for i := range kills {
				now := i % c.servers
				killAmidst(t, servers[now], k, heard, c.held)
				await(t, "#disconnect", func() bool { return heard.count("#disconnect") == i+1 })
				if c.servers == 1 {
					servers[0] = serve(t, "--listen", addrs[0])
				} else {
					await(t, "#connect", func() bool { return heard.count("#connect") == i+2 })
					servers[now] = serve(t, "--listen", addrs[now])
				}
				await(t, "#connect", func() bool { return heard.count("#connect") == i+2 })
				on()
			}
			heard.complete(t, k.stop(t))
			// A publisher that is back before its subscriber may have been told
			// in between that nobody listens: then there is a second gap.
			life := "( #disconnect #connect( #lost events)+){%d}"
			if c.held { // perhaps the subscriber had everything
				life = "( #disconnect #connect( #lost)? events( #lost events)*){%d}"
			}
			require.Regexp(t, "^#connect events"+fmt.Sprintf(life, kills)+"$", heard.kinds(), "the story: %s", heard)
			require.Subset(t, []sig.LossReason{sig.LossConnection}, heard.reasons())
			require.Empty(t, subscriber.warnings.all())
			require.Equal(t, kills, strings.Count(heard.String(), "#disconnect connection lost: node "), "the story: %s", heard)
		})
	}
}

// TestFrozenServer stops the server's process: it answers no pings, and its
// connections stay open. Clients notice by themselves, and come back once it
// goes on (P5, P9).
func TestFrozenServer(t *testing.T) {
	t.Parallel()
	p := serve(t, "--listen", "tcp://127.0.0.1:0")
	limits := func(o *router.ClientOptions) {
		o.Limits.Keepalive, o.Limits.Dead, o.Limits.Handshake = quick, 8*quick, 8*quick
	}
	publisher := join(t, "cbor", p.addrs, limits)
	subscriber := join(t, "cbor", p.addrs, limits)
	require.NoError(t, publisher.router.WaitConnected(patient(t)))
	require.NoError(t, subscriber.router.WaitConnected(patient(t)))
	heard := follow(t, subscriber, "ticker", nil)
	k := count(t, publisher, "ticker", "cbor", paced, 0)
	await(t, "the stream", func() bool { return heard.told() > 500 })
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGSTOP))
	for _, c := range []*client{publisher, subscriber} {
		await(t, "the client to notice", func() bool {
			return slices.ContainsFunc(c.failures(), func(err error) bool {
				return errors.Is(err, sig.ErrConnectionLost) && strings.Contains(err.Error(), "has been silent for")
			})
		})
	}
	await(t, "#disconnect", func() bool { return heard.count("#disconnect") == 1 })
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGCONT))
	require.NoError(t, publisher.router.WaitConnected(patient(t)))
	require.NoError(t, subscriber.router.WaitConnected(patient(t)))
	goal := k.emitted.Load() + 500
	await(t, "the stream to go on", func() bool { return heard.told() >= goal })
	heard.complete(t, k.stop(t))
	require.Empty(t, k.sender.Err(), "the name stays with its owner")
}
