package ctest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// sizes are the smallest that gosig.h allows, and the largest.
var sizes = map[string][]string{
	"smallest": {
		"-DGOSIG_MTU=32", "-DGOSIG_RX_WINDOW=1", "-DGOSIG_TX_WINDOW=1", "-DGOSIG_TX_BUFFER=352", "-DGOSIG_MAX_FRAME=512",
		"-DGOSIG_MAX_ROUTES=1", "-DGOSIG_NAME_SIZE=8", "-DGOSIG_MAX_ASKED=1",
	},
	"largest": {
		"-DGOSIG_MTU=1024", "-DGOSIG_RX_WINDOW=8", "-DGOSIG_TX_WINDOW=16", "-DGOSIG_TX_BUFFER=32768", "-DGOSIG_MAX_FRAME=32768",
		"-DGOSIG_MAX_ROUTES=255", "-DGOSIG_NAME_SIZE=256", "-DGOSIG_MAX_ASKED=255",
	},
}

// TestSizes: with either the device hears, emits and answers over a line that damages
// one bit in 10,000, and loses nothing.
func TestSizes(t *testing.T) {
	for name, flags := range sizes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, linesim.LineOptions{Baud: 115200, Damage: linesim.Damage{BitErrors: 1e-4}, Seed: 5}, router.Limits{})
			hall, err := h.reg.Connect("hall", sig.Spec{Events: []sig.Name{"bell"}})
			require.NoError(t, err)
			temps := h.record("kitchen", "temp")
			d := startProgram(t, deviceProgram(t, flags...), h.far.Path(), "cbor")
			d.do(0, "connect kitchen temp echo")
			d.do(0, "subscribe hall bell")
			d.expect(online)
			payload := "78c8" + strings.Repeat("61", 200) // a text of 200 bytes
			for i := range 20 {
				require.NoError(t, hall.Emit("bell", strings.Repeat("b", 300)))
				assert.Equal(t, fmt.Sprintf("event hall bell %d 79012c%s", i+1, strings.Repeat("62", 300)), d.expect("event"))
				for code := "= 7"; code == "= 7"; { // busy
					d.tell("emit kitchen 0 %s", payload)
					code = d.expect("= ")
				}
				assert.Equal(t, "temp "+strings.Repeat("a", 200), temps.next(t))
				got, err := sig.Call[string](patient(t), h.reg, "kitchen", "echo", strings.Repeat("c", 200))
				require.NoError(t, err)
				assert.Equal(t, strings.Repeat("c", 200), got)
			}
			assert.Empty(t, d.all("lost"))
			assert.Len(t, d.all(online), 1, "one connection")
		})
	}
}
