//go:build unix

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestEdgeReturns has an edge router take its second uplink, since the first does
// not answer, and go to the first when it does: another process of the same signal
// space. A client at the edge loses nothing by that (P9, P12).
func TestEdgeReturns(t *testing.T) {
	t.Parallel()
	central, better := fixedAddress(t), fixedAddress(t)
	serve(t, "--listen", central, "--name", "central")
	edge := serve(t, "--listen", socket(t, "edge"), "--name", "edge", "--uplink", better, "--uplink", central, "--return", "50ms")
	pi, desk := dial(t, "cbor", edge.addrs), dial(t, "cbor", []string{central})
	heard := follow(t, desk, "pi", nil)
	events := &counter{sender: pi.connect(t, "pi", sig.Spec{Events: []sig.Name{"n"}})}
	events.start(t, "cbor", paced, 0)
	await(t, "the desk to hear the pi", func() bool { return heard.told() > 100 })

	serve(t, "--listen", better, "--name", "better", "--uplink", central)
	await(t, "the pi to come back by the better way", func() bool { return heard.count("#connect") == 2 })
	goal := heard.told() + 300
	await(t, "the desk to hear the pi again", func() bool { return heard.told() >= goal })
	heard.complete(t, events.stop(t))
	require.Equal(t, "#connect events #disconnect #connect events", heard.kinds())
	require.Contains(t, edge.stderr.String(), "returning to a better address")
}
