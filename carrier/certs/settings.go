package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
)

// DialParams and ListenParams are the parameters of an address that
// [Store.Settings] understands when dialling and when listening, for
// [carrier.Query]. A carrier that can speak TLS 1.2 adds [MinTLS].
var (
	DialParams   = []string{"ca", "cert", "key", "server_name"}
	ListenParams = []string{"ca", "cert", "key", "client_auth"}
)

// MinTLS is the parameter that allows TLS 1.2.
const MinTLS = "min_tls"

// files names the files of one side of TLS.
type files struct {
	cert, key, ca string
}

// Settings are the [Options] and the parameters of one address put together.
type Settings struct {
	// ServerName is what the server's certificate must be for.
	ServerName string
	// MinVersion is the oldest version of TLS that is accepted.
	MinVersion uint16

	scheme     string
	clientAuth ClientAuth
	source     *source
}

// Settings puts the options and the query of addr together and reads the files.
// A parameter wins over the same one of [Options].
func (s *Store) Settings(addr *url.URL, query url.Values) (*Settings, error) {
	or := func(key, option string) string {
		if query.Has(key) {
			return query.Get(key)
		}
		return option
	}
	set := &Settings{
		ServerName: or("server_name", s.opts.ServerName),
		scheme:     addr.Scheme,
		clientAuth: ClientAuth(or("client_auth", string(s.opts.ClientAuth))),
	}
	if set.ServerName == "" {
		set.ServerName = addr.Hostname()
	}
	f := files{cert: or("cert", s.opts.CertFile), key: or("key", s.opts.KeyFile), ca: or("ca", s.opts.CAFile)}
	if (f.cert == "") != (f.key == "") {
		return nil, errors.New("a certificate needs its key: give both cert and key, or neither")
	}
	var err error
	if set.MinVersion, err = minVersion(query.Get(MinTLS), s.opts.AllowTLS12); err != nil {
		return nil, err
	}
	if set.source, err = s.source(f); err != nil {
		return nil, err
	}
	return set, nil
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

// Current returns this side's certificate and the CAs that the peer's must be
// signed by, nil where there are none, after a look at the files if the last
// one is a while ago. They are not to be changed.
func (s *Settings) Current() (cert *tls.Certificate, cas *x509.CertPool) {
	now := s.source.current()
	return now.cert, now.cas
}

// ClientAuthType returns what a listener asks of its clients in the terms of
// package tls.
func (s *Settings) ClientAuthType() (tls.ClientAuthType, error) {
	_, cas := s.Current()
	mode := s.clientAuth
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
