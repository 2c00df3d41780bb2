package demo

import (
	"errors"
	"fmt"
)

// tally is who has heard whom.
type tally struct {
	emitted []int     // by each post
	heard   [][]heard // by each post, of each
}

func newTally(stations []*station) *tally {
	t := &tally{}
	for _, s := range stations {
		t.emitted = append(t.emitted, s.emitted)
		t.heard = append(t.heard, s.heard())
	}
	return t
}

// sums are over all ways from one client to another.
func (t *tally) sums() (emitted, due, arrived, lost int) {
	for from, n := range t.emitted {
		emitted += n
		for to := range t.heard {
			if to != from {
				due += n
				arrived += t.heard[to][from].events
				lost += t.heard[to][from].lost
			}
		}
	}
	return emitted, due, arrived, lost
}

// err names each way on which something is missing that was not announced as
// lost, or on which nothing has come at all.
func (t *tally) err() error {
	var all []error
	for from, n := range t.emitted {
		for to, ear := range t.heard {
			h := ear[from]
			if to == from || h.events > 0 && h.events+h.lost == n {
				continue
			}
			all = append(all, fmt.Errorf("from carrier %s to %s: of %d events %d have arrived, and %d were announced as lost",
				posts[from].scheme, posts[to].scheme, n, h.events, h.lost))
		}
	}
	return errors.Join(all...)
}

// print writes the table: a line for each sender, a column for each who heard
// it.
func (t *tally) print(s *screen) {
	s.Printf("\nWho has heard how many events of whom:\n\n")
	s.Printf("  %-12s  %-6s  %6s   heard by", "emitted by", "on", "events")
	for _, p := range posts {
		s.Printf(" %6s", p.scheme)
	}
	s.Printf("\n")
	for from, n := range t.emitted {
		s.Printf("  %-12s  %-6s  %6d           ", posts[from].sender, posts[from].scheme, n)
		for to, ear := range t.heard {
			if to == from {
				s.Printf(" %6s", "-")
			} else {
				s.Printf(" %6d", ear[from].events)
			}
		}
		s.Printf("\n")
	}
	s.Printf("\n")
}
