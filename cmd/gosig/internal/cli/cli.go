// Package cli is gosig's command line: one file per command, beside what they
// share.
//
// Data goes to standard output, notices to standard error. Every flag has an
// environment variable, GOSIG_ and its name in upper case. Exit codes: 0 done,
// 1 failed, 2 wrong usage, 3 denied, 4 timeout, 5 no such sender or method.
//
//	os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
)

// DefaultAddress is where examples and hints put a router.
const DefaultAddress = "tcp://127.0.0.1:7465"

// Streams are the standard streams of the process.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs one command line and returns the exit code. SIGINT and SIGTERM end
// a command in order; a second one ends the process at once.
func Main(args []string, std Streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on a signal has its usual effect
	return run(ctx, args, std)
}

func run(ctx context.Context, args []string, std Streams) int {
	std.Err = &lockedWriter{w: std.Err}
	root := newRoot(&app{std: std})
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil {
		report(std.Err, cmd, err)
	}
	return exitCode(err)
}

// app is what all commands share.
type app struct{ std Streams }

// notice tells the user something that is not data.
func (a *app) notice(format string, args ...any) {
	fmt.Fprintf(a.std.Err, "gosig: "+format+"\n", args...)
}

// lockedWriter keeps the lines of several goroutines apart.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "gosig",
		Short: "Dispatch signals, which are events and requests, between named senders",
		Long: text(`
			gosig dispatches signals, which are events and requests, between named senders.

			Run a router with "serve". Listen to events with "sub", emit some with "emit",
			ask with "request", answer with "respond", see who is there with "ls".
			"demo" shows all of it at once and needs nothing else. "probe" says why there is
			no connection, "bench" how much one carries.

			Data goes to standard output, notices to standard error. Every flag can be
			given by an environment variable as well: --connect by GOSIG_CONNECT.

			Exit codes: 0 done, 1 failed, 2 wrong usage, 3 denied, 4 timeout,
			5 no such sender or method.`),
		Example: text(`
			  gosig demo --for 10s

			  gosig serve --listen ` + DefaultAddress + `
			  gosig sub   --connect ` + DefaultAddress + `
			  gosig emit  --connect ` + DefaultAddress + ` --sender kitchen temp 21.5`),
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return usagef("there is no command %q; did you mean %s?", args[0], strings.Join(near, " or "))
			}
			return usagef("there is no command %q", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// A command is found first, then its flags get what the environment
		// says, then it runs.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return bindEnv(cmd, os.LookupEnv) },
	}
	root.SetIn(a.std.In)
	root.SetOut(a.std.Out)
	root.SetErr(a.std.Err)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newServe(a), newSub(a), newEmit(a), newRequest(a), newRespond(a), newLs(a), newTop(a), newProbe(a), newCarriers(a), newPorts(a), newBench(a), newDemo(a), newCheck(a), newACL(a), newAudit(a), newAdmin(a), newCA(a), newToken(a), newKeygen(a), newHash(a), newVersion(a))
	nameEnv(root)
	return root
}

// flagError says what is wrong with a flag. Behind a command that does not exist
// every flag is unknown, and the command is what has to be mended.
func flagError(cmd *cobra.Command, err error) error {
	var unknown interface{ GetSpecifiedName() string }
	if cmd.HasParent() && errors.As(err, &unknown) {
		if near := flagsNear(cmd, unknown.GetSpecifiedName()); len(near) > 0 {
			return usagef("%v; did you mean %s?", err, strings.Join(prefixed("--", near), " or "))
		}
	}
	if cmd.HasParent() {
		return usagef("%v", err)
	}
	return usagef("%v: flags belong to a command, such as serve or sub; is its name written right?", err)
}

// flagsNear are a command's flags with a name like this one, found as commands are.
func flagsNear(cmd *cobra.Command, name string) []string {
	flags := cobra.Command{SuggestionsMinimumDistance: 2}
	for _, f := range collect(cmd.Flags().VisitAll) {
		flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	}
	return flags.SuggestionsFor(name)
}

// text takes the indentation of the source out of a literal: as many tabs as
// its first line has.
func text(s string) string {
	s = strings.TrimPrefix(s, "\n")
	indent := s[:len(s)-len(strings.TrimLeft(s, "\t"))]
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimPrefix(line, indent))
	}
	return strings.TrimRight(b.String(), "\t\n")
}

// args checks how many arguments there are; what says it in words.
func args(least, most int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usagef("%d arguments were given; it takes %s", len(args), what)
		}
		return nil
	}
}
