package router

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// trier is a taker that takes so many bytes of each TrySend, and may say what
// happens during it.
type trier struct {
	*taker
	room   int
	during func()
	err    error
}

func (c *trier) CanTry() bool { return true }

func (c *trier) TrySend(batch []byte) (int, error) {
	if c.during != nil {
		c.during()
	}
	if c.err != nil {
		return 0, c.err
	}
	n := min(c.room, len(batch))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batch = append(c.batch, batch[:n]...)
	return n, nil
}

// trying opens a connection whose medium can be tried.
func (r *rig) trying(room int) (*session, *trier) {
	r.t.Helper()
	s, c := r.open()
	r.sent(s, c)
	tr := &trier{taker: c, room: room}
	s.direct = tr
	return s, tr
}

// nonces are those of the PINGs that were sent.
func (r *rig) nonces(s *session, c *trier) (list []uint64) {
	r.t.Helper()
	for _, frame := range r.sent(s, c.taker) {
		var p wire.Ping
		require.NoError(r.t, p.Decode(frame))
		list = append(list, p.Nonce)
	}
	return list
}

func (s *session) ping(nonce uint64, by writeBy) {
	s.queue(16, by, wire.Ping{Nonce: nonce}.Append)
}

// TestWriteNow: on a quiet line the caller writes itself, whatever part of it the
// medium takes, and nothing overtakes.
func TestWriteNow(t *testing.T) {
	whole := len(carrier.AppendFrame(nil, wire.Ping{Nonce: 1}.Append(nil)))
	for _, row := range []struct {
		name string
		room int
	}{{"all of it", whole}, {"nothing", 0}, {"a part of the length", 2}, {"a part of the frame", whole - 1}} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			s, c := r.trying(row.room)
			s.ping(1, byCaller)
			if row.room == whole {
				require.NotEmpty(t, c.batch, "written by the caller, before queue returns")
			}
			s.ping(2, byCaller)
			s.ping(3, byWriter)
			require.Equal(t, []uint64{1, 2, 3}, r.nonces(s, c))
			require.NoError(t, s.drained(t.Context()))
		})
	}
}

// TestWriteNowBesideOthers: what is queued while somebody writes follows it, and
// its goroutine does not write.
func TestWriteNowBesideOthers(t *testing.T) {
	r := newRig(t)
	s, c := r.trying(1 << 10)
	tried := 0
	c.during = func() {
		tried++
		s.ping(2, byCaller)
		s.ping(3, byCaller)
		require.Empty(t, c.batch, "nothing overtakes what is being written")
	}
	s.ping(1, byCaller)
	require.Equal(t, []uint64{1, 2, 3}, r.nonces(s, c))
	require.Equal(t, 1, tried, "while it is being written to, a line is busy")
}

// TestWriteNowOfMuch: what takes long goes on beside the caller.
func TestWriteNowOfMuch(t *testing.T) {
	r := newRig(t)
	s, c := r.trying(1 << 20)
	c.during = func() { t.Error("the caller writes") }
	s.queue(claimMost+1, byCaller, func(b []byte) []byte { return append(b, make([]byte, claimMost+1)...) })
	require.Len(t, r.sent(s, c.taker), 1)
}

// TestWriteNowFails: the connection ends, and nobody waits for what is queued.
func TestWriteNowFails(t *testing.T) {
	r := newRig(t)
	s, c := r.trying(0)
	c.err = net.ErrClosed
	s.ping(1, byCaller)
	<-s.ctx.Done()
	require.ErrorContains(t, s.cause(), "closed the connection")
	require.NoError(t, s.drained(t.Context()))
	r.close(s)
	s.ping(2, byCaller) // no longer the link's connection
	require.Empty(t, r.sent(s, c.taker))
}

// TestPassedFrameIsWrittenByItsReader: one that a batch has brought for a quiet
// line needs nobody else.
func TestPassedFrameIsWrittenByItsReader(t *testing.T) {
	r := newRig(t)
	s, c := r.trying(1 << 10)
	reader, _ := r.reader()
	reader.relay(s, wire.Ping{Nonce: 1}.Append(nil))
	reader.flush()
	require.NotEmpty(t, c.batch)
	c.err = errors.New("boom") // costs the other connection, not the reader's
	reader.relay(s, wire.Ping{Nonce: 2}.Append(nil))
	reader.flush()
	<-s.ctx.Done()
	require.NoError(t, reader.ctx.Err())
}

// TestEmitterWritesToAQuietLine: one event at a time goes out at once, many are
// gathered.
func TestEmitterWritesToAQuietLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		k, or := r.route("kitchen")
		s, c := r.trying(1 << 10)
		_, err := sig.Subscribe(r.reg, "kitchen", "e", func(sig.EventOf[int]) {}, nil)
		require.NoError(t, err)
		r.link.mu.Lock()
		or.wanted = true
		r.link.mu.Unlock()
		r.link.bridge.Subscribe(sig.Pattern{Sender: "kitchen", Event: "e"})
		tried := 0
		c.during = func() { tried++ }
		time.Sleep(2 * quietTime) // of the bubble's clock
		require.NoError(t, k.Emit("e", 1))
		require.Equal(t, 1, tried, "written before Emit returns")
		require.NoError(t, k.Emit("e", 2))
		require.NoError(t, k.Emit("e", 3))
		require.Equal(t, 1, tried)
		events := 0
		for _, typ := range types(r.sent(s, c.taker)) {
			if typ == wire.TypeEvent {
				events++
			}
		}
		require.Equal(t, 3, events)
		time.Sleep(2 * quietTime)
		require.NoError(t, k.Emit("e", 4))
		require.Equal(t, 2, tried, "it is quiet again")
	})
}
