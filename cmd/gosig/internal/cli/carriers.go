package cli

import (
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/carrier"
)

// schemeLine is a line of "carriers -o json".
type schemeLine struct {
	Scheme     string      `json:"scheme"`
	URL        string      `json:"url"`
	Protects   string      `json:"protects"`
	Identity   string      `json:"identity"`
	Parameters []paramLine `json:"parameters"`
}

type paramLine struct {
	Name    string `json:"name"`
	Use     string `json:"use"` // dial, listen, both
	Meaning string `json:"meaning"`
}

func newCarriers(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "carriers",
		Short: "List the kinds of addresses this program speaks, with their options",
		Long: text(`
			carriers lists what --connect and --listen take: the form of each address, what
			protects it, how a peer proves who it is, and the parameters that may follow a
			"?", each for dialling, for listening, or for both.

			With -o json it is one object a line for each scheme: "scheme", "url",
			"protects", "identity" and "parameters" with "name", "use" and "meaning".`),
		Example: text(`
			  gosig carriers
			  gosig carriers -o json

			  # an address with parameters
			  gosig sub --connect 'tls://router.example:7466?ca=ca.pem&server_name=router'`),
		Args: args(0, 0, "none"),
		RunE: func(*cobra.Command, []string) error {
			lines := schemeLines((&securityFlags{}).carriers(quiet()))
			if output == outJSON {
				for _, l := range lines {
					if _, err := fmt.Fprintf(a.std.Out, "%s\n", toJSON(l)); err != nil {
						return err
					}
				}
				return nil
			}
			return printSchemes(a.std.Out, lines)
		},
	}
	outputFlag(cmd, &output, outText)
	return cmd
}

// quiet is a logger for what notices tell better.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func schemeLines(carriers []carrier.Carrier) []schemeLine {
	var lines []schemeLine
	for _, c := range carriers {
		for _, s := range carrier.Describe(c) {
			l := schemeLine{Scheme: s.Scheme, URL: s.Syntax, Protects: s.Protects, Identity: s.Proves, Parameters: []paramLine{}}
			for _, p := range s.Params {
				l.Parameters = append(l.Parameters, paramLine{p.Name, p.Use.String(), p.Meaning})
			}
			lines = append(lines, l)
		}
	}
	return lines
}

func printSchemes(w io.Writer, lines []schemeLine) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, l := range lines {
		if i > 0 {
			fmt.Fprintln(tw)
		}
		fmt.Fprintf(tw, "%s\n  protected by\t%s\n", l.URL, l.Protects)
		if l.Identity != "" {
			fmt.Fprintf(tw, "  peer known by\t%s\n", l.Identity)
		}
		for _, p := range l.Parameters {
			fmt.Fprintf(tw, "  ?%s\t%s: %s\n", p.Name, p.Use, p.Meaning)
		}
	}
	return tw.Flush()
}
