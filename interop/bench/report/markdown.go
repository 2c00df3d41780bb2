package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/gosig/gosig/interop/bench/stats"
)

// Column is one figure in the tables.
type Column struct {
	Figure string
	Title  string
	Spread bool // show how far the repetitions lie apart
}

// Section is the tables of some scenarios under one heading.
type Section struct {
	Title     string
	Scenarios []string
	Columns   []Column
	Ours      string // whose first figure is compared with each row's
}

// Markdown writes a table for each scenario that was measured, and the ratios.
func (r *Results) Markdown(w io.Writer, sections []Section) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s, %d CPUs, %s, %s; %s; medians of %d repetitions\n",
		r.Machine.CPU, r.Machine.CPUs, r.Machine.System, r.Machine.Go, r.When.Format("2 January 2006"), r.Repetitions)
	if mode := r.Machine.mode(); mode != "" {
		fmt.Fprintf(out, "\n%s\n", mode)
	}
	for _, s := range sections {
		if slices.ContainsFunc(s.Scenarios, func(name string) bool { return len(r.systems(name)) > 0 }) {
			fmt.Fprintf(out, "\n## %s\n", s.Title)
			for _, name := range s.Scenarios {
				r.table(out, name, s)
			}
		}
	}
	r.ratioTable(out)
	r.errorList(out)
	return out.Flush()
}

// systems lists who has samples in a scenario.
func (r *Results) systems(scenario string) []*Cell {
	var cells []*Cell
	for _, c := range r.Cells {
		if c.Scenario == scenario && len(c.Samples) > 0 {
			cells = append(cells, c)
		}
	}
	return cells
}

func (r *Results) table(w io.Writer, scenario string, s Section) {
	cells := r.systems(scenario)
	if len(cells) == 0 {
		return
	}
	head := []string{"system"}
	for _, c := range s.Columns {
		head = append(head, c.Title)
		if c.Spread {
			head = append(head, "spread")
		}
	}
	head = append(head, s.Ours+"/this")
	fmt.Fprintf(w, "\n**%s**\n\n| %s |\n|---%s|\n", scenario, strings.Join(head, " | "), strings.Repeat("|--:", len(head)-1))
	for _, cell := range cells {
		fields := []string{cell.System}
		for _, c := range s.Columns {
			values := cell.Values(c.Figure)
			fields = append(fields, Human(stats.Median(values)))
			if c.Spread {
				fields = append(fields, fmt.Sprintf("%.0f %%", 100*stats.Spread(values)))
			}
		}
		ratio := r.value(Comparison{Scenario: scenario, System: s.Ours, AgainstSystem: cell.System, Figure: s.Columns[0].Figure})
		fields = append(fields, Human(ratio))
		fmt.Fprintf(w, "| %s |\n", strings.Join(fields, " | "))
	}
}

func (r *Results) ratioTable(w io.Writer) {
	if len(r.Ratios) == 0 {
		return
	}
	fmt.Fprintf(w, "\n## Ratios\n\n| ratio | value | goal | met |\n|---|--:|--:|---|\n")
	for _, x := range r.Ratios {
		met := ""
		if x.Goal != (Goal{}) {
			met = map[bool]string{true: "yes", false: "no"}[x.Goal.Met(x.Value)]
		}
		fmt.Fprintf(w, "| %s | %.3g | %s | %s |\n", x.Name, x.Value, x.Goal, met)
	}
}

func (r *Results) errorList(w io.Writer) {
	if err := r.Failed(); err != nil {
		fmt.Fprintf(w, "\n## Failed\n\n- %s\n", strings.ReplaceAll(err.Error(), "\n", "\n- "))
	}
}

// Human writes a figure with three or four digits: 12.3M, 456k, 7890, 12.3.
func Human(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "-"
	case a >= 1e6:
		return fmt.Sprintf("%.2fM", v/1e6)
	case a >= 1e4:
		return fmt.Sprintf("%.1fk", v/1e3)
	case a >= 1000:
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}
