package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/sig"
)

// senderLine is a line of "ls -o json".
type senderLine struct {
	Sender   sig.Name   `json:"sender"`
	Events   []sig.Name `json:"events"`
	Requests []sig.Name `json:"requests"`
	Default  bool       `json:"default"` // answers every method
}

func newLs(a *app) *cobra.Command {
	var (
		flags   clientFlags
		output  string
		timeout time.Duration
	)
	cmd := &cobra.Command{
		Use:   "ls --connect URL [PATTERN]",
		Short: "List who is connected, with events and requests",
		Long: text(`
			ls lists the connected senders whose names match, sorted, with the events they
			may emit and the requests they answer; "**" among the requests stands for a
			sender that answers every method.`),
		Example: text(`
			  gosig ls --connect ` + DefaultAddress + `
			  gosig ls -c ` + DefaultAddress + ` 'floor3/**' -o json`),
		Args: args(0, 1, "at most one: a pattern of names"),
		RunE: func(cmd *cobra.Command, args []string) error {
			pattern := sig.Any
			if len(args) == 1 {
				pattern = sig.Name(args[0])
			}
			if err := (sig.Pattern{Sender: pattern, Event: sig.Any}).Validate(); err != nil {
				return usagef("%v", err)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			c, err := flags.open(ctx, a)
			if err != nil {
				return err
			}
			defer c.close()
			return c.list(pattern, output)
		},
	}
	flags.add(cmd)
	cmd.Flags().DurationVarP(&timeout, "timeout", "t", 10*time.Second, "give up after this time")
	outputFlag(cmd, &output, outText)
	return cmd
}

func (c *client) list(pattern sig.Name, output string) error {
	var lines []senderLine
	for _, p := range c.reg.Senders() {
		if sig.MatchName(pattern, p.Sender) {
			lines = append(lines, senderLine{p.Sender, some(p.Events), some(p.Requests), p.Default})
		}
	}
	if len(lines) == 0 {
		c.notice("nobody is connected%s", map[bool]string{true: " whose name matches " + string(pattern)}[pattern != sig.Any])
		return nil
	}
	if output == outJSON {
		for _, l := range lines {
			if _, err := fmt.Fprintf(c.std.Out, "%s\n", toJSON(l)); err != nil {
				return err
			}
		}
		return nil
	}
	tw := tabwriter.NewWriter(c.std.Out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tw, "SENDER\tEVENTS\tREQUESTS")
	for _, l := range lines {
		if l.Default {
			l.Requests = append(l.Requests, sig.Any)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", l.Sender, listed(l.Events), listed(l.Requests))
	}
	return tw.Flush()
}

func listed(names []sig.Name) string {
	if len(names) == 0 {
		return "-"
	}
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = string(n)
	}
	return strings.Join(texts, ", ")
}
