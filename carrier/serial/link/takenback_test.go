package link_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/link"
)

// TestTakenBack: a peer that says it has a frame, and then that it expects this one,
// gets it again when the timer runs out, and nothing more once it has acknowledged it.
func TestTakenBack(t *testing.T) {
	m := opened(t, link.Options{Baud: baud})
	_, in := m.SIDs()
	now := time.Duration(0)
	sent := func(until time.Duration) (seqs []byte) { // of DATA
		for ; now < until; now += time.Millisecond {
			for p := m.Output(now, nil); len(p) > 0; p = m.Output(now, nil) {
				if f, ok := link.ParseFrame(p[1 : len(p)-1]); ok && f.Kind == 4 {
					seqs = append(seqs, f.Seq)
				}
			}
		}
		return seqs
	}
	say := func(f link.Frame) {
		f.SID, f.Credit = in, 8
		m.Input(now, link.AppendFrame(nil, f))
	}
	for range 2 {
		require.NoError(t, m.Send(make([]byte, 244))) // a frame each
	}
	require.Equal(t, []byte{0, 1}, sent(60*time.Millisecond))
	say(link.Frame{Kind: 5, Gaps: true, Bitmap: 1}) // 0 is missing, 1 is there
	require.Equal(t, []byte{0}, sent(now+30*time.Millisecond))
	say(link.Frame{Kind: 5, Ack: 1}) // 0 is there, and 1 is expected
	expires := m.Deadline(now)
	require.Empty(t, sent(expires-time.Millisecond))
	require.NoError(t, m.SendDatagram(make([]byte, 246)))
	require.Empty(t, sent(now+10*time.Millisecond), "the line is busy as the time runs out")
	say(link.Frame{Kind: 5, Ack: 2})
	assert.True(t, m.Idle())
	assert.Empty(t, sent(now+500*time.Millisecond), "there is nothing to be sent")
}
