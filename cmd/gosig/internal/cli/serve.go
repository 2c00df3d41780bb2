package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// serveFlags are what "serve" can be told; what is not, the file says.
type serveFlags struct {
	config    string
	listen    []string
	uplink    []string
	uplinkCA  string
	back      time.Duration
	name      string
	codecs    []string
	drain     time.Duration
	logLevel  string
	logFormat string
	tls       config.TLS
}

func newServe(a *app) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve --listen URL... [--config FILE]",
		Short: "Run a router that clients connect to",
		Long: text(`
			serve runs a router. It listens on every --listen address at once and prints
			"listening URL" for each, with the port that was given for :0.

			Addresses: tcp://HOST:PORT, tls://HOST:PORT (with --tls-cert and --tls-key; with
			--tls-ca clients need a certificate, too), unix:///PATH, ws://HOST:PORT/PATH,
			wss://HOST:PORT/PATH (with certificates like tls://). Web pages may connect to the
			last two with ?origin=https://their.example.

			With --uplink it is an edge router: what happens here is part of another
			router's signal space, and the other way round.

			A file given by --config says the same and more, see "gosig check --help"; flags
			win over the environment, and that over the file.

			SIGTERM or Ctrl-C ends it in order, in at most --drain; a second one at once.
			Logs go to standard error.`),
		Example: text(`
			  gosig serve --listen ` + DefaultAddress + `
			  gosig serve --listen tcp://127.0.0.1:0 --listen unix:///tmp/gosig.sock

			  gosig serve --listen tls://0.0.0.0:7466 --tls-cert router.pem --tls-key router.key
			  gosig sub   --connect tls://router.example:7466 --tls-ca ca.pem

			  gosig serve --config /etc/gosig.toml --log-format json

			  # an edge router
			  gosig serve --listen ` + DefaultAddress + ` --uplink tls://central.example:7466`),
		Args: args(0, 0, "none; say where to listen with --listen"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.merge(cmd)
			if err != nil {
				return err
			}
			return runServe(cmd.Context(), a, c)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&f.config, "config", "f", "", "TOML file with the configuration")
	fs.StringArrayVarP(&f.listen, "listen", "l", nil, "address to listen on; repeated: on all of them")
	fs.StringVar(&f.tls.Cert, "tls-cert", "", "file with the certificate of tls:// and wss:// listeners")
	fs.StringVar(&f.tls.Key, "tls-key", "", "file with its key")
	fs.StringVar(&f.tls.CA, "tls-ca", "", "file with the CA of the clients' certificates: clients need one then")
	fs.StringArrayVar(&f.uplink, "uplink", nil, "address of a router to join; repeated: tried in turn")
	fs.StringVar(&f.uplinkCA, "uplink-ca", "", "file with the CA of that router's certificate (default the system's)")
	fs.DurationVar(&f.back, "return", 0, "how often to look whether an earlier --uplink address answers again, and go back to it (default never)")
	fs.StringVar(&f.name, "name", "", "how this router introduces itself (default the host's name)")
	codecFlag(cmd, &f.codecs, "codecs to accept (default cbor,json,raw)")
	fs.DurationVar(&f.drain, "drain", config.DefaultDrain, "how long connections may end in order")
	fs.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&f.logFormat, "log-format", "text", "text or json")
	return cmd
}

// merge puts flags over the file.
func (f *serveFlags) merge(cmd *cobra.Command) (*config.Config, error) {
	c := &config.Config{}
	if f.config != "" {
		var err error
		if c, err = config.Load(f.config); err != nil {
			return nil, err
		}
	}
	given := cmd.Flags().Changed
	encrypted := false
	if given("listen") {
		c.Listen, encrypted = f.listeners()
	}
	if f.tls != (config.TLS{}) && !encrypted {
		return nil, usagef("--tls-cert, --tls-key and --tls-ca (or their variables) have no effect: there is no --listen tls:// or wss:// address")
	}
	if given("uplink") {
		c.Uplink = &config.Uplink{URLs: f.uplink, TLS: config.TLS{CA: f.uplinkCA}}
	} else if f.uplinkCA != "" {
		return nil, usagef("--uplink-ca has no effect without --uplink")
	}
	if given("return") {
		if c.Uplink == nil {
			return nil, usagef("--return has no effect without --uplink")
		}
		c.Uplink.Return = config.NewDuration(f.back)
	}
	if given("name") {
		c.Name = f.name
	}
	if given("codec") {
		c.Codecs = codecNames(f.codecs)
	}
	if given("drain") {
		c.Drain = config.NewDuration(f.drain)
	}
	if given("log-level") {
		c.Log.Level = config.Level(f.logLevel)
	}
	if given("log-format") {
		c.Log.Format = config.Format(f.logFormat)
	}
	if len(c.Listen) == 0 {
		return nil, usagef("--listen is missing: where may clients connect? For example --listen %s", DefaultAddress)
	}
	if err := c.Validate(); err != nil {
		return nil, usagef("%v", err)
	}
	return c, nil
}

// listeners gives the certificate to those that need one, if any does.
func (f *serveFlags) listeners() (all []config.Listener, encrypted bool) {
	for _, addr := range f.listen {
		l := config.Listener{URL: addr}
		if scheme, err := config.SchemeOf(addr); err == nil && config.Encrypted(scheme) {
			l.TLS = f.tls
			encrypted = true
		}
		all = append(all, l)
	}
	return all, encrypted
}

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
	conf *config.Config
	log  *slog.Logger
	reg  *sig.Registry
	sr   *router.ServerRouter
	cr   *router.ClientRouter // nil: no uplink
	wg   sync.WaitGroup       // one per listener
	fail chan error           // capacity 1: the first listener that failed
}

func runServe(ctx context.Context, a *app, c *config.Config) error {
	s := &server{app: a, conf: c, log: newLogger(a.std.Err, c.Log), fail: make(chan error, 1)}
	s.reg = sig.New(&sig.Options{Name: routerName(c.Name), OnWarning: func(w sig.Warning) { s.log.Warn(w.String()) }})
	if err := s.start(ctx); err != nil {
		s.end()
		return err
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-s.fail:
	}
	s.drain()
	s.end()
	return err
}

func (s *server) start(ctx context.Context) error {
	codecs, err := newCodecs(s.conf.Codecs)
	if err != nil {
		return err
	}
	s.sr, err = router.NewServerRouter(s.reg, &router.ServerOptions{
		Codecs: codecs, Name: routerName(s.conf.Name), Limits: s.conf.Limits.Router(), Logger: s.log,
	})
	if err != nil {
		return err
	}
	// All or none: no client is accepted while a later address may fail.
	var listeners []carrier.Listener
	for _, l := range s.conf.Listen {
		ln, err := s.listen(ctx, l)
		if err != nil {
			for _, open := range listeners {
				_ = open.Close() // the error to report is the other one
			}
			return err
		}
		listeners = append(listeners, ln)
	}
	for _, ln := range listeners {
		if _, err := fmt.Fprintf(s.std.Out, "listening %s\n", ln.Addr()); err != nil {
			return err
		}
		s.log.Info("listening", "address", ln.Addr())
		s.wg.Go(func() { s.serve(ln) }) // ends when the router is shut down
	}
	return s.uplink(codecs)
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
	s.cr, err = router.NewClientRouter(s.reg, u.URLs, &router.ClientOptions{
		Carriers: access.carriers(s.log), Codecs: codecs,
		Name: routerName(s.conf.Name), Limits: s.conf.Limits.Router(), Logger: s.log,
		Return: s.conf.Uplink.Return.Duration,
	})
	return err
}
