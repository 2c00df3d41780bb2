package linesim_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
)

// ends returns a line and what a program at either end reads and writes.
func ends(t *testing.T, opt *linesim.LineOptions) (line *linesim.Line, a, b net.Conn) {
	line = linesim.NewLine(opt)
	a, nearA := net.Pipe()
	b, nearB := net.Pipe()
	line.Attach(linesim.A, nearA)
	line.Attach(linesim.B, nearB)
	t.Cleanup(func() {
		assert.NoError(t, line.Close())
		a.Close()
		b.Close()
	})
	return line, a, b
}

func read(t *testing.T, from io.Reader, n int) []byte {
	t.Helper()
	p := make([]byte, n)
	_, err := io.ReadFull(from, p)
	require.NoError(t, err)
	return p
}

// TestLineKeepsTime: bytes take as long as the line's speed demands, both ways
// at once, and the delay is added to that.
func TestLineKeepsTime(t *testing.T) {
	for _, row := range []struct {
		name string
		opt  linesim.LineOptions
		want time.Duration
	}{
		{"115200", linesim.LineOptions{Baud: 115200}, time.Second},
		{"115200 and late", linesim.LineOptions{Baud: 115200, Delay: 16 * time.Millisecond}, 1016 * time.Millisecond},
		{"1200", linesim.LineOptions{Baud: 1200}, 96 * time.Second},
		{"no speed", linesim.LineOptions{}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, a, b := ends(t, &row.opt)
				sent := bytes.Repeat([]byte("0123456789abcdef"), 720) // 11,520
				begin := time.Now()
				write := func(c net.Conn) { assert.NoError(t, second(c.Write(sent))) }
				go write(a)
				go write(b)
				back := make(chan []byte, 1) // one value, of the other direction
				go func() { back <- read(t, a, len(sent)) }()
				assert.True(t, bytes.Equal(read(t, b, len(sent)), sent))
				assert.InDelta(t, row.want, time.Since(begin), float64(time.Millisecond))
				assert.True(t, bytes.Equal(<-back, sent))
				assert.InDelta(t, row.want, time.Since(begin), float64(time.Millisecond))
			})
		})
	}
}

func second[T any](_ T, err error) error { return err }

// TestLineIdle: a single byte on a line that was idle takes its own time only.
func TestLineIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := ends(t, &linesim.LineOptions{Baud: 9600})
		time.Sleep(time.Minute)
		begin := time.Now()
		go a.Write([]byte{1})
		read(t, b, 1)
		assert.Equal(t, 10*time.Second/9600, time.Since(begin))
	})
}

// TestLineCounts: what goes wrong on the way, and that all bytes are accounted
// for.
func TestLineCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line, a, b := ends(t, &linesim.LineOptions{Baud: 115200, Seed: 3})
		go io.Copy(io.Discard, b)
		send := func(n int) linesim.LineStats {
			require.NoError(t, second(a.Write(bytes.Repeat([]byte{0x55}, n))))
			synctest.Wait()
			time.Sleep(time.Second)
			return line.Stats(linesim.B)
		}
		s := send(1000)
		assert.Equal(t, linesim.LineStats{Bytes: 1000, Arrived: 1000}, s)

		line.SetToward(linesim.B, linesim.Damage{BitErrors: 1e-3, Drops: 1e-2, Inserts: 1e-2, Bursts: 1e-3, Breaks: 1e-3})
		s = send(10_000)
		n := s.Noise
		assert.NotZero(t, n.Flipped*n.Dropped*n.Inserted*n.Bursts*n.Breaks, "%+v", n)
		assert.Equal(t, 11_000-n.Dropped+n.Inserted, s.Arrived)

		line.Set(linesim.Damage{})
		line.Cut()
		assert.Equal(t, uint64(500), send(500).Cut)
		line.Mend()
		line.Break(linesim.B, 10)
		s = send(0)
		assert.Equal(t, uint64(10), s.Injected)
		assert.Equal(t, 11_010-n.Dropped+n.Inserted, s.Arrived)
		assert.Zero(t, line.Stats(linesim.A))

		line.Detach(linesim.B)
		assert.Equal(t, uint64(7), send(7).Unheard)
	})
}

// TestLineOverrun: an end that does not read loses what is more than a system
// keeps, and does not hold up who sends.
func TestLineOverrun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line, a, b := ends(t, &linesim.LineOptions{Baud: 115200})
		require.NoError(t, second(a.Write(make([]byte, 11_520))))
		time.Sleep(time.Second)
		s := line.Stats(linesim.B)
		assert.Greater(t, s.Overrun, uint64(7000))
		assert.Less(t, s.Overrun, uint64(7500))
		read(t, b, int(s.Bytes-s.Overrun))
		synctest.Wait()
		require.NoError(t, second(a.Write([]byte("goes on"))))
		assert.Equal(t, "goes on", string(read(t, b, 7)))
	})
}

// TestLineAttach: what has failed is told and can be replaced, while the other
// end stays.
func TestLineAttach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line, a, b := ends(t, nil)
		attached, err := line.Attached(linesim.A)
		assert.True(t, attached)
		assert.NoError(t, err)
		a.Close()
		synctest.Wait()
		attached, err = line.Attached(linesim.A)
		assert.False(t, attached)
		assert.ErrorIs(t, err, io.EOF)

		a, near := net.Pipe()
		line.Attach(linesim.A, near)
		go a.Write([]byte("again"))
		assert.Equal(t, "again", string(read(t, b, 5)))
		other, near := net.Pipe()
		line.Attach(linesim.A, near)
		_, err = a.Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.EOF, "what was attached before is closed")

		require.NoError(t, line.Close())
		require.NoError(t, line.Close())
		_, err = other.Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.EOF)
		late, near := net.Pipe()
		line.Attach(linesim.A, near)
		_, err = late.Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.EOF)
	})
}
