package ctest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// step is what happened at one end of a line.
type step struct {
	At     int64 `json:"at_ns"`
	End    string
	Does   string
	Hex    string
	Note   string
	Nonce  string
	Event  string
	Reason int
	Set    struct{ MTU, Window, MaxMessage, Role, Version int }
	Agreed *struct{ MTU, Window, MaxMessage int }
}

var eventNumbers = map[string]int{"opened": 1, "lost": 2, "refused": 3}

// TestTranscripts plays either end of a line, byte for byte.
func TestTranscripts(t *testing.T) {
	for name, ends := range map[string]string{"open": "ab", "version": "b", "reboot": "ab", "lost": "ab"} {
		for _, end := range ends { // the other end of "version" speaks another one
			t.Run(name+" "+string(end), func(t *testing.T) {
				t.Parallel()
				var file struct{ Steps []step }
				linkVectors(t, "transcript-"+name+".json", &file)
				play(t, file.Steps, string(end))
			})
		}
	}
}

func play(t *testing.T, steps []step, end string) {
	var x *tool
	played := 0
	for i, s := range steps {
		if s.End != end {
			continue
		}
		if s.Does == "boot" && x == nil {
			x = newTool(t, fmt.Sprintf("-DGOSIG_MTU=%d", s.Set.MTU), fmt.Sprintf("-DGOSIG_RX_WINDOW=%d", s.Set.Window), "-DGOSIG_TX_WINDOW=4",
				fmt.Sprintf("-DGOSIG_MAX_FRAME=%d", s.Set.MaxMessage), "-DGOSIG_ROLE=0", "-DGOSIG_TX_BUFFER=1024")
		}
		got, want := "", ""
		switch s.Does {
		case "boot":
			got, want = x.ask("boot %d %s", s.At, s.Nonce), "ok"
		case "input", "send":
			got, want = x.ask("%s %d %s", s.Does, s.At, s.Hex), "ok"
		case "event":
			got, want = x.ask("event %d", s.At), fmt.Sprint(eventNumbers[s.Event], s.Reason)
			if s.Agreed != nil {
				want += fmt.Sprintf(" %d %d %d", s.Agreed.MTU, s.Agreed.Window, s.Agreed.MaxMessage)
			}
		default:
			got, want = x.ask("%s %d", s.Does, s.At), s.Hex
		}
		require.Equal(t, want, got, "step %d, %s at %d ns: %s", i, s.Does, s.At, s.Note)
		played++
	}
	assert.Greater(t, played, 4)
}
