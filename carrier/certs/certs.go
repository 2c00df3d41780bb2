// Package certs is what the carriers over TLS share: certificates from files
// that are read again when they change, the parameters of an address that name
// them, the configurations for both sides, and who a peer is by its
// certificate.
//
//	store := certs.NewStore(certs.Options{CAFile: "ca.pem"})
//	query, err := carrier.Query(addr, certs.ListenParams...)
//	settings, err := store.Settings(addr, query)
//	config, err := settings.Server("gosig/1")
//
// Files are looked at once a second at most, when a handshake needs them;
// connections that exist live on. If changed files cannot be used the old ones
// stay and [Options.OnReloadError] is told.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"sync"
)

// ClientAuth is what a listener asks of its clients.
type ClientAuth string

const (
	// None: no certificate is asked for.
	None ClientAuth = "none"
	// Verify: a certificate is verified if the client has one.
	Verify ClientAuth = "verify"
	// Require: a client without a valid certificate is refused.
	Require ClientAuth = "require"
)

// Options of [NewStore]; the zero value works.
type Options struct {
	// CertFile and KeyFile hold this side's certificate chain and key, in
	// PEM. A listener needs them or Certificate.
	CertFile, KeyFile string
	// CAFile holds the certificates, in PEM, that the peer's must be signed
	// by. Default: those of the system when dialling, none when listening.
	CAFile string
	// Certificate and CAs are the same in memory; files win.
	Certificate *tls.Certificate
	CAs         *x509.CertPool
	// ServerName is what a server's certificate must be for; default: the
	// host that is dialled.
	ServerName string
	// ClientAuth is what a listener asks of clients; default: [Require] with
	// a CA, [None] without.
	ClientAuth ClientAuth
	// AllowTLS12 accepts TLS 1.2 beside 1.3.
	AllowTLS12 bool
	// OnReloadError is told, once for each change, when changed files cannot
	// be used and the old ones stay; default: a warning to Logger.
	OnReloadError func(error)
	// Logger gets warnings; default slog.Default().
	Logger *slog.Logger
}

// Store holds the certificates of one carrier, one source for each set of
// files. All methods may be called by any number of goroutines.
type Store struct {
	opts Options

	mu      sync.Mutex
	sources map[files]*source // in use
}

// NewStore returns a store; it reads no file yet.
func NewStore(opts Options) *Store {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.OnReloadError == nil {
		opts.OnReloadError = func(err error) {
			opts.Logger.Warn("certificate files changed but cannot be used; the old ones stay", "error", err)
		}
	}
	return &Store{opts: opts, sources: make(map[files]*source)}
}

// LookAgain makes the next handshake look at the files, however short the time
// since the last look.
func (s *Store) LookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, src := range s.sources {
		src.lookAgain()
	}
}

// source returns the source for f, one for each set of files.
func (s *Store) source(f files) (*source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src, ok := s.sources[f]; ok {
		return src, nil
	}
	src := &source{files: f, report: s.opts.OnReloadError, cert: s.opts.Certificate, cas: s.opts.CAs}
	if err := src.load(); err != nil {
		return nil, err
	}
	s.sources[f] = src
	return src, nil
}
