package serial_test

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
)

// TestUnread: what has been acknowledged is received, also by one that reads late, after
// the session has ended in whatever way.
func TestUnread(t *testing.T) {
	for _, row := range []struct {
		name string
		ends func(d *desk, from carrier.Conn)
		says string // "": the end of a conn that was closed
	}{
		{"closed", func(_ *desk, from carrier.Conn) { from.Close() }, ""},
		{"silent", func(d *desk, _ carrier.Conn) { d.unplug(devicePort) }, "the peer is silent"},
		{"unplugged", func(d *desk, _ carrier.Conn) { d.unplug(hubPort) }, "the port is gone"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := oneCable()
				c := d.carrier(serial.Options{})
				ln := listen(t, c, "serial://"+hubPort)
				a := dial(t, c, "serial://"+devicePort)
				b := accept(t, ln)
				const frames, size = 38, 500 // more than a conn holds, less than with what the link does
				var batch []byte
				for i := range frames {
					batch = carrier.AppendFrame(batch, bytes.Repeat([]byte{byte(i)}, size))
				}
				require.NoError(t, a.Send(t.Context(), batch))
				time.Sleep(3 * time.Second) // all of it is on the other side
				row.ends(d, a)
				time.Sleep(10 * time.Second)
				var got int
				var err error
				for err == nil {
					batch, err = b.Receive(t.Context(), nil)
					for f := range carrier.Frames(batch) {
						assert.Equal(t, bytes.Repeat([]byte{byte(got)}, size), f)
						got++
					}
				}
				assert.Equal(t, frames, got)
				if row.says == "" {
					assert.Equal(t, io.EOF, err)
				} else {
					require.ErrorContains(t, err, row.says)
				}
			})
		})
	}
}
