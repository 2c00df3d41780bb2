package router

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestManyOfOneRoute: events of one route that follow each other, of all small
// sizes, reach a peer under its own number and handlers as they were sent; what is
// wrong behind them is noticed.
func TestManyOfOneRoute(t *testing.T) {
	for _, first := range []uint32{0, 127, 128, 1000, 1<<20 - 2} {
		for _, here := range []bool{false, true} {
			t.Run(fmt.Sprintf("number %d, handler here %v", first, here), func(t *testing.T) { testManyOfOne(t, first, here) })
		}
	}
}

func testManyOfOne(t *testing.T, first uint32, here bool) {
	p := newPath(t, 2)
	s := p.peer(wire.RoleServer)
	p.announces(s, first)
	c := &taker{}
	to := p.over(wire.RoleServer, func(conn carrier.Conn) carrier.Conn { c.Conn = conn; return c })
	var got [][]byte
	if here {
		_, err := sig.Subscribe(p.node.reg, "from", "*", func(ev sig.EventOf[[]byte]) { got = append(got, append([]byte{}, ev.Data...)) }, nil)
		require.NoError(t, err)
	} else {
		p.wants(to)
	}
	p.goesOn(s, first)

	var batch []byte
	var want [][]byte
	for i := range 300 {
		payload := make([]byte, i%21)
		for j := range payload {
			payload[j] = byte(i + j)
		}
		want = append(want, payload)
		batch = appendEventFrame(batch, 0, first+uint32(i/100%2), payload)
	}
	bad := binary.BigEndian.AppendUint32(append([]byte{}, batch...), 1000) // a frame that is cut
	next := s.in.get(first).next
	s.reading = bufferOf(batch)
	require.NoError(t, s.handle(batch))
	s.flush()
	require.EqualValues(t, next+200, s.in.get(first).next, "events are counted")
	s.lend(batch)
	s.link.group.Wait()
	if !here {
		to.writer.Wait()
		c.mu.Lock()
		for frame := range carrier.Frames(c.batch) {
			if typ, _ := wire.TypeOf(frame); typ == wire.TypeEvent {
				_, route, payload, err := wire.ParseEvent(frame)
				require.NoError(t, err)
				require.Equal(t, p.numberOf(len(got)/100%2), route)
				got = append(got, append([]byte{}, payload...))
			}
		}
		c.mu.Unlock()
	}
	require.Equal(t, want, got)

	s.reading = bufferOf(bad)
	require.Error(t, s.handle(bad), "P11")
	s.flush()
}
