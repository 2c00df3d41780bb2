package probe

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/carrier/serial/link"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// layLine returns the addresses of the ports at both ends of a line.
func layLine(t *testing.T) (line *linesim.Line, a, b string) {
	line = linesim.NewLine(&linesim.LineOptions{Baud: 115200, Strict: true})
	t.Cleanup(func() { require.NoError(t, line.Close()) })
	var addrs [2]string
	for end := range addrs {
		p, err := linesim.NewPort("")
		require.NoError(t, err)
		line.Attach(linesim.End(end), p)
		addrs[end] = "serial://" + p.Path()
	}
	return line, addrs[0], addrs[1]
}

func overSerial() []carrier.Carrier {
	return []carrier.Carrier{serial.New(&serial.Options{Logger: quiet, AnyPeer: true})}
}

// A device that looks for a router is told apart from one, and connects to a
// router when there is one, whatever a probe has done before.
func TestDevice(t *testing.T) {
	_, a, b := layLine(t)
	reg := sig.New(nil)
	defer reg.Close()
	cl, err := router.NewClientRouter(reg, []string{b}, &router.ClientOptions{
		Carriers: []carrier.Carrier{serial.New(&serial.Options{Logger: quiet})}, Codecs: []codec.Codec{cbor.New()}, Name: "pump", Logger: quiet,
		MinBackoff: 10 * time.Millisecond, MaxBackoff: 50 * time.Millisecond,
	})
	require.NoError(t, err)
	defer cl.Close()
	for range 2 {
		report := probed(t, a, overSerial())
		require.NoError(t, report.Err)
		var steps []string
		for _, s := range report.Steps {
			steps = append(steps, s.Step)
		}
		require.Equal(t, []string{Resolve, Connect, Link, Secure, Hello, Goodbye}, steps)
		assert.Equal(t, "client", report.Steps[2].Link.Peer)
		caller := report.Steps[4].Caller
		assert.Equal(t, "pump", caller.Name)
		assert.Equal(t, []string{"cbor"}, caller.Codecs)
		assert.Contains(t, report.Steps[4].Text(), `"pump" calls`)
	}
	listen(t, overSerial()[0], a)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, cl.WaitConnected(ctx))
}

// The share of damaged frames that a probe tells of is that of the line.
func TestDamageIsCounted(t *testing.T) {
	line, a, b := layLine(t)
	listen(t, overSerial()[0], a)
	report := probed(t, b, overSerial())
	require.NoError(t, report.Err)
	assert.Zero(t, report.Steps[2].Link.Damaged)
	assert.Empty(t, report.Warnings)

	line.SetToward(linesim.B, linesim.Damage{BitErrors: 1e-3})
	report = Run(t.Context(), b, &Options{Carriers: overSerial(), Codecs: []string{"cbor"}, Pings: 10, Timeout: 20 * time.Second})
	require.NoError(t, report.Err)
	l := report.Steps[2].Link
	require.Greater(t, l.Asked, 40)
	// 11 bytes of 8 bits: 8.4 % of the frames, and 87 % of the longest ones.
	assert.InDelta(t, 0.084, float64(l.Damaged)/float64(l.Damaged+l.Frames), 0.08)
	assert.Greater(t, l.FullDamaged, 10.)
	assert.Less(t, l.Answered, l.Asked)
	assert.Contains(t, report.Warnings[0], "the line is noisy")
}

func TestCount(t *testing.T) {
	l := Linked{MTU: 246}
	l.count(link.Stats{}, link.Stats{})
	assert.Zero(t, l.FullDamaged, "nothing came")
	l.count(link.Stats{BytesIn: 50, FramesIn: 2, Damaged: 1}, link.Stats{BytesIn: 257*10 + 50, FramesIn: 7, Damaged: 6})
	assert.EqualValues(t, 5, l.Frames)
	assert.EqualValues(t, 5, l.Damaged)
	assert.InDelta(t, 50, l.FullDamaged, 0.1)
}

// TestGoodbyeIsLost: a router that begins its next session has ended this one.
func TestGoodbyeIsLost(t *testing.T) {
	for err, fine := range map[error]bool{
		fmt.Errorf("the session ended: %w", serial.ErrRestarted): true,
		errors.New("the peer is silent"):                         false,
	} {
		r := &run{line: &line{conn: &endedConn{err: err}}}
		got := r.goodbye(t.Context(), nil)
		assert.Equal(t, fine, got == nil, "%v: %v", err, got)
	}
}

// endedConn takes everything, and has ended.
type endedConn struct {
	carrier.Conn
	err error
}

func (c *endedConn) Send(context.Context, ...[]byte) error           { return nil }
func (c *endedConn) Receive(context.Context, []byte) ([]byte, error) { return nil, c.err }
