package metrics

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gosig/gosig/router"
)

// writer writes the text format, version 0.0.4: for each metric two comments and
// its values, one a line.
type writer struct {
	b strings.Builder
}

// label is one name and one value; the values a metric has are known beforehand,
// so that nobody who connects can make more of them.
type label struct{ name, value string }

func (w *writer) head(name, kind, help string) {
	fmt.Fprintf(&w.b, "# HELP %s %s\n# TYPE %s %s\n", name, escape(help, false), name, kind)
}

func (w *writer) value(name string, v float64, labels ...label) {
	w.b.WriteString(name)
	for i, l := range labels {
		open := byte(',')
		if i == 0 {
			open = '{'
		}
		w.b.WriteByte(open)
		fmt.Fprintf(&w.b, `%s="%s"`, l.name, escape(l.value, true))
	}
	if len(labels) > 0 {
		w.b.WriteByte('}')
	}
	w.b.WriteByte(' ')
	w.b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	w.b.WriteByte('\n')
}

// counter, and gauge, write a metric with one value.
func (w *writer) counter(name, help string, v uint64) {
	w.head(name, "counter", help)
	w.value(name, float64(v))
}

func (w *writer) gauge(name, help string, v float64) {
	w.head(name, "gauge", help)
	w.value(name, v)
}

// both writes a counter for what comes in and what goes out.
func (w *writer) both(name, help string, in, out uint64) {
	w.head(name, "counter", help)
	w.value(name, float64(in), label{"direction", "in"})
	w.value(name, float64(out), label{"direction", "out"})
}

// histogram writes buckets that count what is no larger, in seconds.
func (w *writer) histogram(name, help string, h router.Histogram) {
	w.head(name, "histogram", help)
	total := uint64(0)
	for i, n := range h.Counts {
		total += n
		le := "+Inf"
		if i < len(router.HistogramBounds) {
			le = strconv.FormatFloat(router.HistogramBounds[i].Seconds(), 'g', -1, 64)
		}
		w.value(name+"_bucket", float64(total), label{"le", le})
	}
	w.value(name+"_sum", h.Sum.Seconds())
	w.value(name+"_count", float64(total))
}

func escape(s string, quotes bool) string {
	s = strings.ReplaceAll(s, `\`, `\\`)
	s = strings.ReplaceAll(s, "\n", `\n`)
	if quotes {
		s = strings.ReplaceAll(s, `"`, `\"`)
	}
	return s
}

func (w *writer) WriteTo(to io.Writer) (int64, error) {
	n, err := io.WriteString(to, w.b.String())
	return int64(n), err
}
