package router

import (
	"sync"

	"github.com/gosig/gosig/sig"
)

// gapMemory remembers, for senders whose connection was lost, the number of the
// next event of each route. When the same life of the sender comes back, the
// ROUTE envelope tells the number it goes on with, and the difference is what
// was lost in between (P9, docs/protocol.md).
type gapMemory struct {
	mu    sync.Mutex
	bound int // senders; the oldest goes first
	lives map[life]remembered
	order []life
}

type life struct {
	sender sig.Name
	epoch  uint64
}

// remembered is where the routes of a sender stood, and how many subscriptions
// had been made by then: later ones have missed nothing.
type remembered struct {
	at    []position
	since uint64
}

// position is where one route of a sender stood.
type position struct {
	next    uint64
	known   bool
	awaited bool // it was wanted, and the connection was lost before its number came
}

// remember reports whether another life had to be forgotten for it.
func (g *gapMemory) remember(l life, at []position, since uint64) (forgotten bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lives == nil {
		g.lives = make(map[life]remembered)
	}
	if _, ok := g.lives[l]; !ok {
		g.order = append(g.order, l)
	}
	g.lives[l] = remembered{at, since}
	for len(g.lives) > g.bound && len(g.order) > 0 {
		delete(g.lives, g.order[0])
		g.order = g.order[1:]
		forgotten = true
	}
	return forgotten
}

// recall returns what was remembered, once.
func (g *gapMemory) recall(l life) (at []position, since uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was, ok := g.lives[l]
	if ok {
		delete(g.lives, l)
		for i, o := range g.order {
			if o == l {
				g.order = append(g.order[:i], g.order[i+1:]...)
				break
			}
		}
	}
	return was.at, was.since
}
