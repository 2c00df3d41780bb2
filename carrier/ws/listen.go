package ws

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/gosig/gosig/carrier"
)

// maxHeader bounds the header of a client's request; it may carry tokens.
const maxHeader = 16 << 10

// listener is a Handler on an HTTP server of its own.
type listener struct {
	*Handler
	gate   *gate
	server *http.Server
	wg     sync.WaitGroup // the serving goroutine
}

// Listen listens on addr, see [carrier.Carrier].
func (c *Carrier) Listen(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	if err := checkListen(addr); err != nil {
		return nil, err
	}
	query, err := carrier.Query(addr, known(addr.Scheme, carrier.Listening)...)
	if err != nil {
		return nil, err
	}
	list := c.opts.Origins
	if query.Has("origin") {
		list = strings.Split(query.Get("origin"), ",")
	}
	allowed, err := newOrigins(list)
	if err != nil {
		return nil, err
	}
	config, err := c.serverTLS(addr, query)
	if err != nil {
		return nil, err
	}
	ln, err := c.bind(ctx, addr)
	if err != nil {
		return nil, err
	}
	return c.serve(ln, config, c.path(addr), allowed), nil
}

// serverTLS returns the configuration for wss, nil for ws.
func (c *Carrier) serverTLS(addr *url.URL, query url.Values) (*tls.Config, error) {
	if addr.Scheme == plain {
		return nil, nil
	}
	settings, err := c.certs.Settings(addr, query)
	if err != nil {
		return nil, err
	}
	config, err := settings.Server()
	if err != nil {
		return nil, err
	}
	offerHTTP(config)
	return config, nil
}

// alpn is the application protocol that a wss:// server offers. Who asks for
// none gets the same; who knows only others, such as tls://, is refused.
var alpn = []string{"http/1.1"}

// offerHTTP adds alpn to the configurations that config makes of the files.
func offerHTTP(config *tls.Config) {
	var mu sync.Mutex
	var of, ours *tls.Config // the last one, and with alpn: session tickets work within one
	inner := config.GetConfigForClient
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		now, err := inner(hello)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		if of != now {
			of, ours = now, now.Clone()
			ours.NextProtos = alpn
		}
		return ours, nil
	}
}

// serve starts a listener's HTTP server.
func (c *Carrier) serve(ln net.Listener, config *tls.Config, path string, allowed origins) *listener {
	scheme := plain
	if config != nil {
		scheme = secure
	}
	u := url.URL{Scheme: scheme, Host: ln.Addr().String(), Path: path}
	l := &listener{Handler: newHandler(u.String(), allowed, c.opts), gate: newGate(ln, c.opts)}
	l.server = newServer(l.Handler, path, c.opts)
	accepting := net.Listener(l.gate)
	if config != nil {
		accepting = tls.NewListener(accepting, config)
	}
	l.wg.Go(func() { // ends with Close, or when the listener fails
		l.fail(l.server.Serve(accepting))
	})
	return l
}

// newServer returns a server that is there for upgrades only.
func newServer(h http.Handler, path string, o Options) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // an upgrade is a thing of HTTP/1.1
	server := &http.Server{
		Handler: only(path, h), Protocols: protocols, DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout: o.HandshakeTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	server.SetKeepAlivesEnabled(false) // whoever is refused connects again
	return server
}

// only serves one path.
func only(path string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			http.Error(w, "there is nothing here: look at the path of the address", http.StatusNotFound)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Close implements [carrier.Listener].
func (l *listener) Close() error {
	l.Handler.Close() // first, and never fails: it was no failure of the listener
	err := l.gate.Close()
	_ = l.server.Close()
	l.wg.Wait()
	l.gate.wg.Wait()
	return err
}

// bind opens a listening TCP socket.
func (c *Carrier) bind(ctx context.Context, addr *url.URL) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: c.opts.keepAlive()}
	ln, err := lc.Listen(ctx, "tcp", hostPort(addr))
	if err != nil {
		return nil, carrier.ExplainListen(addr, err)
	}
	return ln, nil
}
