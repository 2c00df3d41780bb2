package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/cmd/gosig/internal/bench"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// benchFlags are what "bench" can be told.
type benchFlags struct {
	client  clientFlags
	config  bench.Config
	last    time.Duration
	warmup  time.Duration
	compare string
	output  string
}

func newBench(a *app) *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench [--connect URL] [--pattern 1-1|1-n|n-1|requests]",
		Short: "Measure what a router delivers: rates, losses, latencies",
		Long: text(`
			bench loads a router with clients of its own, each on a connection of its own,
			and measures what is delivered. Without --connect it measures a router inside
			this process, over the loopback interface.

			  1-1        pairs of a publisher and a subscriber; --clients pairs
			  1-n        one publisher, --clients subscribers that get everything
			  n-1        --clients publishers, one subscriber that gets everything
			  requests   --clients connections with --callers each, one that answers

			Without --rate it goes as fast as it can with nothing lost: publishers stay
			within --window of the slowest subscriber, and most of the latency is waiting
			in there. With --rate events go out when they are due, whatever became of those
			before; latency counts from when an event was due, so that a stall is not left
			out, and what the router drops is counted as lost.

			CPU is that of this process: its clients, and the router if it is inside. Run
			the router elsewhere to measure it alone. Names are new for each run: several
			benches may use one router. Ctrl-C ends with what was measured so far.

			With -o json it is one object, whose latency is in "latency_us" by "p50", "p90",
			"p99", "p99.9", "max", beside "per_second", "mb_per_second", "delivered",
			"lost", "unaccounted", "failed", "cpu_us_per_delivery", "histogram" and
			"config". --compare FILE shows the change since such an object was written, in
			percent, and how the two were not configured alike.`),
		Example: text(`
			  gosig bench
			  gosig bench --connect ` + DefaultAddress + ` --pattern 1-n --clients 50 --size 1KiB

			  # the latency at 10,000 events a second, of many senders and events
			  gosig bench -c ` + DefaultAddress + ` --rate 10k/s --senders 20 --events 10

			  # requests: 64 under way on one connection
			  gosig bench -c ` + DefaultAddress + ` --pattern requests --callers 64

			  # before and after a change
			  gosig bench -c ` + DefaultAddress + ` -o json >before.json
			  gosig bench -c ` + DefaultAddress + ` --compare before.json`),
		Args: args(0, 0, "none; say where with --connect and what with --pattern"),
		RunE: func(cmd *cobra.Command, _ []string) error { return runBench(cmd.Context(), a, &f) },
	}
	f.client.add(cmd)
	f.add(cmd)
	return cmd
}

func (f *benchFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	var patterns []string
	for _, p := range bench.Patterns {
		patterns = append(patterns, string(p))
	}
	f.config.Pattern, f.config.Size, f.config.Window = bench.OneToOne, 128, 1<<20
	fs.Var(&choice{to: (*string)(&f.config.Pattern), of: patterns}, "pattern", "who talks to whom: "+strings.Join(patterns, ", "))
	fs.IntVar(&f.config.Clients, "clients", 0, "pairs, subscribers, publishers or calling clients (default 1, of 1-n and n-1 10)")
	fs.Var(&sizeFlag{&f.config.Size}, "size", "bytes of a payload, like 128 or 1KiB")
	fs.IntVar(&f.config.Senders, "senders", 1, "senders of each publisher, which emit in turn; of requests, those that answer")
	fs.IntVar(&f.config.Events, "events", 1, "events of each sender, emitted in turn")
	fs.IntVar(&f.config.Callers, "callers", 1, "requests under way on each connection")
	fs.Var(&rateFlag{&f.config.Rate}, "rate", "events or requests a second in all, like 500, 10k/s or 2M/s (default: as fast as it goes)")
	fs.Var(&sizeFlag{&f.config.Window}, "window", "bytes under way to a subscriber, without --rate")
	fs.DurationVar(&f.last, "for", 5*time.Second, "how long to measure")
	fs.DurationVar(&f.warmup, "warmup", time.Second, "how long to run before that")
	fs.StringVar(&f.compare, "compare", "", "file with the -o json of an earlier run to compare with")
	outputFlag(cmd, &f.output, outText)
	completes(cmd, "pattern", patterns...)
}

