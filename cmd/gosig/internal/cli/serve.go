package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
	"github.com/gosig/gosig/cmd/gosig/internal/metrics"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// newLogger writes to w as the configuration says, which has been checked.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	level, _ := c.Level.Slog()
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == config.FormatJSON {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// server is a running "serve".
type server struct {
	*app
	conf  *config.Config
	log   *slog.Logger
	guard *guard
	reg   *sig.Registry
	sr    *router.ServerRouter
	cr    *router.ClientRouter // nil: no uplink
	wg    sync.WaitGroup       // one per listener
	fail  chan error           // capacity 1: the first listener that failed
	// entrances are the addresses of the listeners, in the order of the
	// configuration; set before anybody is accepted.
	entrances []string
	metrics   *metrics.Server // nil: none are served
	draining  atomic.Bool
}

func runServe(ctx context.Context, a *app, c *config.Config, policy *config.Source) error {
	s := &server{app: a, conf: c, log: newLogger(a.std.Err, c.Log), fail: make(chan error, 1)}
	var err error
	if s.guard, err = newGuard(c, policy, s.log); err != nil {
		return err
	}
	hup := make(chan os.Signal, 1) // capacity 1: a reload that is asked for twice is one
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	s.reg = sig.New(&sig.Options{Name: routerName(c.Name), OnWarning: func(w sig.Warning) { s.log.Warn(w.String()) }})
	if err := s.start(ctx); err != nil {
		s.end()
		return err
	}
	following, stop := context.WithCancel(ctx)
	s.wg.Go(func() { s.guard.follow(following) }) // ends with the context
	err = s.watch(ctx, hup)
	stop()
	s.drain()
	s.end()
	return err
}

// watch returns when the router is to end, and reloads meanwhile when it is asked
// to.
func (s *server) watch(ctx context.Context, hup <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.fail:
			return err
		case <-hup:
			s.guard.reopen()
			_, _ = s.guard.reload("SIGHUP") // it has been logged
		}
	}
}

func (s *server) start(ctx context.Context) error {
	codecs, err := newCodecs(s.conf.Codecs, s.conf.Limits.Codec())
	if err != nil {
		return err
	}
	s.sr, err = router.NewServerRouter(s.reg, &router.ServerOptions{
		Codecs: codecs, Name: routerName(s.conf.Name), Limits: s.conf.Limits.Router(), LimitsFor: s.limitsFor, Logger: s.log,
		Access: s.guard.options(s.conf), OnClient: s.guard.client, Admin: s.guard.adminMethods(),
	})
	if err != nil {
		return err
	}
	s.guard.begin(s.sr)
	if err := s.guard.startShadow(s.conf.ShadowFile); err != nil {
		return err
	}
	for _, url := range s.conf.Exposed() {
		s.log.Warn("insecure: others can reach this listener, and nobody is asked who he is", "listener", url)
	}
	// All or none: no client is accepted while a later address may fail.
	var listeners []carrier.Listener
	abandon := func(err error) error {
		for _, open := range listeners {
			_ = open.Close() // the error to report is the other one
		}
		return err
	}
	for _, l := range s.conf.Listen {
		ln, err := s.listen(ctx, l)
		if err != nil {
			return abandon(err)
		}
		listeners = append(listeners, ln)
		s.entrances = append(s.entrances, ln.Addr())
	}
	if err := s.uplink(codecs); err != nil {
		return abandon(err)
	}
	if err := s.serveMetrics(ctx); err != nil {
		return abandon(err)
	}
	for _, ln := range listeners {
		if _, err := fmt.Fprintf(s.std.Out, "listening %s\n", ln.Addr()); err != nil {
			return err
		}
		s.log.Info("listening", "address", ln.Addr())
		s.wg.Go(func() { s.serve(ln) }) // ends when the router is shut down
	}
	return nil
}

// limitsFor are the limits that a client has for where it came in, or who it is.
func (s *server) limitsFor(who router.ClientInfo) router.Limits {
	entrance := slices.Index(s.entrances, who.Listener)
	if who.Codec == "" { // nobody yet: it is about the listener
		return s.conf.Special(entrance, nil)
	}
	p := s.guard.inGroups(who.Principal)
	return s.conf.Special(entrance, &p)
}

func (s *server) listen(ctx context.Context, l config.Listener) (carrier.Listener, error) {
	access := securityFlags{TLS: l.TLS, pskFile: l.PSKFile}
	set, err := carrier.NewSet(access.carriers(s.log)...)
	if err != nil {
		return nil, err
	}
	return set.Listen(ctx, l.URL)
}

func (s *server) serve(ln carrier.Listener) {
	err := s.sr.Serve(context.Background(), ln)
	if err == nil || errors.Is(err, sig.ErrClosed) {
		return
	}
	select {
	case s.fail <- fmt.Errorf("listen on %s: %w", ln.Addr(), err):
	default: // one is enough to end
	}
}

// drain lets connections end in order as long as the configuration allows.
func (s *server) drain() {
	s.draining.Store(true)
	limit := s.conf.DrainTime()
	s.log.Info("draining", "at_most", limit)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := s.sr.Shutdown(ctx)
	if s.cr != nil { // last: what clients have emitted goes this way
		err = errors.Join(err, s.cr.Shutdown(ctx))
	}
	if err != nil {
		s.log.Warn("not everything could be drained", "error", err)
	}
}

// end closes what is left and waits for every goroutine.
func (s *server) end() {
	if s.cr != nil {
		_ = s.cr.Close() // Close has nothing to tell that drain has not
	}
	if s.sr != nil {
		_ = s.sr.Close()
	}
	_ = s.reg.Close()
	s.wg.Wait()
	if s.metrics != nil {
		_ = s.metrics.Close() // last: until then it says that the router is draining
	}
	s.guard.end()
	s.log.Info("ended")
}

// uplink joins another router if the configuration names one. That router may
// come later: this one serves its own clients meanwhile.
func (s *server) uplink(codecs []codec.Codec) (err error) {
	if s.conf.Uplink == nil {
		return nil
	}
	u := s.conf.Uplink
	access := securityFlags{TLS: u.TLS, pskFile: u.PSKFile, pskIdentity: u.PSKIdentity}
	access.credentials = credentialFlags{tokenFile: u.TokenFile, keyFile: u.KeyFile}
	credentials, err := access.credentials.load()
	if err != nil {
		return err
	}
	s.cr, err = router.NewClientRouter(s.reg, u.URLs, &router.ClientOptions{
		Carriers: access.carriers(s.log), Codecs: codecs,
		Name: routerName(s.conf.Name), Limits: s.conf.Limits.Router(), Logger: s.log,
		Return: s.conf.Uplink.Return.Duration, Credentials: credentials, TrustedWires: s.conf.TrustedWires,
	})
	return err
}
