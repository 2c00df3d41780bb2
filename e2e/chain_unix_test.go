//go:build unix

package e2e

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// station is a client at one router of a chain: it counts, answers, and follows
// the others.
type station struct {
	*client
	name    sig.Name
	counter *counter
	heard   map[sig.Name]*story
}

// crossRequests has everybody ask everybody else.
func crossRequests(t *testing.T, all []*station) {
	t.Helper()
	for _, s := range all {
		for _, other := range all {
			if other == s {
				continue
			}
			s.knows(t, other.name)
			question := fmt.Sprintf("%s to %s", s.name, other.name)
			answer, err := sig.Call[string](patient(t), s.Registry, other.name, "ask", question)
			require.NoError(t, err, question)
			require.Equal(t, string(other.name)+" heard "+question, answer)
		}
	}
}

// getOn waits until everybody has heard more of everybody else.
func getOn(t *testing.T, all []*station) {
	t.Helper()
	for _, s := range all {
		for name, heard := range s.heard {
			goal := heard.told() + 300
			await(t, fmt.Sprintf("%s to hear %s", s.name, name), func() bool { return heard.told() >= goal })
		}
	}
}

// TestThreeRouters runs three routers in a row, each a process, with a client at
// each. The middle one is killed and comes back (P12).
func TestThreeRouters(t *testing.T) {
	t.Parallel()
	central, middle := fixedAddress(t), fixedAddress(t)
	serve(t, "--listen", central, "--name", "central")
	startMiddle := func() *process { return serve(t, "--listen", middle, "--uplink", central, "--name", "middle") }
	between := startMiddle()
	edge := serve(t, "--listen", socket(t, "edge"), "--uplink", middle, "--name", "edge").addrs[0]

	var all []*station
	for i, addr := range []string{central, middle, edge} {
		s := &station{name: sig.Name(fmt.Sprintf("station/%d", i)), heard: map[sig.Name]*story{}}
		s.client = dial(t, "cbor", []string{addr})
		all = append(all, s)
	}
	for _, s := range all {
		for _, other := range all {
			if other != s {
				s.heard[other.name] = follow(t, s.client, other.name, nil)
			}
		}
	}
	for _, s := range all {
		s.counter = &counter{}
		s.counter.sender = s.connect(t, s.name, sig.Spec{
			Events: []sig.Name{"n"},
			Requests: map[sig.Name]sig.RequestHandler{
				"ask": sig.Handle(func(_ context.Context, q string) (string, error) { return string(s.name) + " heard " + q, nil }),
			},
		})
		s.counter.start(t, "cbor", paced, 0)
	}
	crossRequests(t, all)
	getOn(t, all)

	require.NoError(t, between.cmd.Process.Signal(syscall.SIGSTOP))
	await(t, "events to be on their way", func() bool {
		return all[0].counter.emitted.Load() > all[2].heard[all[0].name].told()+50
	})
	between.kill()
	for _, s := range all {
		for name, heard := range s.heard {
			await(t, fmt.Sprintf("%s to hear that %s is gone", s.name, name), func() bool { return heard.count("#disconnect") == 1 })
		}
	}
	startMiddle()
	crossRequests(t, all)
	getOn(t, all)

	require.Contains(t, all[2].heard[all[0].name].String(), `#disconnect connection lost: node "middle"`)
	require.Contains(t, all[0].heard[all[2].name].String(), `#disconnect connection lost: node "middle"`)
	for _, s := range all {
		n := s.counter.stop(t)
		for _, other := range all {
			if heard := other.heard[s.name]; heard != nil {
				heard.complete(t, n)
				require.Regexp(t, `^#connect events #disconnect #connect( #lost)? events( #lost events)*$`, heard.kinds(),
					"%s of %s: %s", other.name, s.name, heard)
			}
		}
	}
	require.Equal(t, 1, all[2].heard[all[0].name].count("#lost"), "the story: %s", all[2].heard[all[0].name])
}
