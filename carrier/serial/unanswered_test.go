package serial_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
)

// TestUnanswered: whoever dials is told what was found on the line.
func TestUnanswered(t *testing.T) {
	for _, row := range []struct {
		name string
		port func(hub io.ReadWriter) // what is at the other end; ends with it
		says string
	}{
		{"nothing", func(io.ReadWriter) {}, "nothing comes: is the device on"},
		{"another speed", func(hub io.ReadWriter) { repeat(hub, []byte{0xf8, 0x00, 0x1e, 0x80, 0xe6, 0x78}) }, "bytes arrive but no frame is valid: check the baud rate"},
		{"text", func(hub io.ReadWriter) { repeat(hub, []byte("\x00Login:\r\n\x00")) }, `only text comes, such as "Login:\r\n`},
		{"text without zeros", func(hub io.ReadWriter) { repeat(hub, []byte("$GPGGA,123519,4807.038,N*47\r\n")) }, `only text comes, such as "$GPGGA`},
		{"a little text", func(hub io.ReadWriter) { seldom(hub, []byte("ok\r\n> ")) }, `only text comes, such as "ok\r\n> `},
		{"a loop", func(hub io.ReadWriter) { _, _ = io.Copy(hub, hub) }, "what is sent comes back"},
		{"a broken wire", func(hub io.ReadWriter) { repeat(hub, syn(0, 1, 1, 2)) }, "no answer to ours: is the wire to the other end in place"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := oneCable()
				hub, err := d.open(t.Context(), serial.Line{Path: hubPort})
				require.NoError(t, err)
				beside(t, hub, func() { row.port(hub) })
				c := d.carrier(serial.Options{})

				a := dial(t, c, "serial://"+devicePort)
				begun := time.Now()
				err = carrier.Handshake(t.Context(), a)
				require.ErrorContains(t, err, row.says)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, 4*time.Second, time.Since(begun))
				_, err = a.Receive(t.Context(), nil)
				require.ErrorContains(t, err, row.says, "whoever asks")
				require.ErrorContains(t, a.Send(t.Context(), carrier.AppendFrame(nil, []byte("x"))), row.says)
				a.Close()

				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				a = dial(t, c, "serial://"+devicePort)
				err = carrier.Handshake(ctx, a)
				require.ErrorContains(t, err, row.says, "also if the caller has less patience")
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		})
	}
}

// beside runs f, which ends when the port is closed: that is at the end of the
// test.
func beside(t *testing.T, port io.Closer, f func()) {
	var wg sync.WaitGroup
	wg.Go(f)
	t.Cleanup(func() {
		port.Close()
		wg.Wait()
	})
}

