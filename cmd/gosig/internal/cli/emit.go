package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/sig"
)

// emitFlags are what "emit" can be told.
type emitFlags struct {
	client  clientFlags
	sender  string
	text    bool
	lossy   bool
	timeout time.Duration
}

func newEmit(a *app) *cobra.Command {
	var f emitFlags
	cmd := &cobra.Command{
		Use:   "emit --connect URL --sender NAME EVENT [JSON | -]",
		Short: "Emit an event, or one for each line of standard input",
		Long: text(`
			emit connects a sender, emits, and disconnects it. Without a value the event
			carries null. With "-" each line of standard input is a JSON value and becomes
			an event; with --text each line is taken as a string. Integers keep all 64 bits.

			Nothing is lost: emitting is held back while a subscriber has no room, and emit
			ends when the router has taken everything. A line that is no JSON is reported
			with its number, the others are emitted, and the exit code is 1.

			With --lossy an event is worth nothing late, because the next one says it anew:
			emitting waits for nobody, and over quic:// events travel in datagrams. Subscribers
			are told of each that is lost.`),
		Example: text(`
			  gosig emit --connect ` + DefaultAddress + ` --sender kitchen temp 21.5
			  gosig emit -c ` + DefaultAddress + ` -s kitchen door '{"open":true}'

			  # one event for each JSON value
			  generate-json | gosig emit -c ` + DefaultAddress + ` -s plant reading -

			  # every new line of a log, as a string
			  tail -F some.log | gosig emit -c ` + DefaultAddress + ` -s web --text line -

			  # a position, many times a second
			  read-gps | gosig emit -c quic://router.example:7466 -s truck --lossy position -`),
		Args: args(1, 2, "the event and a value, or the event alone; the sender is what --sender says"),
		RunE: func(cmd *cobra.Command, args []string) error { return runEmit(cmd.Context(), a, &f, args) },
	}
	f.client.add(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&f.sender, "sender", "s", "", "name of the sender that emits")
	fs.BoolVar(&f.text, "text", false, "take the value, or each line, as a string and not as JSON")
	fs.BoolVar(&f.lossy, "lossy", false, "lose events rather than be late or wait for subscribers")
	fs.DurationVarP(&f.timeout, "timeout", "t", 0, "give up after this time (default: never)")
	return cmd
}

func runEmit(ctx context.Context, a *app, f *emitFlags, args []string) error {
	event := sig.Name(args[0])
	if f.sender == "" {
		return usagef("--sender is missing: in whose name is it emitted?")
	}
	if err := errors.Join(sig.Name(f.sender).Validate(), event.Validate()); err != nil {
		return usagef("%v", err)
	}
	fromInput := len(args) == 2 && args[1] == "-"
	var value any
	if len(args) == 2 && !fromInput {
		var err error
		if value, err = parseInput([]byte(args[1]), f.text); err != nil {
			return usagef("%s: %v; use --text for a plain string", event, err)
		}
	}
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	c, err := f.client.open(ctx, a)
	if err != nil {
		return err
	}
	e := &emitting{client: c, event: event, lossy: f.lossy}
	spec := sig.Spec{Events: []sig.Name{event}}
	if f.lossy {
		spec.Lossy = spec.Events
	}
	if e.sender, err = c.connect(ctx, f.sender, spec); err != nil {
		c.close()
		return err
	}
	if fromInput {
		err = e.lines(ctx, f.text)
	} else {
		err = e.emit(ctx, value)
	}
	return e.finish(err)
}

// connect connects a sender and waits until the router has agreed to the name.
func (c *client) connect(ctx context.Context, name string, spec sig.Spec) (*sig.Sender, error) {
	s, err := c.reg.Connect(sig.Name(name), spec)
	if err != nil {
		return nil, err
	}
	// The router answers in order: what it says of the name comes before the answer
	// to this.
	if err := c.reg.Sync(ctx); err != nil {
		return nil, err
	}
	return s, s.Err()
}

// emitting is a running "emit".
type emitting struct {
	*client
	sender *sig.Sender
	event  sig.Name
	lossy  bool
	done   int // events emitted
	bad    int // lines that were not
}

func (e *emitting) emit(ctx context.Context, value any) error {
	if e.lossy {
		return e.sender.Emit(e.event, value)
	}
	return e.sender.EmitWait(ctx, e.event, value)
}

// lines emits a line at a time.
func (e *emitting) lines(ctx context.Context, asText bool) error {
	lines, ended := e.read(ctx, asText)
	for {
		select {
		case <-ctx.Done():
			return e.stopped(ctx)
		case <-e.sender.Done():
			return e.sender.Err()
		case in, ok := <-lines:
			if !ok {
				return <-ended
			}
			if err := e.line(ctx, in); err != nil {
				return err
			}
		}
	}
}

// read reads ahead. Its goroutine ends with the input or with ctx; while it is
// blocked in a read of standard input nothing can end it but the process,
// which is why nobody waits for it.
func (e *emitting) read(ctx context.Context, asText bool) (<-chan input, <-chan error) {
	lines := make(chan input, 256) // some reading ahead; closed at the end of the input
	ended := make(chan error, 1)   // one value, before lines is closed
	go func() {
		defer close(lines)
		ended <- readLines(e.std.In, asText, func(in input) bool {
			select {
			case lines <- in:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	return lines, ended
}

// line emits one line, or reports it; an error means that no other line can be
// emitted either.
func (e *emitting) line(ctx context.Context, in input) error {
	err := in.err
	if err == nil {
		err = e.emit(ctx, in.value)
	}
	switch {
	case err == nil:
		e.done++
		return nil
	case in.err != nil, errors.Is(err, sig.ErrBadPayload), errors.Is(err, sig.ErrTooLarge):
		e.bad++
		e.notice("line %d: %v", in.line, err)
		return nil
	case ctx.Err() != nil:
		e.notice("line %d was not emitted", in.line)
		return e.stopped(ctx)
	}
	return fmt.Errorf("line %d: %w", in.line, err)
}

// stopped is no error after Ctrl-C: that is how a pipe from "tail -F" ends.
func (e *emitting) stopped(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return sig.NewError(sig.CodeTimeout, fmt.Sprintf("%d events were emitted", e.done))
}

// finish waits until the router has everything and says how it went.
func (e *emitting) finish(err error) error {
	if err != nil {
		e.close()
		return err
	}
	if err := e.client.finish(); err != nil {
		return err
	}
	if e.bad > 0 {
		e.notice("%d events emitted, %d lines were not", e.done, e.bad)
		return errReported
	}
	return nil
}
