package router

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/carrier"
)

// TestAShareIsForSoManyAtOnce: of one principal's connections so many have a turn as
// it may keep processors busy, and the others follow in order; somebody else has a
// share of his own (P8).
func TestAShareIsForSoManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all shares
		eve, anna := all.join("eve", 2), all.join("anna", 2)
		var mu sync.Mutex
		var order []int
		work := func(i int) {
			turn := turn{share: eve}
			turn.take()
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			time.Sleep(time.Second)
			turn.giveUp()
		}
		start := time.Now()
		for i := range 6 {
			go work(i)
			time.Sleep(100 * time.Millisecond)
		}
		other := turn{share: anna}
		other.take()
		require.Equal(t, 600*time.Millisecond, time.Since(start), "nobody waits for another principal")
		other.giveUp()
		time.Sleep(900 * time.Millisecond)
		mu.Lock()
		require.Equal(t, []int{0, 1, 2, 3}, order, "two at a time, in order")
		mu.Unlock()
		time.Sleep(2 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, []int{0, 1, 2, 3, 4, 5}, order)
		eve.mu.Lock()
		defer eve.mu.Unlock()
		require.Zero(t, eve.busy)
		require.Empty(t, eve.waiting)
	})
}

// TestAloneNobodyMakesRoom: turns are for the sake of others, and each connection of
// whom nobody knows is another one.
func TestAloneNobodyMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all shares
		eve := all.join("eve", 1)
		require.Same(t, eve, all.join("eve", 1))
		a, b := turn{share: eve}, turn{share: eve}
		a.take()
		b.take() // at once
		unknown := all.join("", 1)
		require.NotSame(t, unknown, all.join("", 1))
		require.EqualValues(t, 3, all.present.Load())
		third := turn{share: eve}
		had := false
		go func() {
			third.take()
			had = true
			third.giveUp()
		}()
		synctest.Wait()
		a.giveUp()
		synctest.Wait()
		require.False(t, had, "one is still worked for, which is as many as may be")
		b.giveUp()
		synctest.Wait()
		require.True(t, had)
		all.leave("eve", eve)
		require.Same(t, eve, all.join("eve", 1), "one connection is left")
		all.leave("eve", eve)
		all.leave("eve", eve)
		require.Empty(t, all.named)
		require.EqualValues(t, 2, all.present.Load())
	})
}

// slowMedium takes so many bytes at once.
type slowMedium struct {
	carrier.Conn
	share *share
	room  int
	got   []string
}

func (m *slowMedium) CanTry() bool           { return true }
func (m *slowMedium) Traits() carrier.Traits { return carrier.Traits{} }

func (m *slowMedium) TrySend(batch []byte) (int, error) {
	n := min(m.room, len(batch))
	m.room -= n
	m.note("try", batch[:n])
	return n, nil
}

func (m *slowMedium) Send(_ context.Context, batches ...[]byte) error {
	for _, b := range batches {
		m.note("send", b)
	}
	return nil
}

func (m *slowMedium) note(how string, batch []byte) {
	if m.share.busy > 0 {
		how += " in turn"
	}
	m.got = append(m.got, how+" "+string(batch))
}

// TestNobodyWaitsForAPeerInATurn: what the medium takes at once is written in a turn,
// and what it has to be waited for with is not.
func TestNobodyWaitsForAPeerInATurn(t *testing.T) {
	for _, row := range []struct {
		room, size int
		want       []string
	}{
		{9, claimMost + 1, []string{"try in turn abcd", "try in turn efgh"}},
		{6, claimMost + 1, []string{"try in turn abcd", "try in turn ef", "send gh"}},
		{0, claimMost + 1, []string{"try in turn ", "send abcd", "send efgh"}},
		{9, claimMost, []string{"send abcd", "send efgh"}}, // little
	} {
		var all shares
		sh := all.join("eve", 1)
		m := &slowMedium{share: sh, room: row.room}
		s := &session{conn: m, direct: m, writeTurn: turn{share: sh}}
		require.NoError(t, s.sendInTurn([][]byte{[]byte("abcd"), []byte("efgh")}, row.size))
		require.Equal(t, row.want, m.got)
		require.Zero(t, sh.busy)
	}
}

// TestAllButOneProcessor are what one principal may keep busy, and never none.
func TestAllButOneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(before)
	require.Equal(t, 3, Limits{}.WithDefaults().Processors)
	runtime.GOMAXPROCS(1)
	require.Equal(t, 1, Limits{Rate: 5}.WithDefaults().Processors)
	require.Equal(t, 7, Limits{Processors: 7}.WithDefaults().Processors)
}

// TestALongTurnIsTold: before as much work as a long turn an idle processor looks
// around, and not where nobody has to be made room for.
func TestALongTurnIsTold(t *testing.T) {
	var all shares
	eve := turn{share: all.join("eve", 1)}
	eve.lookAround(longTurn)
	require.GreaterOrEqual(t, eve.work, longTurn, "alone: as before")
	all.join("anna", 1)
	eve.lookAround(0)
	require.Zero(t, eve.work, "what has gathered counts")
	small := 0
	for eve.lookAround(1); eve.work > 0; eve.lookAround(1) {
		small++
	}
	require.Equal(t, longTurn/(turnWork+1), small, "many small batches are as much work as a large one")
	nobody := turn{}
	nobody.lookAround(longTurn)
}

// TestManyConnectionsComeLast: whoever has more of them than a reader writes to itself
// does not hold up others, as long as it has them.
func TestManyConnectionsComeLast(t *testing.T) {
	var all shares
	eve := turn{share: all.join("eve", 1)}
	for range claimPeers - 1 {
		all.join("eve", 1)
	}
	require.False(t, eve.many())
	all.join("eve", 1)
	require.True(t, eve.many())
	all.leave("eve", eve.share)
	require.False(t, eve.many())
	require.False(t, (&turn{}).many())
}

// TestPlacesAreCounted by who asks, whichever way a request ends, and a caller that
// has none is forgotten.
func TestPlacesAreCounted(t *testing.T) {
	of := func(id string) *session { return &session{principal: acl.Principal{ID: id, Method: "token"}} }
	eve, again, nobody, other := of("eve"), of("eve"), of(""), of("")
	asks := &session{}
	tab := &asks.requests
	tab.asked = make(map[uint64]*asked)
	var all []*asked
	for _, from := range []*session{eve, again, nobody, other, nil} {
		a := &asked{to: asks, from: from}
		_, err := asks.ask(a)
		require.NoError(t, err)
		all = append(all, a)
	}
	require.Equal(t, []int{2, 2, 1, 1}, []int{tab.placesOf(eve), tab.placesOf(again), tab.placesOf(nobody), tab.placesOf(other)})
	for _, a := range all {
		require.True(t, tab.drop(a))
		require.False(t, tab.drop(a))
	}
	require.Empty(t, tab.places)
}
