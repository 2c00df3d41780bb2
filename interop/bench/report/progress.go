package report

import (
	"fmt"
	"io"
	"os"
	"time"
)

// Progress is one line on a terminal that says how far a run has come. Where
// there is no terminal it writes nothing.
type Progress struct {
	w     io.Writer // nil: no terminal
	total int
	done  int
	start time.Time
}

// NewProgress begins a run of so many steps.
func NewProgress(f *os.File, total int) *Progress {
	p := &Progress{total: total, start: time.Now()}
	if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		p.w = f
	}
	return p
}

// Step says what comes next.
func (p *Progress) Step(what string) {
	if p.w != nil {
		fmt.Fprintf(p.w, "\r\x1b[K%s", p.line(what, time.Since(p.start)))
	}
	p.done++
}

// line is what the terminal shows: a bar, how much is done, how long it takes.
func (p *Progress) line(what string, elapsed time.Duration) string {
	const width = 20
	filled := width * p.done / max(p.total, 1)
	bar := make([]byte, width)
	for i := range bar {
		bar[i] = '.'
		if i < filled {
			bar[i] = '#'
		}
	}
	left := "?"
	if p.done > 0 {
		left = (elapsed * time.Duration(p.total-p.done) / time.Duration(p.done)).Round(time.Second).String()
	}
	return fmt.Sprintf("[%s] %d/%d, %s left: %s", bar, p.done, p.total, left, what)
}

// End clears the line.
func (p *Progress) End() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