func runBench(ctx context.Context, a *app, f *benchFlags) error {
	f.config.For, f.config.Warmup = bench.Duration(f.last), bench.Duration(f.warmup)
	if f.last == 0 {
		return usagef("--for 0s is no time to measure")
	}
	if err := f.config.Validate(); err != nil {
		return usagef("--%v", err)
	}
	var before *bench.Result
	if f.compare != "" {
		var err error
		if before, err = readResult(f.compare); err != nil {
			return err
		}
	}
	embedded := len(f.client.connect) == 0
	if embedded {
		end, err := f.embed(ctx)
		if err != nil {
			return err
		}
		defer end()
		a.notice("no --connect was given: measuring a router inside this process, at %s", f.client.connect[0])
	}
	result, err := f.run(ctx, a)
	if err != nil {
		return err
	}
	result.Embedded, result.Version = embedded, buildVersion().Version
	return f.print(a, result, before)
}

// readResult reads what "bench -o json" has written.
func readResult(file string) (*bench.Result, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--compare: %w", err)
	}
	r, err := bench.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("--compare %s: %w", file, err)
	}
	return r, nil
}

// embed runs a router in this process and has the clients connect to it.
func (f *benchFlags) embed(ctx context.Context) (end func(), err error) {
	codecs, err := newCodecs(codecNames(f.client.codecs), codec.Limits{})
	if err != nil {
		return nil, usagef("--codec: %v", err)
	}
	reg := sig.New(&sig.Options{Name: "bench"})
	sr, err := router.NewServerRouter(reg, &router.ServerOptions{
		Carriers: f.client.security.carriers(quiet()), Codecs: codecs, Name: "bench", Logger: quiet(),
	})
	if err != nil {
		return nil, errors.Join(err, reg.Close())
	}
	end = func() {
		_ = sr.Close() // the measuring is over
		_ = reg.Close()
	}
	addr, err := sr.Listen(ctx, "tcp://127.0.0.1:0")
	if err != nil {
		end()
		return nil, err
	}
	f.client.connect = []string{addr}
	return end, nil
}

// benchClient is a client as a bench wants it.
type benchClient struct{ *client }

func (c benchClient) Registry() *sig.Registry { return c.reg }

func (c benchClient) Close() { c.close() }

func (c benchClient) Connect(ctx context.Context, name sig.Name, spec sig.Spec) (*sig.Sender, error) {
	return c.connect(ctx, string(name), spec)
}

func (f *benchFlags) run(ctx context.Context, a *app) (*bench.Result, error) {
	var state router.State // of the first connection
	dial := func(ctx context.Context) (bench.Client, error) {
		c, err := f.client.open(ctx, a)
		if err != nil {
			return nil, err
		}
		if state.Address == "" {
			state = c.cr.State()
		}
		return benchClient{c}, nil
	}
	var progress bench.Progress
	if terminal(a.std.Err) {
		bar := bench.NewBar(a.std.Err, f.warmup+f.last)
		defer bar.Clear()
		progress = bar.Show
	}
	result, err := bench.Run(ctx, f.config, dial, progress)
	if err == nil {
		result.Address, result.Config.Codec = state.Address, string(state.Codec)
	}
	return result, err
}

// benchLine is what "bench -o json" prints.
type benchLine struct {
	*bench.Result
	Compare *bench.Comparison `json:"compare,omitempty"`
}

func (f *benchFlags) print(a *app, result, before *bench.Result) error {
	line := benchLine{Result: result}
	if before != nil {
		line.Compare = bench.Compare(f.compare, before, result)
	}
	if f.output == outJSON {
		_, err := fmt.Fprintf(a.std.Out, "%s\n", toJSON(line))
		return err
	}
	text := result.Text()
	if line.Compare != nil {
		text += "\n" + line.Compare.Text()
	}
	_, err := fmt.Fprint(a.std.Out, text)
	return err
}
