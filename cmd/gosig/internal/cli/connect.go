package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/cmd/gosig/internal/config"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// goodbye is how long a command that has done its work waits for the router to
// take what is still on its way.
const goodbye = 10 * time.Second

// farewell is how long a command that waits for nothing more takes to say goodbye.
const farewell = 200 * time.Millisecond

// slowest is the longest pause between two attempts to connect: somebody is
// watching.
const slowest = 5 * time.Second

// clientFlags say which router a command talks to, and how.
type clientFlags struct {
	connect  []string
	codecs   []string
	name     string
	wait     time.Duration
	back     time.Duration
	security securityFlags
	// warned is asked about each warning before it is told; true: it is taken
	// care of. nil: all are told.
	warned func(sig.Warning) bool
}

func (f *clientFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVarP(&f.connect, "connect", "c", nil, "address of the router, like "+DefaultAddress+"; repeated: tried in turn")
	codecFlag(cmd, &f.codecs, "codecs to offer, in order of preference (default cbor,json,raw)")
	fs.StringVar(&f.name, "name", "", "how this client introduces itself (default the host's name)")
	fs.DurationVar(&f.wait, "wait", 0, "keep trying for so long if no router can be reached")
	fs.DurationVar(&f.back, "return", 0, "how often to look whether an earlier --connect address answers again, and go back to it (default never)")
	f.security.addClient(cmd)
	completesAddress(cmd, "connect")
}

func (f *clientFlags) validate() error {
	if len(f.connect) == 0 {
		return usagef("--connect is missing: where is the router? For example --connect %s, or %s=%s", DefaultAddress, envName("connect"), DefaultAddress)
	}
	for _, addr := range f.connect {
		if _, err := config.SchemeOf(addr); err != nil {
			return usagef("--connect: %v", err)
		}
	}
	if f.back < 0 {
		return usagef("--return: %v is negative", f.back)
	}
	return f.security.validate()
}

// client is a registry that is joined to a router.
type client struct {
	*app
	reg   *sig.Registry
	cr    *router.ClientRouter
	watch *watch
}

// open connects. It gives up when every address has failed once, or after
// --wait; later losses of the connection are repaired without end.
func (f *clientFlags) open(ctx context.Context, a *app) (*client, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	codecs, err := newCodecs(codecNames(f.codecs), codec.Limits{})
	if err != nil {
		return nil, usagef("--codec: %v", err)
	}
	credentials, err := f.security.credentials.load()
	if err != nil {
		return nil, err
	}
	log := quiet() // notices tell what matters
	c := &client{app: a, watch: newWatch(a, f)}
	name := routerName(f.name)
	c.reg = sig.New(&sig.Options{Name: name, OnWarning: func(w sig.Warning) {
		if f.warned == nil || !f.warned(w) {
			a.notice("warning: %v", w)
		}
	}})
	c.cr, err = router.NewClientRouter(c.reg, f.connect, &router.ClientOptions{
		Carriers: f.security.carriers(log), Codecs: codecs,
		Name: name, Logger: log, OnState: c.watch.state, MaxBackoff: slowest, Return: f.back,
		Credentials: credentials, TrustedWires: f.security.credentials.trust,
	})
	if err != nil {
		return nil, errors.Join(err, c.reg.Close())
	}
	if err := c.ready(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// ready waits for the connection and for knowing who is there.
func (c *client) ready(ctx context.Context) error {
	select {
	case err := <-c.watch.first:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return c.watch.interrupted(ctx)
	}
	return c.reg.Sync(ctx)
}

// close says goodbye, so that the router does not log that a client was lost, and
// ends; it does not wait for long.
func (c *client) close() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	c.watch.end()
	_ = c.cr.Shutdown(ctx) // the command has what it wanted
	_ = c.reg.Close()
}

// finish ends when the router has taken everything.
func (c *client) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	err := c.reg.Sync(ctx)
	c.watch.end()
	if err == nil {
		err = c.cr.Shutdown(ctx)
	}
	c.close()
	if err != nil {
		return fmt.Errorf("the router did not take everything: %w", err)
	}
	return nil
}

// watch follows the state of the connection.
type watch struct {
	*app
	addrs []string
	wait  time.Duration
	begin time.Time
	first chan error // capacity 1, one value: how the first attempt ended

	mu       sync.Mutex
	failures int
	last     error
	decided  bool // first has its value
	lost     bool
	ended    bool // the command itself ends the connection
}

func newWatch(a *app, f *clientFlags) *watch {
	return &watch{app: a, addrs: f.connect, wait: f.wait, begin: time.Now(), first: make(chan error, 1)}
}

// state is told by the router of every change.
func (w *watch) state(s router.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch s.Phase {
	case router.Connected:
		if w.lost {
			w.notice("connected again to %s", s.Address)
		}
		w.lost = false
		w.decide(nil)
	case router.Connecting:
		w.failed(s)
	}
}

func (w *watch) failed(s router.State) {
	if s.Err == nil || w.ended {
		return
	}
	if w.decided {
		switch {
		case w.lost:
		case errors.Is(s.Err, router.ErrReturning):
			w.notice("leaving %s: %v", s.Address, s.Err)
		default:
			w.notice("connection to %s lost: %v; connecting again", s.Address, s.Err)
		}
		w.lost = true
		return
	}
	if sig.CodeOf(s.Err) == sig.CodeClosed { // whoever answered asks to be called again
		w.notice("%v; connecting again", s.Err)
		return
	}
	w.failures++
	w.last = errors.Join(w.last, unreachable(s.Address, s.Err))
	if w.failures < len(w.addrs) {
		return
	}
	if time.Since(w.begin) >= w.wait {
		w.decide(w.last)
		return
	}
	w.failures, w.last = 0, nil
}

// end says that a connection lost from now on is no news.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}

func (w *watch) decide(err error) {
	if !w.decided {
		w.decided = true
		w.first <- err
	}
}

// interrupted says why there is no connection when the command's time is over.
func (w *watch) interrupted(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last != nil {
		return w.last
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return sig.NewError(sig.CodeTimeout, "no answer from "+strings.Join(w.addrs, ", "))
	}
	return errors.New("interrupted while connecting")
}
