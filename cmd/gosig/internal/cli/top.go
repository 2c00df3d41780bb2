package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/router"
)

// topFlags are what "top" can be told.
type topFlags struct {
	client   clientFlags
	output   string
	interval time.Duration
	count    int
	rows     int
}

func newTop(a *app) *cobra.Command {
	var f topFlags
	cmd := &cobra.Command{
		Use:   "top --connect URL",
		Short: "Show what passes a running router, live: rates, slow readers, losses",
		Long: text(`
			top asks a router every --interval what it has counted, and shows the rates since
			the time before: for the router as a whole, and for the clients for which most
			waits, of which most was lost, and that send and get most, in this order. Losses
			and limits that were reached stand below, with their rates.

			On a terminal the picture is drawn anew each time; Ctrl-C ends it. With -o json it is
			one object a line, with "router" (the counts as the router tells them) and "rate"
			(a second, null in the first). A router with a policy takes this from those who may
			"admin" "stats"; one without, from its own machine only.`),
		Example: text(`
			  gosig top --connect ` + DefaultAddress + `
			  gosig top -c ` + DefaultAddress + ` --count 2 --interval 5s
			  gosig top -c ` + DefaultAddress + ` -o json | jq .rate`),
		Args: args(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.interval < 50*time.Millisecond || f.count < 0 {
				return usagef("--interval must be at least 50ms, and --count not negative")
			}
			return f.run(cmd.Context(), a)
		},
	}
	f.client.add(cmd)
	fs := cmd.Flags()
	fs.DurationVar(&f.interval, "interval", time.Second, "how often to look")
	fs.IntVarP(&f.count, "count", "n", 0, "how often; 0 is until Ctrl-C")
	fs.IntVar(&f.rows, "rows", 15, "how many clients to show")
	outputFlag(cmd, &f.output, outText)
	return cmd
}

// topLine is a line of "top -o json".
type topLine struct {
	Router router.Snapshot `json:"router"`
	Rate   *topRate        `json:"rate"`
}

// topRate is what changed in a second, from the time before to this one.
type topRate struct {
	EventsIn    float64 `json:"events_in"`
	EventsOut   float64 `json:"events_out"`
	RequestsIn  float64 `json:"requests_in"`
	RequestsOut float64 `json:"requests_out"`
	BytesIn     float64 `json:"bytes_in"`
	BytesOut    float64 `json:"bytes_out"`
	Lost        float64 `json:"lost"`
}

func (f *topFlags) run(ctx context.Context, a *app) error {
	opening, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := f.client.open(opening, a)
	if err != nil {
		return err
	}
	defer c.close()
	draws := f.output == outText && terminal(a.std.Out)
	var before *router.Snapshot
	for n := 1; ; n++ {
		now, err := snapshot(ctx, c)
		if ctx.Err() != nil {
			return nil // Ctrl-C is how it ends
		}
		if err != nil {
			return err
		}
		if err := f.show(a.std.Out, draws, before, now); err != nil {
			return err
		}
		if before = now; n == f.count {
			return nil
		}
		select {
		case <-time.After(f.interval):
		case <-ctx.Done():
			return nil
		}
	}
}

func snapshot(ctx context.Context, c *client) (*router.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var s router.Snapshot
	return &s, c.cr.Admin(ctx, "stats", nil, &s)
}

func (f *topFlags) show(w io.Writer, draws bool, before, now *router.Snapshot) error {
	if f.output == outJSON {
		line := topLine{Router: *now}
		if before != nil {
			r := rateOf(before.Total, now.Total, now.Time.Sub(before.Time))
			line.Rate = &r
		}
		_, err := fmt.Fprintf(w, "%s\n", toJSON(line))
		return err
	}
	var b bytes.Buffer
	if draws {
		b.WriteString("\x1b[H\x1b[2J") // home, and empty: one write, so that it does not flicker
	}
	f.picture(&b, before, now)
	if !draws {
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

// rateOf is the change of counts in a second. A router that was started anew
// begins to count from 0.
func rateOf(before, now router.Traffic, passed time.Duration) topRate {
	per := func(before, now uint64) float64 {
		if passed <= 0 {
			return 0
		}
		if now < before {
			before = 0
		}
		return float64(now-before) / passed.Seconds()
	}
	return topRate{
		EventsIn: per(before.EventsIn, now.EventsIn), EventsOut: per(before.EventsOut, now.EventsOut),
		RequestsIn: per(before.RequestsIn, now.RequestsIn), RequestsOut: per(before.RequestsOut, now.RequestsOut),
		BytesIn: per(before.BytesIn, now.BytesIn), BytesOut: per(before.BytesOut, now.BytesOut), Lost: per(before.Lost, now.Lost),
	}
}

// picture is for people.
func (f *topFlags) picture(w io.Writer, before, now *router.Snapshot) {
	if before == nil {
		before = &router.Snapshot{Time: now.Time}
	}
	passed := now.Time.Sub(before.Time)
	r := rateOf(before.Total, now.Total, passed)
	fmt.Fprintf(w, "%s  %s  %d connections  violations %d  denials %d  panics %d\n", now.Time.Format(time.TimeOnly), plainText(now.Router), now.Connections, now.Violations, now.Denials, now.Panics)
	fmt.Fprintf(w, "events/s in %.0f out %.0f  requests/s in %.0f out %.0f  bytes/s in %s out %s  waiting %s\n\n", r.EventsIn, r.EventsOut, r.RequestsIn, r.RequestsOut,
		bytesText(r.BytesIn), bytesText(r.BytesOut), bytesText(float64(now.Total.Outbound)))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "CLIENT\tPRINCIPAL\tADDRESS\tEVENTS/S IN\tOUT\tREQUESTS/S\tWAITING\tLOST/S\tLOST\n")
	old := map[string]router.Traffic{}
	for _, c := range before.Clients {
		old[c.Address+c.Since.String()] = c.Traffic
	}
	for _, c := range now.Clients[:min(len(now.Clients), max(f.rows, 0))] {
		was, known := old[c.Address+c.Since.String()]
		if !known {
			was = c.Traffic // came, or was not among the first, since: nothing is known of it
		}
		r := rateOf(was, c.Traffic, passed)
		fmt.Fprintf(tw, "%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%s\t%.0f\t%d\n", plainText(c.Client), cmp.Or(plainText(c.Principal), "-"), plainText(c.Address), r.EventsIn, r.EventsOut,
			r.RequestsIn, bytesText(float64(c.Outbound)), r.Lost, c.Lost)
	}
	_ = tw.Flush() // into memory
	changes(w, "lost", before.Lost, now.Lost)
	changes(w, "limits", before.Limits, now.Limits)
}

// changes lists counts by name, with what came to them.
func changes(w io.Writer, what string, before, now map[string]uint64) {
	if len(now) == 0 {
		return
	}
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		text := fmt.Sprintf("%s %d", plainText(name), now[name])
		if n := now[name] - min(before[name], now[name]); n > 0 {
			text += fmt.Sprintf(" (+%d)", n)
		}
		texts = append(texts, text)
	}
	fmt.Fprintf(w, "\n%s  %s\n", what, strings.Join(texts, ", "))
}

// plainText is what a peer said, without what a terminal would obey.
func plainText(s string) string {
	q := fmt.Sprintf("%q", s)
	return q[1 : len(q)-1]
}

func bytesText(n float64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%.0fB", n)
	case n < 10<<20:
		return fmt.Sprintf("%.0fKiB", n/(1<<10))
	}
	return fmt.Sprintf("%.0fMiB", n/(1<<20))
}