// seldom writes again and again until the port is closed.
func seldom(w io.Writer, p []byte) {
	for {
		if _, err := w.Write(p); err != nil {
			return
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// repeat writes until the port is closed.
func repeat(w io.Writer, p []byte) {
	for {
		if _, err := w.Write(p); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// syn is the frame that opens a session, as an end of such versions and role sends
// it (docs/serial-link.md §4).
func syn(echo uint32, version, lowest, role byte) []byte {
	p := []byte{1 << 4, 0, 0, 0}
	p = binary.LittleEndian.AppendUint32(p, 0x01020304)
	p = binary.LittleEndian.AppendUint32(p, echo)
	p = append(p, version, lowest, 15, role)
	p = binary.LittleEndian.AppendUint16(p, 246)
	p = binary.LittleEndian.AppendUint16(p, 1000)
	p = binary.LittleEndian.AppendUint32(p, 65536)
	p = binary.LittleEndian.AppendUint32(p, crc32.ChecksumIEEE(p))
	var out []byte
	for block := range bytes.SplitSeq(p, []byte{0}) { // shorter than 254 bytes
		out = append(out, byte(len(block)+1))
		out = append(out, block...)
	}
	return append(append([]byte{0}, out...), 0)
}

// TestRefused: a peer with which no session is possible is an error at once for
// whoever dials, and told in the log of whoever listens, once.
func TestRefused(t *testing.T) {
	for _, row := range []struct {
		name   string
		frame  []byte
		dialer bool
		says   string
	}{
		{"two clients", syn(0, 1, 1, 1), true, "both ends of this line dial: one of them must listen"},
		{"two routers", syn(0, 1, 1, 2), false, "both ends of this line listen, such as two routers"},
		{"a link of later times", syn(0, 9, 9, 2), true, "update the older of the two (the other end speaks up to 9, this one 1)"},
		{"a link of later times, at a router", syn(0, 9, 9, 1), false, "update the older of the two (the other end speaks up to 9, this one 1)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := oneCable()
				far, err := d.open(t.Context(), serial.Line{Path: hubPort})
				require.NoError(t, err)
				beside(t, far, func() { repeat(far, row.frame) })
				c := d.carrier(serial.Options{})
				if row.dialer {
					begun := time.Now()
					err := carrier.Handshake(t.Context(), dial(t, c, "serial://"+devicePort))
					require.ErrorContains(t, err, row.says)
					assert.Less(t, time.Since(begun), time.Second, "there is nothing to wait for")
					return
				}
				listen(t, c, "serial://"+devicePort)
				time.Sleep(time.Minute)
				assert.Equal(t, 1, bytes.Count([]byte(d.logged()), []byte(row.says)), d.logged())
			})
		})
	}
}

// TestSameRole: two clients, or two routers, on one line tell each other.
func TestSameRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := oneCable()
		c := d.carrier(serial.Options{})
		a, b := dial(t, c, "serial://"+devicePort), dial(t, c, "serial://"+hubPort)
		for _, conn := range []carrier.Conn{a, b} {
			require.ErrorContains(t, carrier.Handshake(t.Context(), conn), "both ends of this line dial")
			conn.Close()
		}
		listen(t, c, "serial://"+devicePort)
		listen(t, c, "serial://"+hubPort)
		time.Sleep(time.Minute)
		assert.Equal(t, 2, bytes.Count([]byte(d.logged()), []byte("both ends of this line listen")), d.logged())
	})
}

// TestStrangersOnALineAreLogged: whoever listens says once what comes that is no link.
func TestStrangersOnALineAreLogged(t *testing.T) {
	for _, row := range []struct {
		name, says string
		sends      []byte
	}{
		{"wrong speed", "bytes arrive but no frame is valid: check the baud rate", bytes.Repeat([]byte{0x55, 0xf8, 0}, 100)},
		{"text", `only text comes, such as \"$GPGGA`, []byte("$GPGGA,123519,4807.038,N*47\r\n")},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := oneCable()
				far, err := d.open(t.Context(), serial.Line{Path: devicePort})
				require.NoError(t, err)
				beside(t, far, func() { repeat(far, row.sends) })
				listen(t, d.carrier(serial.Options{}), "serial://"+hubPort)
				time.Sleep(time.Minute)
				assert.Equal(t, 1, bytes.Count([]byte(d.logged()), []byte("level=WARN")), d.logged())
				assert.Contains(t, d.logged(), row.says)
			})
		})
	}
}

// TestHostile: a message without bytes is no frame, and ends the session.
func TestHostile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := oneCable()
		c := d.carrier(serial.Options{})
		ln := listen(t, c, "serial://"+hubPort)
		far := newPeer(t, d, devicePort)
		require.NoError(t, far.m.Send([]byte("good")))
		require.NoError(t, far.m.Send(nil))
		far.turn()
		b := accept(t, ln)
		assert.Equal(t, "good", receive(t, b))
		require.ErrorIs(t, ended(t, b), carrier.ErrProtocol)
		b.Close()
		far.run(100 * time.Millisecond)
		assert.True(t, far.lost, "the peer is told")
	})
}
