// Package demo is "gosig demo": a router in this process that listens on every
// carrier there is, and a client on each that measures this host and hears what
// all the others emit. Everything it shows went through the router.
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
const longestTick = 2 * time.Second

// patience bounds what takes no time unless something is broken.
const patience = 10 * time.Second

// Run shows the demo until its time is over or ctx ends, and then says who has
// heard whom. It is an error, which names the carrier, if one fails or something
// that was emitted did not arrive everywhere.
func Run(ctx context.Context, opts Options) (err error) {
	d := newDemo(opts)
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
	stations []*station
	asked    int
}

func newDemo(opts Options) *demo {
	if opts.Program == "" {
		opts.Program = "gosig"
	}
	return &demo{opts: opts, screen: newScreen(opts.Out)}
}

// build starts the router and the clients. All of them listen before the first
// sender comes: so everybody sees everybody come.
func (d *demo) build(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if d.hub, err = startHub(ctx); err != nil {
		return err
	}
	d.introduce()
	for _, p := range posts {
		s, err := d.hub.newStation(ctx, p, d.screen)
		if err != nil {
			return err
		}
		d.stations = append(d.stations, s)
	}
	for _, s := range d.stations {
		if err := s.join(ctx); err != nil {
			return fmt.Errorf("carrier %s: %w", s.post.scheme, err)
		}
	}
	return nil
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
	if err := d.failed(); err != nil {
		return err
	}
	d.screen.round()
	for _, s := range d.stations {
		if err := s.emit(); err != nil {
			return err
		}
	}
	last := d.stations[len(d.stations)-1]
	switch n % 10 {
	case 2:
		return last.leave("restarting")
	case 4:
		return last.join(ctx)
	case 1, 3, 5, 7, 9:
		return d.ask(ctx, n)
	}
	return nil
}

// ask makes one client ask another: from one carrier, through the router, to
// another and back. It is always another pair.
func (d *demo) ask(ctx context.Context, n int) error {
	count := len(d.stations)
	from := d.stations[3*n%count]
	to := d.stations[(3*n+count/2)%count]
	if to.sender == nil { // it has left for a while
		to = d.stations[(3*n+1)%count]
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	reply, err := sig.Call[any](ctx, from.reg, to.post.sender, "now", nil)
	if err != nil {
		return fmt.Errorf("carrier %s: request %s now: %w", from.post.scheme, to.post.sender, err)
	}
	d.asked++
	d.screen.line("reply", to.post.sender, to.post.String(), from.post.String(), "now: "+brief(reply, to.show))
	return nil
}

// failed says which carriers have failed, and why.
func (d *demo) failed() error {
	var all []error
	for _, s := range d.stations {
		all = append(all, s.failure())
	}
	return errors.Join(all...)
}

// farewell is the reason for which everybody leaves at the end.
const farewell = "the demo ends"

// finish lets all senders leave, waits until everybody has seen it, and says who
// has heard whom.
func (d *demo) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := d.failed(); err != nil {
		return err
	}
	for _, s := range d.stations {
		if err := s.leave(farewell); err != nil {
			return fmt.Errorf("carrier %s: %w", s.post.scheme, err)
		}
	}
	var missing error
	for _, s := range d.stations {
		missing = errors.Join(missing, s.awaitEnd(ctx))
	}
	return d.summary(missing)
}

func (d *demo) close() error {
	for _, s := range d.stations {
		s.close()
	}
	if d.hub == nil {
		return nil
	}
	return d.hub.close()
}
