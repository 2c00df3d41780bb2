// Package report holds what was measured, compares it, and writes it as JSON,
// as Markdown and as lines for other programs to read.
//
//	res.Add("pubsub-16B-1to1", "gosig", 0, figures)
//	res.Compare("gosig", comparisons)
//	err := res.Markdown(os.Stdout)
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/gosig/gosig/interop/bench/stats"
)

// Figures are measured values by their names.
type Figures = map[string]float64

// Sample is what one repetition has measured.
type Sample struct {
	Repetition int
	Figures    Figures
}

// Cell is one system's samples in one scenario.
type Cell struct {
	Scenario, System string
	Samples          []Sample
	Errors           []string `json:",omitempty"` // of repetitions that failed
}

// Values lists one figure of all repetitions.
func (c *Cell) Values(figure string) []float64 {
	var values []float64
	for _, s := range c.Samples {
		if v, ok := s.Figures[figure]; ok {
			values = append(values, v)
		}
	}
	return values
}

// Goal is what a ratio has to reach. The zero value is no goal.
type Goal struct {
	AtLeast, AtMost float64 `json:",omitempty"`
}

// Met reports whether a ratio reaches the goal.
func (g Goal) Met(v float64) bool {
	return (g.AtLeast == 0 || v >= g.AtLeast) && (g.AtMost == 0 || v <= g.AtMost)
}

// String says the goal, or "" for none.
func (g Goal) String() string {
	switch {
	case g.AtLeast != 0:
		return fmt.Sprintf(">= %.4g", g.AtLeast)
	case g.AtMost != 0:
		return fmt.Sprintf("<= %.4g", g.AtMost)
	}
	return ""
}

// Comparison divides one cell's figure by another's.
type Comparison struct {
	Name           string // of the ratio
	Scenario       string // of ours
	System         string
	AgainstCell    string // scenario of theirs; "": the same
	AgainstSystem  string
	Figure         string
	AgainstNothing bool // the figure itself is the value
	Goal           Goal
	Scale          float64 // the value is multiplied by this; 0 is 1
}

// Ratio is the outcome of a comparison.
type Ratio struct {
	Name  string
	Value float64
	Goal  Goal
	Alone bool `json:",omitempty"` // no ratio but the figure itself
}

// Machine says where it was measured.
type Machine struct {
	CPU, Go, System string
	CPUs            int
	// How long a byte takes from one processor to another whose thread sleeps, where
	// idle processors halt and where they are kept awake; 0: not measured. Rows of one
	// message at a time are in whichever of the two takes less.
	HopHalting, HopAwake time.Duration `json:",omitzero"`
}

// mode says what idle processors do in rows of one message at a time.
func (m *Machine) mode() string {
	switch {
	case m.HopHalting == 0:
		return ""
	case m.HopAwake <= m.HopHalting:
		return fmt.Sprintf("one message at a time with processors kept awake: a hop between them takes %v, and %v where they halt", m.HopAwake.Round(time.Microsecond), m.HopHalting.Round(time.Microsecond))
	}
	return fmt.Sprintf("one message at a time with processors that halt when idle: a hop between them takes %v, and %v where they are kept awake", m.HopHalting.Round(time.Microsecond), m.HopAwake.Round(time.Microsecond))
}

// Results is one run.
type Results struct {
	When        time.Time
	Machine     Machine
	Repetitions int
	Cells       []*Cell
	Ratios      []Ratio

	index map[[2]string]*Cell
}

// Cell returns the samples of a system in a scenario, nil if there are none.
func (r *Results) Cell(scenario, system string) *Cell { return r.index[[2]string{scenario, system}] }

func (r *Results) cell(scenario, system string) *Cell {
	key := [2]string{scenario, system}
	if c := r.index[key]; c != nil {
		return c
	}
	if r.index == nil {
		r.index = make(map[[2]string]*Cell)
	}
	c := &Cell{Scenario: scenario, System: system}
	r.index[key] = c
	r.Cells = append(r.Cells, c)
	return c
}

// Add stores what one repetition has measured.
func (r *Results) Add(scenario, system string, repetition int, f Figures) {
	c := r.cell(scenario, system)
	c.Samples = append(c.Samples, Sample{repetition, f})
}

// Fail stores why a repetition has measured nothing.
func (r *Results) Fail(scenario, system string, err error) {
	c := r.cell(scenario, system)
	c.Errors = append(c.Errors, err.Error())
}

// Failed says which repetitions have measured nothing, and why; nil: none.
func (r *Results) Failed() error {
	var failed []error
	for _, c := range r.Cells {
		for _, e := range c.Errors {
			failed = append(failed, fmt.Errorf("%s, %s: %s", c.Scenario, c.System, e))
		}
	}
	return errors.Join(failed...)
}

// Compare works out those ratios whose both sides were measured.
func (r *Results) Compare(list []Comparison) {
	r.Ratios = r.Ratios[:0]
	for _, c := range list {
		if v := r.value(c); !math.IsNaN(v) {
			if c.Scale != 0 {
				v *= c.Scale
			}
			r.Ratios = append(r.Ratios, Ratio{c.Name, v, c.Goal, c.AgainstNothing})
		}
	}
}

// value pairs the repetitions of both sides.
func (r *Results) value(c Comparison) float64 {
	ours := r.Cell(c.Scenario, c.System)
	if ours == nil {
		return math.NaN()
	}
	if c.AgainstNothing {
		return stats.Median(ours.Values(c.Figure))
	}
	against := c.AgainstCell
	if against == "" {
		against = c.Scenario
	}
	theirs := r.Cell(against, c.AgainstSystem)
	if theirs == nil {
		return math.NaN()
	}
	var a, b []float64
	for _, mine := range ours.Samples {
		for _, other := range theirs.Samples {
			if mine.Repetition == other.Repetition {
				a, b = append(a, valueOf(mine, c.Figure)), append(b, valueOf(other, c.Figure))
			}
		}
	}
	return stats.Ratio(a, b)
}

func valueOf(s Sample, figure string) float64 {
	if v, ok := s.Figures[figure]; ok {
		return v
	}
	return math.NaN()
}

// JSON writes everything.
func (r *Results) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(r)
}

// Lines writes "ratio NAME VALUE" for each ratio, and "figure NAME VALUE"
// before them for what is compared with nothing.
func (r *Results) Lines(w io.Writer) error {
	return errors.Join(r.lines(w, "figure", true), r.lines(w, "ratio", false))
}

func (r *Results) lines(w io.Writer, word string, alone bool) error {
	for _, x := range r.Ratios {
		if x.Alone != alone {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s %s %.4g\n", word, x.Name, x.Value); err != nil {
			return err
		}
	}
	return nil
}
