package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

func newAdmin(a *app) *cobra.Command {
	return family(&cobra.Command{
		Use:   "admin",
		Short: "Administer a running router: reload its policy, list its connections",
		Long: text(`
			admin asks a router to do something about itself. A policy decides who may, by the
			verb admin; of a router without one only who cannot come from another machine.

			  [[rule]]
			  label = "operators administer"
			  allow = ["admin"]
			  groups = ["operators"]
			  sender = "**"
			  name = "**"            # or "reload", "connections"`),
		Example: text(`
			  gosig admin reload --connect ` + DefaultAddress + `
			  gosig admin connections --connect ` + DefaultAddress),
	}, newAdminReload(a), newAdminConnections(a))
}

// adminFlags are what both can be told.
type adminFlags struct {
	client  clientFlags
	output  string
	timeout time.Duration
}

func (f *adminFlags) add(cmd *cobra.Command) *cobra.Command {
	f.client.add(cmd)
	cmd.Flags().DurationVarP(&f.timeout, "timeout", "t", 10*time.Second, "longest time for all of it")
	outputFlag(cmd, &f.output, outText)
	return cmd
}

// ask calls a method of the router.
func (f *adminFlags) ask(ctx context.Context, a *app, method sig.Name, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	c, err := f.client.open(ctx, a)
	if err != nil {
		return err
	}
	defer c.close()
	c.watch.end() // a reload may end this very connection
	return c.cr.Admin(ctx, method, nil, reply)
}

func newAdminReload(a *app) *cobra.Command {
	var f adminFlags
	return f.add(&cobra.Command{
		Use:   "reload --connect URL",
		Short: "Have the router read its policy again",
		Long: text(`
			reload has the router read its policy, as SIGHUP does and as it does by itself when
			the file changes, and says what came of it: which policy is in force, and how many
			connections were ended. With a mistake in it the old policy stays, and the mistake
			is told.

			With -o json it is one object: "file", "sha256", "rules", "connections_ended",
			"loaded" and "failed" (reloads since the start).`),
		Example: text(`
			  gosig admin reload --connect ` + DefaultAddress),
		Args: args(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var r reloaded
			if err := f.ask(cmd.Context(), a, adminReload, &r); err != nil {
				return err
			}
			if f.output == outJSON {
				_, err := fmt.Fprintf(a.std.Out, "%s\n", toJSON(r))
				return err
			}
			_, err := fmt.Fprintf(a.std.Out, "%s is in force: %d rules, sha256 %s, %d connections ended\n", r.File, r.Rules, r.SHA256, r.Ended)
			return err
		},
	})
}

func newAdminConnections(a *app) *cobra.Command {
	var f adminFlags
	return f.add(&cobra.Command{
		Use:   "connections --connect URL",
		Short: "List the router's connections: who, from where, since when",
		Long: text(`
			connections lists the open connections of a router, oldest first.

			With -o json it is one object a line: "client" (as it calls itself), "node",
			"principal", "method", "groups", "carrier", "listener", "address", "certificate"
			(its fingerprint), "codec", "since", "expires" (of the credential), "senders",
			"subscriptions", "requests".`),
		Example: text(`
			  gosig admin connections --connect ` + DefaultAddress + `
			  gosig admin connections -c ` + DefaultAddress + ` -o json`),
		Args: args(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []router.Connection
			if err := f.ask(cmd.Context(), a, "connections", &all); err != nil {
				return err
			}
			if f.output == outText {
				return printConnections(a.std.Out, all)
			}
			for _, c := range all {
				if _, err := fmt.Fprintf(a.std.Out, "%s\n", toJSON(c)); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

func printConnections(w io.Writer, all []router.Connection) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "PRINCIPAL\tPROVED BY\tCLIENT\tADDRESS\tSINCE\tSENDERS\tSUBSCRIPTIONS\tREQUESTS\n")
	for _, c := range all {
		fmt.Fprintf(tw, "%s\t%s\t%q\t%s\t%s\t%d\t%d\t%d\n", cmp.Or(c.Principal, "nobody"), cmp.Or(c.Method, "nothing"), c.Client, c.Address,
			c.Since.Format(time.DateTime), c.Senders, c.Subscriptions, c.Requests)
	}
	return tw.Flush()
}

// adminReload is the method that serve adds to the router's own.
const adminReload = "reload"

// adminMethods are those that serve adds to the router's own.
func (g *guard) adminMethods() map[sig.Name]sig.RequestHandler {
	return map[sig.Name]sig.RequestHandler{
		adminReload: sig.Handle(func(ctx context.Context, _ any) (reloaded, error) {
			who, _ := router.Caller(ctx)
			return g.reload("asked for by " + who.String())
		}),
	}
}
