package router

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNumbersRestBeforeTheyAreUsedAgain(t *testing.T) {
	var p numberPool
	get := func(size int) uint32 {
		first, ok := p.get(size)
		require.True(t, ok)
		return first
	}
	first := get(3)
	require.EqualValues(t, 3, get(1))
	p.put(first, 3)
	for range restBlocks {
		n := get(3)
		require.NotEqual(t, first, n, "a number must rest while %d other blocks are given back", restBlocks)
		p.put(n, 3)
	}
	require.Equal(t, first, get(3))
}

// TestRestingNumbersAreBounded: large blocks rest for fewer of their kind, or
// they would use up all numbers.
func TestRestingNumbersAreBounded(t *testing.T) {
	p := numberPool{bound: 1 << 20}
	for range 3000 {
		first, ok := p.get(1024)
		require.True(t, ok)
		require.LessOrEqual(t, int(first)+1024, 1<<20/restShare+2*1024)
		p.put(first, 1024)
	}
}

// TestNumbersRunOut: what rests is used early only if there is nothing else, and
// then not right away.
func TestNumbersRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := numberPool{bound: 100}
		first, ok := p.get(80)
		require.True(t, ok)
		_, ok = p.get(21)
		require.False(t, ok)
		last, ok := p.get(20)
		require.True(t, ok)
		p.put(last, 20)
		_, ok = p.get(1)
		require.False(t, ok, "it rests")
		time.Sleep(restTime)
		again, ok := p.get(15)
		require.True(t, ok)
		require.Equal(t, last, again)
		rest, ok := p.get(5)
		require.True(t, ok, "what is left of a larger block")
		require.EqualValues(t, 95, rest)
		p.put(first, 80)
		_, ok = p.get(80)
		require.True(t, ok, "80 are too many to rest")
		_, ok = p.get(0)
		require.True(t, ok, "a sender without events needs none")
	})
}

func TestNumbersAreNeverGivenTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := numberPool{bound: 1000}
		var used []block
		owner := map[uint32]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"get": func(t *rapid.T) {
				size := rapid.IntRange(1, 60).Draw(t, "size")
				first, ok := p.get(size)
				if !ok {
					return
				}
				for n := first; n < first+uint32(size); n++ {
					if owner[n] || n >= p.bound {
						t.Fatalf("%d is in use, or beyond %d", n, p.bound)
					}
					owner[n] = true
				}
				used = append(used, block{first: first, size: size})
			},
			"put": func(t *rapid.T) {
				if len(used) == 0 {
					return
				}
				i := rapid.IntRange(0, len(used)-1).Draw(t, "which")
				b := used[i]
				used = append(used[:i], used[i+1:]...)
				for n := b.first; n < b.end(); n++ {
					delete(owner, n)
				}
				p.put(b.first, b.size)
			},
		})
		for _, b := range used {
			p.put(b.first, b.size)
		}
		p.wake(func(block) bool { return true })
		if p.next != 0 || p.tired != 0 || len(p.free) != 0 {
			t.Fatalf("all were given back, and %+v is left", p)
		}
	})
}

func TestTasksStartWhileSomebodyWaits(t *testing.T) {
	var g tasks
	g.Wait()
	release, waited := make(chan struct{}), make(chan struct{})
	g.Go(func() { <-release })
	go func() { g.Wait(); close(waited) }()
	for range 100 {
		g.Go(func() {})
	}
	close(release)
	<-waited
}
