// Package demo is "gosig demo": a router on four carriers in one process, with
// senders that measure this host on connections of their own and viewers that
// print what reaches them. Everything it shows went through the router.
//
//	err := demo.Run(ctx, demo.Options{Out: os.Stdout, For: 10 * time.Second})
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gosig/gosig/sig"
)

// Options of [Run].
type Options struct {
	Out io.Writer
	// For is how long it lasts; default: until the context ends.
	For time.Duration
	// Program is how a user calls gosig, for the commands to try; default
	// "gosig".
	Program string
}

// longestTick is the time between two rounds of measuring.
const longestTick = time.Second

// patience bounds what takes no time unless something is broken.
const patience = 10 * time.Second

// Run shows the demo until its time is over or ctx ends, and then says what
// has happened. It is an error if something that was emitted did not arrive.
func Run(ctx context.Context, opts Options) (err error) {
	if opts.Program == "" {
		opts.Program = "gosig"
	}
	d := &demo{opts: opts, screen: newScreen(opts.Out)}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.build(ctx); err != nil {
		return err
	}
	if err := d.play(ctx); err != nil {
		return err
	}
	return d.finish()
}

type demo struct {
	opts     Options
	screen   *screen
	hub      *hub
	viewers  []*viewer
	stations []*station
	asked    int
}

// build starts the router, then those who look, then those who measure: so the
// viewers see the senders come.
func (d *demo) build(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if d.hub, err = startHub(ctx); err != nil {
		return err
	}
	d.introduce()
	for _, s := range seats {
		v, err := d.hub.seat(ctx, s, d.screen, d.label)
		if err != nil {
			return err
		}
		d.viewers = append(d.viewers, v)
	}
	for _, p := range posts {
		s, err := d.hub.post(ctx, p)
		if err != nil {
			return err
		}
		d.stations = append(d.stations, s)
	}
	return nil
}

// label says by which carrier and codec a sender is connected.
func (d *demo) label(sender sig.Name) string {
	for _, p := range posts {
		if p.sender == sender {
			return "(" + p.scheme + ", " + p.codec + ")"
		}
	}
	return "(another shell)"
}

func (d *demo) introduce() {
	s := d.screen
	s.Printf("A router in this process listens on\n")
	for _, addr := range d.hub.addrs {
		s.Printf("  %s\n", addr)
	}
	tcp := d.hub.addr("tcp")
	s.Printf("While it runs, try in another shell\n")
	s.Printf("  %s sub --connect %s\n", d.opts.Program, tcp)
	s.Printf("  %s ls --connect %s\n", d.opts.Program, tcp)
	s.Printf("  %s request --connect %s host/memory now\n", d.opts.Program, tcp)
	s.Printf("  %s emit --connect %s --sender me hello '\"world\"'\n\n", d.opts.Program, tcp)
}

// play lets things happen until the time is over.
func (d *demo) play(ctx context.Context) error {
	tick := longestTick
	if d.opts.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.opts.For)
		defer cancel()
		// Short shows are told faster: eight rounds are the whole story.
		tick = max(min(tick, d.opts.For/8), 10*time.Millisecond)
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for round := 0; ; round++ {
		if err := d.round(ctx, round); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// round measures once, and tells the next piece of the story: a request, a
// sender that leaves, and its return.
func (d *demo) round(ctx context.Context, n int) error {
	for _, s := range d.stations {
		if err := s.emit(); err != nil {
			return err
		}
	}
	last := d.stations[len(d.stations)-1]
	switch n % 10 {
	case 1:
		return d.ask(ctx)
	case 2:
		return last.leave("restarting")
	case 4:
		return last.join(ctx)
	}
	return nil
}

// ask makes a viewer ask a station: from one connection, through the router,
// to another and back.
func (d *demo) ask(ctx context.Context) error {
	from, to := d.viewers[0], posts[1]
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	reply, err := sig.Call[any](ctx, from.reg, to.sender, "now", nil)
	if err != nil {
		return fmt.Errorf("request %s now: %w", to.sender, err)
	}
	d.asked++
	d.screen.line("request", to.sender, d.label(to.sender), from.seat.String(), "now", reply)
	return nil
}

// finish lets all senders leave and waits until every viewer has seen it: what
// was emitted before has arrived by then, since nothing overtakes.
func (d *demo) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	emitted := 0
	for _, s := range d.stations {
		emitted += s.emitted
		if err := s.shutdown(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.post.sender, err)
		}
	}
	for _, v := range d.viewers {
		if err := v.awaitEnd(ctx); err != nil {
			return fmt.Errorf("%s has not seen everybody leave: %w", v.seat, err)
		}
	}
	return d.summary(emitted)
}

func (d *demo) summary(emitted int) error {
	s, c := d.screen, d.screen.counts()
	s.Printf("\n%d senders on %d carriers emitted %d events; %d arrived, %d were lost.\n", len(posts), len(posts), emitted, c.events, c.lost)
	answered := "requests were"
	if d.asked == 1 {
		answered = "request was"
	}
	s.Printf("%d times a sender connected, %d times one disconnected; %d %s answered.\n", c.connects, c.disconnects, d.asked, answered)
	s.Printf("Next, a router of your own:\n")
	s.Printf("  %s serve --listen tcp://127.0.0.1:7465\n", d.opts.Program)
	s.Printf("  %s sub --connect tcp://127.0.0.1:7465\n", d.opts.Program)
	s.Printf("  %s emit --connect tcp://127.0.0.1:7465 --sender me hello '\"world\"'\n", d.opts.Program)
	s.Printf("  %s --help\n", d.opts.Program)
	if c.events+c.lost < emitted {
		return fmt.Errorf("%d events have neither arrived nor been announced as lost", emitted-c.events-c.lost)
	}
	return s.err()
}

func (d *demo) close() error {
	for _, s := range d.stations {
		s.close()
	}
	for _, v := range d.viewers {
		v.close()
	}
	if d.hub == nil {
		return nil
	}
	return d.hub.close()
}
