package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// TestKillSerialServer kills the server with SIGKILL in the middle of a stream that
// comes over a serial line, three times. The publisher's port stays open and nothing
// tells it that the server is gone; when the next one speaks it begins anew. The
// story is that of any other carrier (P5, P7, P9).
func TestKillSerialServer(t *testing.T) {
	long(t)
	for _, c := range []struct {
		name string
		emit emission
		held bool
	}{{"paced", paced, false}, {"held back", heldBack, true}} {
		t.Run(c.name, func(t *testing.T) {
			line := linesim.NewLine(&linesim.LineOptions{Baud: 921600, Damage: linesim.Damage{BitErrors: 1e-6}})
			t.Cleanup(func() { require.NoError(t, line.Close()) })
			var ends [2]string
			for e := range ends {
				p, err := linesim.NewPort("")
				require.NoError(t, err)
				line.Attach(linesim.End(e), p)
				ends[e] = "serial://" + p.Path() + "?baud=921600"
			}
			tcp := fixedAddress(t)
			start := func() *process { return serve(t, "--listen", tcp, "--listen", ends[0]) }
			server := start()
			publisher := join(t, "cbor", ends[1:], func(o *router.ClientOptions) {
				o.Carriers = []carrier.Carrier{serial.New(&serial.Options{Logger: silent})}
			})
			require.NoError(t, publisher.router.WaitConnected(patient(t)))
			subscriber := dial(t, "json", []string{tcp})
			heard := follow(t, subscriber, "ticker", nil)
			k := count(t, publisher, "ticker", "cbor", c.emit, 0)
			on := func() {
				t.Helper()
				goal := heard.arrived() + 200
				await(t, "the stream to go on", func() bool { return heard.arrived() >= goal })
			}
			on()
			const kills = 3
			for i := range kills {
				killAmidst(t, server, k, heard, c.held)
				await(t, "#disconnect", func() bool { return heard.count("#disconnect") == i+1 })
				server = start()
				await(t, "#connect", func() bool { return heard.count("#connect") == i+2 })
				on()
			}
			heard.complete(t, k.stop(t))
			life := "( #disconnect #connect( #lost)? events( #lost events)*){%d}"
			require.Regexp(t, "^#connect events"+fmt.Sprintf(life, kills)+"$", heard.kinds(), "the story: %s", heard)
			require.Subset(t, []sig.LossReason{sig.LossConnection}, heard.reasons())
		})
	}
}
