package demo

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gosig/gosig/sig"
)

// screen prints what happens, a line at a time.
type screen struct {
	begin time.Time

	mu     sync.Mutex
	w      io.Writer
	quiet  bool  // no more lines: the summary is next
	failed error // the first one
}

func newScreen(w io.Writer) *screen { return &screen{w: w, begin: time.Now()} }

func (s *screen) Printf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.printf(format, args...)
}

func (s *screen) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil && s.failed == nil {
		s.failed = err
	}
}

// round begins a new block of lines.
func (s *screen) round() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.quiet {
		s.printf("\n")
	}
}

// line is: when, what, whose, over which carrier and codec it was sent and over
// which it arrived, and what it says.
func (s *screen) line(what string, sender sig.Name, from, to, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.quiet {
		s.printf("%6.2fs  %-10s  %-12s  %-11s -> %-11s  %s\n", time.Since(s.begin).Seconds(), what, sender, from, to, text)
	}
}

// end prints no more lines.
func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = true
}

func (s *screen) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
