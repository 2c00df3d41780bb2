package tcp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"

	"github.com/gosig/gosig/carrier"
)

// ClientAuth is what a tls:// listener asks of its clients.
type ClientAuth string

const (
	// None: no certificate is asked for.
	None ClientAuth = "none"
	// Verify: a certificate is verified if the client has one.
	Verify ClientAuth = "verify"
	// Require: a client without a valid certificate is refused.
	Require ClientAuth = "require"
)

// material names the files of one side of TLS.
type material struct {
	cert, key, ca string
}

// settings are Options and the parameters of one address put together.
type settings struct {
	material
	serverName string
	clientAuth ClientAuth
	minVersion uint16
}

func (c *Carrier) settings(addr *url.URL, known ...string) (settings, error) {
	query, err := carrier.Query(addr, known...)
	if err != nil {
		return settings{}, err
	}
	or := func(key, option string) string {
		if query.Has(key) {
			return query.Get(key)
		}
		return option
	}
	s := settings{
		material:   material{cert: or("cert", c.opts.CertFile), key: or("key", c.opts.KeyFile), ca: or("ca", c.opts.CAFile)},
		serverName: or("server_name", c.opts.ServerName),
		clientAuth: ClientAuth(or("client_auth", string(c.opts.ClientAuth))),
	}
	if s.serverName == "" {
		s.serverName = addr.Hostname()
	}
	if (s.cert == "") != (s.key == "") {
		return settings{}, errors.New("a certificate needs its key: give both cert and key, or neither")
	}
	if s.minVersion, err = minVersion(query.Get("min_tls"), c.opts.AllowTLS12); err != nil {
		return settings{}, err
	}
	return s, nil
}

func minVersion(param string, allow12 bool) (uint16, error) {
	switch param {
	case "":
		if allow12 {
			return tls.VersionTLS12, nil
		}
		return tls.VersionTLS13, nil
	case "1.3":
		return tls.VersionTLS13, nil
	case "1.2":
		return tls.VersionTLS12, nil
	}
	return 0, fmt.Errorf("min_tls=%q is not one of 1.2, 1.3", param)
}

// base is what both sides of TLS have in common.
func base(s settings) *tls.Config {
	return &tls.Config{
		MinVersion: s.minVersion,
		NextProtos: []string{ALPN},
		// Small records at the start help browsers render; here they
		// only cost.
		DynamicRecordSizingDisabled: true,
	}
}

func (c *Carrier) clientConfig(s settings) (*tls.Config, error) {
	src, err := c.source(s.material)
	if err != nil {
		return nil, err
	}
	now := src.current()
	config := base(s)
	config.ServerName = s.serverName
	config.RootCAs = now.cas
	if now.cert != nil {
		// Always the one that was configured: Certificates would be left out
		// when the server knows another CA, and the server could only say that
		// there was none.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return now.cert, nil
		}
	}
	config.VerifyConnection = requireALPN
	return config, nil
}

// requireALPN refuses a peer that is some other TLS service.
func requireALPN(state tls.ConnectionState) error {
	if state.NegotiatedProtocol != ALPN {
		return fmt.Errorf("the peer speaks TLS but not %s: is it a gosig router?", ALPN)
	}
	return nil
}

func (c *Carrier) serverConfig(s settings) (*tls.Config, error) {
	src, err := c.source(s.material)
	if err != nil {
		return nil, err
	}
	first := src.current()
	if first.cert == nil {
		return nil, errors.New("a tls:// listener needs a certificate: give cert=FILE and key=FILE")
	}
	auth, err := clientAuth(s.clientAuth, first.cas)
	if err != nil {
		return nil, err
	}
	config := base(s)
	config.GetConfigForClient = perClient(s, src, auth)
	return config, nil
}

func clientAuth(mode ClientAuth, cas *x509.CertPool) (tls.ClientAuthType, error) {
	if mode == "" && cas != nil {
		mode = Require
	}
	switch mode {
	case "", None:
		return tls.NoClientCert, nil
	case Verify, Require:
		if cas == nil {
			return 0, fmt.Errorf("client_auth=%s needs the CA of the clients: give ca=FILE", mode)
		}
		if mode == Verify {
			return tls.VerifyClientCertIfGiven, nil
		}
		return tls.RequireAndVerifyClientCert, nil
	}
	return 0, fmt.Errorf("client_auth=%q is not one of none, verify, require", mode)
}

// perClient returns the function that makes a listener's configuration of the
// files as they are now. It makes a new one only when they have changed, since
// session tickets work within one.
func perClient(s settings, src *source, auth tls.ClientAuthType) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	var cache configCache
	return func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return cache.get(src.current(), func(now *loaded) *tls.Config {
			config := base(s)
			config.Certificates = []tls.Certificate{*now.cert}
			config.ClientAuth = auth
			config.ClientCAs = now.cas
			config.SessionTicketsDisabled = auth != tls.NoClientCert
			config.VerifyConnection = func(state tls.ConnectionState) error {
				return errors.Join(requireALPN(state), verifyClient(state))
			}
			return config
		}), nil
	}
}

// source returns the source for m, one for each set of files.
func (c *Carrier) source(m material) (*source, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if src, ok := c.sources[m]; ok {
		return src, nil
	}
	src := &source{material: m, report: c.opts.OnReloadError, cert: c.opts.Certificate, cas: c.opts.CAs}
	if err := src.load(); err != nil {
		return nil, err
	}
	c.sources[m] = src
	return src, nil
}
