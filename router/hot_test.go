package router

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// void is a conn that takes everything at once.
type void struct{ carrier.Conn }

func (void) Send(context.Context, ...[]byte) error { return nil }

// path is one step of an event's way, without the media before and behind it.
type path struct {
	t     testing.TB
	node  *node
	names []sig.Name
}

func newPath(t testing.TB, routes int) *path {
	reg := sig.New(nil)
	t.Cleanup(func() { reg.Close() })
	p := &path{t: t, node: joinNode(reg, "path", false, Limits{}.WithDefaults())}
	t.Cleanup(p.node.leave)
	for i := range routes {
		p.names = append(p.names, sig.Name(fmt.Sprint("e", i)))
	}
	return p
}

// peer opens a connection to one that reads at once what it is sent.
func (p *path) peer(role wire.Role) *session {
	return p.over(role, func(c carrier.Conn) carrier.Conn { return void{c} })
}

// over opens a connection over the conn that is made of another.
func (p *path) over(role wire.Role, made func(carrier.Conn) carrier.Conn) *session {
	limits := Limits{}.WithDefaults()
	l := newLink(p.node, role, &limits, nil, slog.New(slog.DiscardHandler), &counters{})
	require.NoError(p.t, l.attach())
	conn, other := mem.Pipe()
	s := l.newSession(made(conn), raw.New(), "mem://test")
	s.agree(wire.Limits{})
	l.open(s)
	p.t.Cleanup(func() {
		other.Close()
		l.close(s)
		l.detach("the test is over")
		l.group.Wait()
	})
	return s
}

// announces lets a client connect a sender with the events, from route number
// first on.
func (p *path) announces(s *session, first uint32) {
	frame := wire.Connect{Sender: 1, Route: first, Epoch: 1, Name: "from", Events: texts(p.names)}.Append(nil)
	require.NoError(p.t, s.handle(carrier.AppendFrame(nil, frame)))
	s.flush()
}

// wants lets a client subscribe to everything.
func (p *path) wants(s *session) {
	frame := wire.Subscribe{Sender: "*", Event: "*"}.Append(nil)
	require.NoError(p.t, s.handle(carrier.AppendFrame(nil, frame)))
	s.flush()
}

// goesOn tells where the routes stand: they are wanted.
func (p *path) goesOn(s *session, first uint32) {
	for i := range p.names {
		frame := wire.Route{Route: first + uint32(i), Seq: 1, Begin: true, Turn: 1}.Append(nil)
		require.NoError(p.t, s.handle(carrier.AppendFrame(nil, frame)))
	}
	s.flush()
}

// batchFor is a batch of events, of each route in turn, as the peer of s sends it.
func (p *path) batchFor(s *session, first uint32, size, n int) []byte {
	var batch []byte
	for i := range n {
		batch = appendEventFrame(batch, 0, first+uint32(i%len(p.names)), make([]byte, size))
	}
	s.reading = newBuffer(largeBuffer)
	require.LessOrEqual(p.t, len(batch), largeBuffer)
	return s.reading.bytes[:copy(s.reading.bytes, batch)]
}

// BenchmarkPush is what emitting costs for a peer: an operation is an event.
func BenchmarkPush(b *testing.B) {
	for _, routes := range []int{1, 200} {
		b.Run(fmt.Sprint(routes, " routes"), func(b *testing.B) {
			p := newPath(b, routes)
			s := p.peer(wire.RoleServer)
			p.wants(s)
			sender, err := p.node.reg.Connect("here", sig.Spec{Events: p.names})
			require.NoError(b, err)
			var emitters []*sig.Emitter[[]byte]
			for _, name := range p.names {
				em, err := sig.NewEmitter[[]byte](sender, name)
				require.NoError(b, err)
				emitters = append(emitters, em)
			}
			payload := make([]byte, 16)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := emitters[i%routes].Emit(payload); err != nil {
					b.Fatal(err)
				}
			}
			require.Zero(b, s.link.stats.lostByReason[sig.LossSlowPeer].Load())
		})
	}
}

// BenchmarkPass is what a router does with a batch of 1,000 events that others
// want: an operation is an event, to all of them. The least of all batches says
// more than the mean where others use the machine.
func BenchmarkPass(b *testing.B) {
	for _, row := range []struct {
		peers, routes int
		from          uint32 // the first number of the emitter's routes
	}{{1, 1, 0}, {1, 200, 0}, {10, 200, 0}, {1, 200, 1000}, {10, 200, 1000}} {
		b.Run(fmt.Sprintf("%d peers, %d routes from %d", row.peers, row.routes, row.from), func(b *testing.B) {
			p := newPath(b, row.routes)
			s := p.peer(wire.RoleServer)
			p.announces(s, row.from)
			for range row.peers {
				p.wants(p.peer(wire.RoleServer))
			}
			p.goesOn(s, row.from)
			const events = 1000
			batch := p.batchFor(s, row.from, 16, events)
			again := append([]byte(nil), batch...)
			b.ReportAllocs()
			least := time.Hour
			for b.Loop() {
				copy(batch, again) // numbers are written over
				start := time.Now()
				if err := s.handle(batch); err != nil {
					b.Fatal(err)
				}
				s.flush()
				least = min(least, time.Since(start))
			}
			b.ReportMetric(float64(least)/events, "least-ns/event")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}

// BenchmarkDeliver is what a batch of 1,000 events costs where handlers want
// them: an operation is an event.
func BenchmarkDeliver(b *testing.B) {
	for _, routes := range []int{1, 200} {
		b.Run(fmt.Sprint(routes, " routes"), func(b *testing.B) {
			p := newPath(b, routes)
			s := p.peer(wire.RoleClient)
			p.announces(s, 1)
			n := 0
			_, err := sig.Subscribe(p.node.reg, "from", "*", func(sig.EventOf[[]byte]) { n++ }, nil)
			require.NoError(b, err)
			p.goesOn(s, 1)
			const events = 1000
			batch := p.batchFor(s, 1, 16, events)
			b.ReportAllocs()
			least := time.Hour
			for b.Loop() {
				start := time.Now()
				if err := s.handle(batch); err != nil {
					b.Fatal(err)
				}
				s.flush()
				local := s.local
				s.local = nil
				s.link.deliver(local)
				least = min(least, time.Since(start))
			}
			b.ReportMetric(float64(least)/events, "least-ns/event")
			require.Equal(b, b.N*events, n)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}
