package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// Change is how one figure differs from an earlier run's.
type Change struct {
	Figure  string   `json:"figure"` // its key in a Result
	Before  float64  `json:"before"`
	Now     float64  `json:"now"`
	Percent *float64 `json:"percent"` // null if there is no telling: it was 0 and is not
}

// Comparison is a result beside an earlier one. Its JSON keys are a promise.
type Comparison struct {
	File    string   `json:"file"`
	Differs []string `json:"differs"` // how the two were not configured alike
	Changes []Change `json:"changes"`
}

// Parse reads what "-o json" has written; of several lines the last.
func Parse(text []byte) (*Result, error) {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	last := bytes.TrimSpace(lines[len(lines)-1])
	if len(last) == 0 {
		return nil, errors.New("it is empty")
	}
	var r Result
	if err := json.Unmarshal(last, &r); err != nil {
		return nil, fmt.Errorf("it is not what -o json writes: %w", err)
	}
	if r.Config.Pattern == "" || r.Seconds <= 0 {
		return nil, errors.New("it is not what -o json writes: it says nothing of a run")
	}
	return &r, nil
}

// Compare says what has changed since an earlier run.
func Compare(file string, before, now *Result) *Comparison {
	c := &Comparison{File: file, Differs: differences(before, now)}
	add := func(figure string, was, is float64) {
		change := Change{Figure: figure, Before: was, Now: is}
		if was != 0 || is == 0 {
			percent := 0.0
			if was != 0 {
				percent = math.Round(1000*(is-was)/was) / 10
			}
			change.Percent = &percent
		}
		c.Changes = append(c.Changes, change)
	}
	add("per_second", before.PerSecond, now.PerSecond)
	add("mb_per_second", before.MBPerSec, now.MBPerSec)
	add("cpu_us_per_delivery", before.CPU, now.CPU)
	add("latency_us.mean", before.Latency.Mean, now.Latency.Mean)
	add("latency_us.p50", before.Latency.P50, now.Latency.P50)
	add("latency_us.p90", before.Latency.P90, now.Latency.P90)
	add("latency_us.p99", before.Latency.P99, now.Latency.P99)
	add("latency_us.p99.9", before.Latency.P999, now.Latency.P999)
	add("latency_us.max", before.Latency.Max, now.Latency.Max)
	add("lost", float64(before.Lost), float64(now.Lost))
	add("failed", float64(before.Failed), float64(now.Failed))
	return c
}

// differences names what makes the figures of two runs hard to compare.
func differences(before, now *Result) []string {
	diffs := []string{}
	a, b := before.Config, now.Config
	for _, row := range []struct {
		what    string
		was, is any
	}{
		{"pattern", a.Pattern, b.Pattern},
		{"clients", a.Clients, b.Clients},
		{"senders", a.Senders, b.Senders},
		{"events", a.Events, b.Events},
		{"callers", a.Callers, b.Callers},
		{"size", a.Size, b.Size},
		{"rate", a.Rate, b.Rate},
		{"window", a.Window, b.Window},
		{"for", time.Duration(a.For), time.Duration(b.For)},
		{"warmup", time.Duration(a.Warmup), time.Duration(b.Warmup)},
		{"codec", a.Codec, b.Codec},
		{"scheme", scheme(before.Address), scheme(now.Address)},
		{"embedded router", before.Embedded, now.Embedded},
		{"interrupted", before.Interrupted, now.Interrupted},
	} {
		if row.was != row.is {
			diffs = append(diffs, fmt.Sprintf("%s was %v, is %v", row.what, row.was, row.is))
		}
	}
	return diffs
}

func scheme(url string) string { s, _, _ := strings.Cut(url, "://"); return s }

// Text is the comparison for people.
func (c *Comparison) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "compared with %s\n", c.File)
	for _, d := range c.Differs {
		fmt.Fprintf(&b, "  not configured alike: %s\n", d)
	}
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "before\tnow\tchange\t")
	for _, ch := range c.Changes {
		percent := "was 0"
		if ch.Percent != nil {
			percent = fmt.Sprintf("%+.1f %%", *ch.Percent)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t  %s\n", number(ch.Before), number(ch.Now), percent, ch.Figure)
	}
	_ = tw.Flush() // a strings.Builder takes everything
	return b.String()
}

func number(v float64) string {
	if math.Abs(v) >= 1000 {
		return grouped(v)
	}
	return fmt.Sprintf("%.4g", v)
}
