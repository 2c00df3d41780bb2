package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/sig"
)

// subFlags are what "sub" can be told.
type subFlags struct {
	client   clientFlags
	sender   string
	event    string
	count    uint64
	timeout  time.Duration
	presence bool
	lossy    bool
	output   string
}

func newSub(a *app) *cobra.Command {
	var f subFlags
	cmd := &cobra.Command{
		Use:   "sub --connect URL [--sender PATTERN] [--event PATTERN]",
		Short: "Subscribe to events and print each as one line",
		Long: text(`
			sub prints the events whose sender and name match, one line each. In a pattern
			"*" stands for one segment of a name and "**" for any number of them; without
			--sender and --event every event is printed.

			With -o json, the default, a line is {"sender":..,"event":..,"data":..}; with
			-o text it is the three without punctuation around them.

			"subscribed" on standard error says that from now on nothing is missed. Events
			that were lost on the way are told there as well, and with -o json by a line
			whose event is #lost. When the connection is lost, sub connects again.

			With --lossy sub would rather miss events than get them late: over quic:// they may
			come in datagrams, as long as nobody else behind this connection wants the same
			ones without loss. What an emitter holds back until everybody has room, as
			"gosig emit" does without --lossy, is never lost.

			Exit code 3: a policy does not allow the subscription, or does no longer; the rule
			is named. Exit code 4: the --timeout was over before --count events came, or, without
			--count, before any came.`),
		Example: text(`
			  # everything
			  gosig sub --connect ` + DefaultAddress + `

			  # the next temperature of the kitchen, at most a minute from now
			  gosig sub -c ` + DefaultAddress + ` --sender kitchen --event temp --count 1 --timeout 1m

			  # everything that any device on floor 3 says, with who comes and goes
			  gosig sub -c ` + DefaultAddress + ` --sender 'floor3/**' --presence

			  # count the lines of a log that somebody emits
			  gosig sub -c ` + DefaultAddress + ` --event line | wc -l`),
		Args: args(0, 0, "none; say what to listen to with --sender and --event"),
		RunE: func(cmd *cobra.Command, _ []string) error { return runSub(cmd.Context(), a, &f) },
	}
	f.client.add(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&f.sender, "sender", "s", string(sig.Any), "pattern of the senders")
	fs.StringVarP(&f.event, "event", "e", string(sig.Any), "pattern of the events")
	fs.Uint64VarP(&f.count, "count", "n", 0, "end after so many events (default: at Ctrl-C)")
	fs.DurationVarP(&f.timeout, "timeout", "t", 0, "end after this time (default: never)")
	fs.BoolVar(&f.presence, "presence", false, "also print who is there, and who comes (#connect) and goes (#disconnect)")
	fs.BoolVar(&f.lossy, "lossy", false, "rather miss events than get them late")
	outputFlag(cmd, &f.output, outJSON)
	return cmd
}

func runSub(ctx context.Context, a *app, f *subFlags) error {
	pattern := sig.Pattern{Sender: sig.Name(f.sender), Event: sig.Name(f.event)}
	if err := pattern.Validate(); err != nil {
		return usagef("%v", err)
	}
	interrupt := ctx
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	l := &listening{app: a, flags: f, pattern: pattern, ended: make(chan error, 1)}
	f.client.warned = l.warned
	c, err := f.client.open(ctx, a)
	if err != nil {
		return err
	}
	defer c.close()
	l.out = newPrinter(a.std.Out)
	err = l.listen(ctx, c.reg, pattern)
	if closed := l.out.Close(); err == nil {
		err = closed
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return l.over(interrupt)
	}
	return err
}

// listening is a running "sub".
type listening struct {
	*app
	flags   *subFlags
	pattern sig.Pattern
	out     *printer
	ended   chan error // capacity 1: the first reason to end

	mu      sync.Mutex
	seen    uint64
	inForce bool
	early   error // that it was ended before inForce was set
}

