package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Bar draws a run's progress in one line of a terminal, over and over.
type Bar struct {
	w     io.Writer
	total time.Duration
	width int // of what was drawn last
}

// NewBar makes a bar for a run that takes so long.
func NewBar(w io.Writer, total time.Duration) *Bar { return &Bar{w: w, total: total} }

// Show is a [Progress].
func (b *Bar) Show(part float64, delivered uint64) {
	const cells = 30
	part = min(max(part, 0), 1)
	full := int(part * cells)
	left := time.Duration((1 - part) * float64(b.total)).Round(time.Second)
	b.draw(fmt.Sprintf("[%s%s] %3.0f %%  %s delivered, %v left", strings.Repeat("#", full), strings.Repeat(".", cells-full), 100*part, grouped(float64(delivered)), left))
}

// Clear takes the bar away.
func (b *Bar) Clear() {
	if b.width > 0 {
		b.draw("")
		fmt.Fprint(b.w, "\r")
	}
}

func (b *Bar) draw(line string) {
	fmt.Fprintf(b.w, "\r%-*s", b.width, line)
	b.width = len(line)
}
