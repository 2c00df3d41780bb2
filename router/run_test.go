package router

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestRunsOfManyRoutes: events of many routes, whose numbers become longer and
// shorter on the way, small and large, wanted by different peers and here. Each
// gets its own, once and in order.
func TestRunsOfManyRoutes(t *testing.T) {
	for _, first := range []uint32{0, 60, 1000} {
		t.Run(fmt.Sprint("numbers from ", first), func(t *testing.T) { testRuns(t, first) })
	}
}

func testRuns(t *testing.T, first uint32) {
	const routes = 200
	p := newPath(t, routes)
	s := p.peer(wire.RoleServer)
	p.announces(s, first)
	var conns []*taker
	var peers []*session
	for i := range 3 {
		c := &taker{}
		to := p.over(wire.RoleServer, func(conn carrier.Conn) carrier.Conn { c.Conn = conn; return c })
		for r, name := range p.names {
			if wants(i, r) {
				frame := wire.Subscribe{Sender: "from", Event: string(name)}.Append(nil)
				require.NoError(t, to.handle(carrier.AppendFrame(nil, frame)))
			}
		}
		to.flush()
		conns, peers = append(conns, c), append(peers, to)
	}
	here := make(map[sig.Name][]byte)
	_, err := sig.Subscribe(p.node.reg, "from", "e7", func(ev sig.EventOf[[]byte]) { here[ev.Name] = append(here[ev.Name], ev.Data[0]) }, nil)
	require.NoError(t, err)
	p.goesOn(s, first)

	const rounds = 5
	var batch []byte
	for n := range rounds {
		for r := range routes {
			for range 1 + r%3 {
				batch = appendEventFrame(batch, 0, first+uint32(r), append([]byte{byte(n)}, make([]byte, r%2*50)...))
			}
		}
	}
	s.reading = bufferOf(batch) // what is long enough waits where it lies
	require.NoError(t, s.handle(batch))
	s.flush()
	s.lend(batch)
	s.link.group.Wait()

	for i, c := range conns {
		peers[i].writer.Wait()
		c.mu.Lock()
		got := make(map[uint32][]byte)
		for frame := range carrier.Frames(c.batch) {
			if typ, _ := wire.TypeOf(frame); typ == wire.TypeEvent {
				_, route, payload, err := wire.ParseEvent(frame)
				require.NoError(t, err)
				got[route] = append(got[route], payload[0])
			}
		}
		c.mu.Unlock()
		for r := range routes {
			var want []byte
			for n := range rounds {
				for range 1 + r%3 {
					if wants(i, r) {
						want = append(want, byte(n))
					}
				}
			}
			require.Equal(t, want, got[p.numberOf(r)], "peer %d, route %d", i, r)
		}
	}
	require.Equal(t, []byte{0, 0, 1, 1, 2, 2, 3, 3, 4, 4}, here["e7"])
}

// wants says which peer of the test has subscribed to which route.
func wants(peer, route int) bool {
	return peer == 0 || peer == 1 && route/50%2 == 0 || peer == 2 && route%7 == 0
}

// numberOf is the number that peers know a route of the only sender by.
func (p *path) numberOf(route int) uint32 {
	p.node.mu.Lock()
	defer p.node.mu.Unlock()
	for _, info := range p.node.senders {
		return info.base + uint32(route)
	}
	return 0
}

// TestSplit: only a run of events is split, between two of them, and nothing
// else changes.
func TestSplit(t *testing.T) {
	var q outQueue
	var run []byte
	for i := range 100 {
		run = appendEventFrame(run, 0, uint32(i), make([]byte, 100))
	}
	mem := bufferOf(run)
	q.adopt(segment{buf: run[:len(run):len(run)], plain: len(run), mem: mem})
	q.control(wire.Ping{}.Append(nil))
	var out []byte
	for segs := q.take(nil, 1000); len(segs) > 0; segs = q.take(nil, 1000) {
		size := 0
		for _, seg := range segs {
			require.NoError(t, carrier.Check(seg.buf, 1000), "whole frames")
			size += len(seg.buf)
			out = append(out, seg.buf...)
			seg.mem.free()
		}
		require.LessOrEqual(t, size, 1000)
	}
	require.Equal(t, carrier.AppendFrame(run, wire.Ping{}.Append(nil)), out)
	require.Zero(t, q.bytes)
	require.Zero(t, q.plain)
	require.Zero(t, mem.holders.Load(), "freed once for each part")
}

// TestLentPayloadEnds where its event does: a handler that appends to it writes over none
// behind it.
func TestLentPayloadEnds(t *testing.T) {
	p := newPath(t, 2)
	s := p.peer(wire.RoleClient)
	p.announces(s, 0)
	var got []string
	_, err := sig.Subscribe(p.node.reg, "from", "*", func(ev sig.EventOf[[]byte]) {
		got = append(got, string(ev.Data))
		_ = append(ev.Data, "beyond its end"...)
	}, nil)
	require.NoError(t, err)
	p.goesOn(s, 0)
	var batch []byte
	for i, route := range []uint32{0, 0, 1, 0} {
		batch = appendEventFrame(batch, 0, route, []byte{'0' + byte(i)})
	}
	s.reading = bufferOf(batch)
	require.NoError(t, s.handle(batch))
	s.flush()
	local := s.local
	s.local = nil
	s.link.deliver(local)
	require.Equal(t, []string{"0", "1", "2", "3"}, got, "none is lost or damaged (P3, P7)")
}
