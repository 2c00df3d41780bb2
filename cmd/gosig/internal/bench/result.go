package bench

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Result is what a run has measured. Its JSON keys are a promise.
type Result struct {
	Config      Config  `json:"config"`
	Address     string  `json:"address"`  // of the router
	Embedded    bool    `json:"embedded"` // it ran in this process
	Version     string  `json:"version"`  // of this program
	Seconds     float64 `json:"seconds"`  // measured
	Interrupted bool    `json:"interrupted"`

	Sent      uint64  `json:"sent"`               // in that time, once for each subscriber
	Offered   float64 `json:"offered_per_second"` // events emitted, or requests made
	Delivered uint64  `json:"delivered"`          // in that time; of requests the replies
	PerSecond float64 `json:"per_second"`
	MBPerSec  float64 `json:"mb_per_second"` // of payloads, a million bytes each
	CPU       float64 `json:"cpu_us_per_delivery"`

	SentInAll   uint64 `json:"sent_in_all"`  // of events, warm-up included
	Lost        uint64 `json:"lost"`         // announced by #lost, in all, warm-up included
	LostUnknown uint64 `json:"lost_unknown"` // announcements without a number
	Unaccounted int64  `json:"unaccounted"`  // sent, but neither delivered nor announced as lost
	Failed      uint64 `json:"failed"`       // requests, warm-up included
	FirstError  string `json:"first_error,omitempty"`

	Latency   Times  `json:"latency_us"`
	Histogram []Bin  `json:"histogram"`
	Late      *Times `json:"late_us,omitempty"` // how late the bench itself emitted; with a rate

	err error // of the first request that failed
}

// Times are quantiles, in microseconds.
type Times struct {
	Samples uint64  `json:"samples"`
	Mean    float64 `json:"mean"`
	P50     float64 `json:"p50"`
	P90     float64 `json:"p90"`
	P99     float64 `json:"p99"`
	P999    float64 `json:"p99.9"`
	Max     float64 `json:"max"`
}

func timesOf(h *Histogram) Times {
	return Times{
		Samples: h.Count(), Mean: micros(h.Mean()),
		P50: micros(h.Quantile(0.5)), P90: micros(h.Quantile(0.9)), P99: micros(h.Quantile(0.99)), P999: micros(h.Quantile(0.999)),
		Max: micros(h.Max()),
	}
}

func (r *Result) times(seen, late *Histogram) {
	r.Latency, r.Histogram = timesOf(seen), seen.Bins()
	if r.Config.Rate > 0 {
		t := timesOf(late)
		r.Late = &t
	}
	if r.err != nil {
		r.FirstError = r.err.Error()
	}
}

// between fills in what happened between two marks.
func (r *Result) between(begin, end mark) {
	r.Seconds = (end.at - begin.at).Seconds()
	r.Sent, r.Delivered = end.sent-begin.sent, end.delivered-begin.delivered
	if r.Seconds > 0 {
		r.PerSecond = float64(r.Delivered) / r.Seconds
		r.MBPerSec = r.PerSecond * float64(r.Config.Size) / 1e6
		r.Offered = float64(r.Sent) / r.Seconds
		if r.Config.Pattern == OneToMany {
			r.Offered /= float64(r.Config.Clients)
		}
	}
	if r.Delivered > 0 {
		r.CPU = micros(end.cpu-begin.cpu) / float64(r.Delivered)
	}
}

// Text is the result for people.
func (r *Result) Text() string {
	var b strings.Builder
	c := r.Config
	fmt.Fprintf(&b, "%s\n\n", r.Title())
	fmt.Fprintf(&b, "delivered   %s a second, %.1f MB/s (%s in %.2f s)\n", grouped(r.PerSecond), r.MBPerSec, grouped(float64(r.Delivered)), r.Seconds)
	if c.Rate > 0 && r.Offered < 0.98*c.Rate {
		fmt.Fprintf(&b, "offered     %s a second, not the %s that were asked for: what was due waits in the latency\n", grouped(r.Offered), grouped(c.Rate))
	}
	if c.Pattern == Requests {
		fmt.Fprintf(&b, "failed      %s\n", grouped(float64(r.Failed)))
		if r.FirstError != "" {
			fmt.Fprintf(&b, "            the first: %s\n", r.FirstError)
		}
	} else {
		fmt.Fprintf(&b, "lost        %s\n", r.losses())
	}
	whose := "this process"
	if r.Embedded {
		whose = "this process, with the router in it"
	}
	fmt.Fprintf(&b, "cpu         %.2f µs per delivery, of %s\n", r.CPU, whose)
	l := r.Latency
	fmt.Fprintf(&b, "latency     p50 %s, p90 %s, p99 %s, p99.9 %s, max %s (%s)\n", span(l.P50), span(l.P90), span(l.P99), span(l.P999), span(l.Max), r.basis())
	if r.Late != nil {
		fmt.Fprintf(&b, "            of which late before it was emitted: p50 %s, p99 %s\n", span(r.Late.P50), span(r.Late.P99))
	}
	b.WriteString(r.bars())
	return b.String()
}

// Title says what was measured, in one line.
func (r *Result) Title() string {
	c := r.Config
	parts := []string{string(c.Pattern), count(c.Clients, "client")}
	if c.Pattern == Requests {
		parts = append(parts, count(c.Callers, "caller")+" each")
	}
	if c.Senders > 1 || c.Events > 1 {
		parts = append(parts, count(c.Senders, "sender"), count(c.Events, "event"))
	}
	speed := "as fast as it goes"
	if c.Rate > 0 {
		speed = grouped(c.Rate) + " a second"
	}
	parts = append(parts, fmt.Sprintf("%d bytes", c.Size), "codec "+c.Codec, speed)
	if r.Interrupted {
		parts = append(parts, "interrupted")
	}
	return strings.Join(parts, ", ") + "\nover " + r.Address
}

func (r *Result) losses() string {
	text := grouped(float64(r.Lost))
	if r.Lost > 0 {
		text += fmt.Sprintf(" of %s in all", grouped(float64(r.SentInAll)))
	}
	if r.LostUnknown > 0 {
		text += fmt.Sprintf(", and %d times an unknown number", r.LostUnknown)
	}
	if r.Unaccounted != 0 {
		text += fmt.Sprintf("; %d are unaccounted for", r.Unaccounted)
	}
	return text
}

// basis says what a latency means.
func (r *Result) basis() string {
	switch {
	case r.Config.Rate > 0:
		return "from when it was due"
	case r.Config.Pattern == Requests:
		return "from asking to the reply"
	}
	return "at full load: most of it is waiting in the window; --rate measures a quieter line"
}

// bars draws the histogram.
func (r *Result) bars() string {
	const width = 40
	var most uint64
	for _, bin := range r.Histogram {
		most = max(most, bin.Count)
	}
	var b strings.Builder
	for _, bin := range r.Histogram {
		bar := ""
		if bin.Count > 0 {
			bar = strings.Repeat("#", max(int(bin.Count*width/most), 1))
		}
		fmt.Fprintf(&b, "  <= %9s  %-*s %s\n", span(bin.UpToUS), width, bar, grouped(float64(bin.Count)))
	}
	return b.String()
}

// span writes microseconds with three digits or so.
func span(us float64) string {
	d := time.Duration(us * float64(time.Microsecond))
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d)
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f µs", us)
	case d < time.Second:
		return fmt.Sprintf("%.2f ms", us/1e3)
	}
	return fmt.Sprintf("%.2f s", us/1e6)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// grouped writes a whole number with a comma before each three digits.
func grouped(v float64) string {
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