// warned ends a subscription that was in force and is allowed no longer. Of one
// that is refused from the start InForce tells.
func (l *listening) warned(w sig.Warning) bool {
	if !errors.Is(w.Err, sig.ErrDenied) || w.Sender != l.pattern.Sender || w.Event != l.pattern.Event {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var denied *sig.Error // without who says so
	if !errors.As(w.Err, &denied) {
		return false
	}
	l.early = fmt.Errorf("the subscription was ended: %w", denied)
	if l.inForce {
		l.end(l.early)
	}
	return true
}

func (l *listening) listen(ctx context.Context, reg *sig.Registry, p sig.Pattern) error {
	sub, err := sig.Subscribe(reg, p.Sender, p.Event, l.event, &sig.SubscribeOptions{Lossy: l.flags.lossy})
	if err != nil {
		return err
	}
	defer sub.Unsubscribe()
	if l.flags.presence {
		w, err := reg.Watch(p.Sender, l.presence, nil)
		if err != nil {
			return err
		}
		defer w.Unsubscribe()
	}
	if err := sub.InForce(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	if l.inForce = true; l.early != nil {
		l.end(l.early)
	}
	l.mu.Unlock()
	l.notice("subscribed to %s %s", p.Sender, p.Event)
	select {
	case err := <-l.ended:
		return err
	case <-sub.Done():
		return sub.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// event handles what the subscription brings, on the goroutine that received
// it: a slow reader of standard output holds back those who emit so.
func (l *listening) event(ev sig.Event) {
	switch data := ev.Data.(type) {
	case sig.Lost:
		l.notice("%v", data)
		l.print(ev.Sender, ev.Name, lostData{data.Event, data.Count, data.First, data.Last, data.Reason.String()})
		return
	case sig.Presence:
		if l.flags.event == string(sig.Any) {
			return // part of "everything", but printed only by --presence
		}
		ev.Data = presenceOf(data)
	}
	l.mu.Lock()
	l.seen++
	n := l.seen
	l.mu.Unlock()
	most := l.flags.count
	if most == 0 || n <= most {
		l.print(ev.Sender, ev.Name, ev.Data)
	}
	if n == most {
		l.end(nil)
	}
}

// presence prints who is there and who comes and goes; it counts no event.
func (l *listening) presence(c sig.PresenceChange) {
	data := presenceOf(c.Presence)
	switch c.Kind {
	case sig.Present:
		data.Present = true
		l.print(c.Sender, sig.EventConnect, data)
	case sig.Connected:
		l.print(c.Sender, sig.EventConnect, data)
	case sig.Disconnected:
		l.print(c.Sender, sig.EventDisconnect, data)
	}
}

func (l *listening) print(sender, event sig.Name, data any) {
	var line []byte
	if l.flags.output == outJSON {
		line = toJSON(eventLine{string(sender), string(event), toJSON(data)})
	} else {
		line = fmt.Appendf(nil, "%s %s %s", sender, event, toJSON(data))
	}
	if err := l.out.Line(line); err != nil {
		l.end(err)
	}
}

func (l *listening) end(err error) {
	select {
	case l.ended <- err:
	default: // there is a reason already
	}
}

// over says what it means that the time is over, or that a signal came.
func (l *listening) over(interrupt context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.flags
	switch {
	case f.count == 0 && (interrupt.Err() != nil || l.seen > 0):
		return nil
	case interrupt.Err() != nil:
		return fmt.Errorf("interrupted: %d of %d events came", l.seen, f.count)
	case f.count == 0:
		return sig.NewError(sig.CodeTimeout, fmt.Sprintf("no event came within %v", f.timeout))
	}
	return sig.NewError(sig.CodeTimeout, fmt.Sprintf("%d of %d events came within %v", l.seen, f.count, f.timeout))
}

// lostData is the data of a #lost line.
type lostData struct {
	Event  sig.Name `json:"event"`
	Count  uint64   `json:"count"` // 0: nobody can know
	First  uint64   `json:"first,omitempty"`
	Last   uint64   `json:"last,omitempty"`
	Reason string   `json:"reason"`
}

// presenceData is the data of a #connect or #disconnect line.
type presenceData struct {
	Events   []sig.Name `json:"events"`
	Requests []sig.Name `json:"requests"`
	Default  bool       `json:"default,omitempty"`
	Present  bool       `json:"present,omitempty"` // it was there already
	Reason   string     `json:"reason,omitempty"`
}

func presenceOf(p sig.Presence) presenceData {
	return presenceData{Events: some(p.Events), Requests: some(p.Requests), Default: p.Default, Reason: p.Reason}
}

// some is the list, never nil: JSON is to say [] and not null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
