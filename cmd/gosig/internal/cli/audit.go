package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/cmd/gosig/internal/audit"
)

func newAudit(a *app) *cobra.Command {
	return family(&cobra.Command{
		Use:   "audit",
		Short: "Check an audit log",
		Example: text(`
			  gosig serve --config gosig.toml --audit /var/log/gosig/audit.jsonl
			  gosig audit verify /var/log/gosig/audit.jsonl`),
	}, newAuditVerify(a))
}

// verified is what "audit verify -o json" prints.
type verified struct {
	File   string               `json:"file"`
	Whole  bool                 `json:"whole"`
	Lines  int64                `json:"lines"` // up to where it is whole
	Last   string               `json:"last"`  // hash of the last of them
	First  string               `json:"continues"`
	CutOff []int64              `json:"cut_off"`
	Kinds  map[audit.Kind]int64 `json:"kinds"`
	Line   int64                `json:"line"` // where it breaks, 0: nowhere
	Error  string               `json:"error"`
}

func newAuditVerify(a *app) *cobra.Command {
	var output, last string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Say whether an audit log is whole, or at which line it breaks",
		Long: text(`
			verify reads an audit log as "serve --audit" writes it. Each line has the hash of
			the one before: a line that was changed, removed or put in breaks the chain, and
			the number of the line where it breaks is told.

			Two things a chain cannot show by itself: lines missing at the end, and a file
			written anew from some line on. Both show if the last hash was kept elsewhere, as
			in the router's own log, which has it at every start, reload and end: --last says
			that a line with this hash must be there.

			The exit code is 0 if it is whole, and 1 if it is not, a last line that was cut off
			included. With -o json it is one object: "file", "whole", "lines", "last",
			"continues" (the hash that a file before this one ended with), "cut_off" (lines
			cut off by a crash, as the line behind says), "kinds", "line", "error".`),
		Example: text(`
			  gosig audit verify audit.jsonl
			  gosig audit verify audit.jsonl --last 7258fc16c9948866a0cdfd2e9f1e699604970bd8b1b0b56455006458a1f2717d
			  cat audit.jsonl.1 audit.jsonl | gosig audit verify /dev/stdin`),
		Args: args(1, 1, "one: the file"),
		RunE: func(_ *cobra.Command, args []string) error { return runAuditVerify(a, args[0], last, output) },
	}
	cmd.Flags().StringVar(&last, "last", "", "hash that one of the lines must have")
	outputFlag(cmd, &output, outText)
	return cmd
}

func runAuditVerify(a *app, file, last, output string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	got, wrong := audit.Verify(f, strings.ToLower(last))
	if output == outJSON {
		v := verified{
			File: file, Whole: wrong == nil, Lines: got.Lines, Last: got.Last, First: got.First,
			CutOff: append([]int64{}, got.CutOff...), Kinds: got.Kinds,
		}
		var broken *audit.Broken
		if errors.As(wrong, &broken) {
			v.Line = broken.Line
		}
		if wrong != nil {
			v.Error = wrong.Error()
		}
		_, err = fmt.Fprintf(a.std.Out, "%s\n", toJSON(v))
	} else if wrong == nil {
		_, err = fmt.Fprintf(a.std.Out, "%s is whole: %d lines, the last has the hash %s\n%s", file, got.Lines, got.Last, listKinds(got))
	}
	if got.First != "" {
		a.notice("it continues another file, whose last line has the hash %s", got.First)
	}
	for _, n := range got.CutOff {
		a.notice("line %d was cut off by a crash, as the line behind it says", n)
	}
	if wrong != nil {
		return fmt.Errorf("%s: %w", file, wrong)
	}
	return err
}

func listKinds(r *audit.Result) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(r.Kinds)) {
		fmt.Fprintf(&b, "  %-12s %d\n", k, r.Kinds[k])
	}
	return b.String()
}
