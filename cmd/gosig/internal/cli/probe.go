package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
	"github.com/gosig/gosig/cmd/gosig/internal/probe"
	"github.com/gosig/gosig/codec"
)

// probeFlags are what "probe" can be told.
type probeFlags struct {
	codecs   []string
	name     string
	security securityFlags
	timeout  time.Duration
	pings    int
	output   string
}

func newProbe(a *app) *cobra.Command {
	var f probeFlags
	cmd := &cobra.Command{
		Use:   "probe URL",
		Short: "Connect step by step, and say what was negotiated or why it failed",
		Long: text(`
			probe connects to a router and says what it found at each step:

			  resolve   where the address leads
			  connect   the two ends of the connection
			  link      of a serial line: whether anything talks there and how long it takes
			            to answer, what was agreed, how many frames come damaged
			  secure    TLS or DTLS: version, cipher, the router's certificate and its
			            expiry, or the identity of the pre-shared key
			  hello     gosig's handshake: protocol, codec, the router, who it takes us
			            for, the limits and features in force
			  ping      round trips through the router's reader
			  goodbye   an orderly end

			At the other end of a serial line may be a router, or a device that looks for
			one: of that it says who calls, and sends it away in order. A port that a router
			has open is busy.

			If a step fails it says why and what to try, and the exit code is 1. At the
			router nothing changes: a probe announces no sender and subscribes to nothing.

			With -o json it is one object: "url", "ok", "failed" (the step), "error",
			"hint", "warnings", and "steps" with "step", "ok", "ms", "error" and what was
			found, under the step's name.`),
		Example: text(`
			  gosig probe ` + DefaultAddress + `
			  gosig probe tls://router.example:7466 --tls-ca ca.pem
			  gosig probe dtls://router.example:7467 --psk-file my.psk
			  gosig probe unix:///run/gosig.sock -o json
			  gosig probe 'serial:///dev/ttyUSB0?baud=115200'

			  # wait for a router, in a script
			  until gosig probe ` + DefaultAddress + ` --timeout 1s >/dev/null; do sleep 1; done`),
		Args:              args(1, 1, "one: the router's address"),
		ValidArgsFunction: addresses,
		RunE:              func(cmd *cobra.Command, args []string) error { return runProbe(cmd.Context(), a, &f, args[0]) },
	}
	codecFlag(cmd, &f.codecs, "codecs to offer, in order of preference (default cbor,json,raw)")
	fs := cmd.Flags()
	fs.StringVar(&f.name, "name", "", "how the probe introduces itself (default the host's name)")
	f.security.addClient(cmd)
	fs.DurationVarP(&f.timeout, "timeout", "t", 5*time.Second, "longest time for one step")
	fs.IntVarP(&f.pings, "pings", "n", 5, "round trips to measure")
	outputFlag(cmd, &f.output, outText)
	return cmd
}

// probing are the carriers as a probe needs them: it talks to whoever is at the
// other end of a serial line.
func probing(carriers []carrier.Carrier) []carrier.Carrier {
	for i, c := range carriers {
		if _, ok := c.(*serial.Carrier); ok {
			carriers[i] = serial.New(&serial.Options{Logger: quiet(), AnyPeer: true})
		}
	}
	return carriers
}

func runProbe(ctx context.Context, a *app, f *probeFlags, addr string) error {
	if _, err := config.SchemeOf(addr); err != nil {
		return usagef("%v", err)
	}
	if err := f.security.validate(); err != nil {
		return err
	}
	if f.timeout <= 0 || f.pings < 1 || f.pings > 1000 {
		return usagef("--timeout must be longer than nothing, and --pings from 1 to 1000")
	}
	codecs, err := newCodecs(codecNames(f.codecs), codec.Limits{})
	if err != nil {
		return usagef("--codec: %v", err)
	}
	opts := probe.Options{
		Carriers: probing(f.security.carriers(quiet())), Name: routerName(f.name), Timeout: f.timeout, Pings: f.pings,
		TrustedWires: f.security.credentials.trust,
	}
	if opts.Credentials, err = f.security.credentials.load(); err != nil {
		return err
	}
	for _, c := range codecs {
		opts.Codecs = append(opts.Codecs, string(c.ID()))
	}
	var written error
	if f.output == outText {
		opts.OnStep = func(s *probe.Step) {
			if _, err := fmt.Fprint(a.std.Out, s.Text()); err != nil && written == nil {
				written = err
			}
		}
	}
	report := probe.Run(ctx, addr, &opts)
	if f.output == outJSON {
		_, written = fmt.Fprintf(a.std.Out, "%s\n", toJSON(report))
	}
	for _, w := range report.Warnings {
		a.notice("warning: %s", w)
	}
	if report.Err == nil {
		return written
	}
	// Told, and not returned as it is: whatever it was, the exit code is 1.
	a.notice("cannot reach %s: it failed at the step %q: %s", report.URL, report.Failed, report.Error)
	if report.Hint != "" {
		a.notice("%s", report.Hint)
	}
	return errReported
}
