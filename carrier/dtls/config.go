package dtls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

// Method is how package carrier calls the proof by a pre-shared key.
const Method = "dtls-psk"

// The cipher suites, best first. All are AEADs whose nonces this version of
// pion/dtls counts and does not draw.
var (
	pskSuites = []dtls.CipherSuiteID{
		dtls.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
		dtls.TLS_PSK_WITH_AES_128_GCM_SHA256,
		dtls.TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,
	}
	certSuites = []dtls.CipherSuiteID{
		dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		dtls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		dtls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
)

const (
	// flightInterval is how often the messages of a handshake are sent
	// again. It stays the same since the whole has a few seconds only.
	flightInterval = 250 * time.Millisecond
	// recordOverhead is what DTLS adds to a packet of SCTP at most: header,
	// connection ID, nonce, type and tag.
	recordOverhead = recordHeader + cidSize + 8 + 1 + 16
)

// side is what one address says about its end, options and parameters put
// together.
type side struct {
	c       *Carrier
	certs   *certs.Settings
	psk     bool   // keys are used
	pskFile string // "": only those of the options
	pskID   string // with which to dial
	auth    tls.ClientAuthType
}

func (c *Carrier) dialSide(addr *url.URL) (*side, error) {
	query, err := carrier.Query(addr, scheme().Names(carrier.Dialing)...)
	if err != nil {
		return nil, err
	}
	s := &side{c: c, pskFile: c.opts.PSKFile, pskID: c.opts.PSKIdentity}
	named := query.Has("ca") || query.Has("cert") || query.Has("server_name")
	if query.Has("psk_file") {
		s.pskFile = query.Get("psk_file")
	}
	if query.Has("psk_identity") {
		s.pskID = query.Get("psk_identity")
	}
	asked := query.Has("psk_file") || query.Has("psk_identity")
	if asked && named {
		return nil, errors.New("dial with a pre-shared key or with certificates, not with both: leave out psk_... or ca, cert, key, server_name")
	}
	s.psk = asked || !named && (s.pskFile != "" || s.pskID != "" || len(c.opts.PSKs) > 0)
	if s.psk {
		return s, s.chooseIdentity()
	}
	s.certs, err = c.certs.Settings(addr, query)
	return s, err
}

// chooseIdentity settles with which identity to dial.
func (s *side) chooseIdentity() error {
	if err := s.c.keys.use(s.pskFile); err != nil {
		return err
	}
	if s.pskID == "" {
		only, ok := s.c.keys.only(s.pskFile)
		if !ok {
			return errors.New("there is not exactly one key to dial with: say which by psk_identity=NAME")
		}
		s.pskID = only
	}
	if _, ok := s.c.keys.key(s.pskFile, s.pskID); !ok {
		return fmt.Errorf("there is no key for identity %q: give a psk_file with the line %s:KEY", s.pskID, s.pskID)
	}
	return nil
}

func (c *Carrier) listenSide(addr *url.URL) (*side, error) {
	query, err := carrier.Query(addr, scheme().Names(carrier.Listening)...)
	if err != nil {
		return nil, err
	}
	s := &side{c: c, pskFile: c.opts.PSKFile}
	if query.Has("psk_file") {
		s.pskFile = query.Get("psk_file")
	}
	s.psk = s.pskFile != "" || len(c.opts.PSKs) > 0
	if s.psk {
		if err := c.keys.use(s.pskFile); err != nil {
			return nil, err
		}
	}
	if s.certs, err = c.certs.Settings(addr, query); err != nil {
		return nil, err
	}
	cert, _ := s.certs.Current()
	if cert == nil {
		s.certs = nil
		if !s.psk {
			return nil, errors.New("a dtls:// listener needs keys or a certificate: give psk_file=FILE, or cert=FILE and key=FILE")
		}
		return s, nil
	}
	s.auth, err = s.certs.ClientAuthType()
	return s, err
}

// common options of both sides.
func (s *side) common() []dtls.Option {
	return []dtls.Option{
		dtls.WithLoggerFactory(silence{}),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithDisableRetransmitBackoff(true),
		dtls.WithMTU(s.c.opts.MTU - recordOverhead - messageHeader),
		dtls.WithSupportedProtocols(ALPN),
	}
}

func (s *side) client() []dtls.ClientOption {
	opts := asClient(s.common())
	opts = append(opts, dtls.WithConnectionIDGenerator(dtls.OnlySendCIDGenerator()))
	if s.psk {
		key, _ := s.c.keys.key(s.pskFile, s.pskID)
		return append(opts, dtls.WithCipherSuites(pskSuites...),
			dtls.WithPSKIdentityHint([]byte(s.pskID)),
			dtls.WithPSK(func([]byte) ([]byte, error) { return key, nil }))
	}
	cert, cas := s.certs.Current()
	opts = append(opts, dtls.WithCipherSuites(certSuites...),
		dtls.WithServerName(s.certs.ServerName),
		dtls.WithVerifyConnection(func(state *dtls.State) error { return requireALPN(state) }))
	if cas != nil {
		opts = append(opts, dtls.WithRootCAs(cas))
	}
	if cert != nil {
		opts = append(opts, dtls.WithGetClientCertificate(
			func(*dtls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }))
	}
	return opts
}

// server returns the options for one handshake, made of the files as they are
// now. stage learns how far the handshake has come.
func (s *side) server(id connID, stage *stage) []dtls.ServerOption {
	opts := asServer(s.common())
	opts = append(opts, dtls.WithConnectionIDGenerator(func() []byte { return id[:] }))
	var suites []dtls.CipherSuiteID
	if s.certs != nil {
		cert, cas := s.certs.Current()
		suites = append(suites, certSuites...)
		opts = append(opts, dtls.WithCertificates(*cert), dtls.WithClientAuth(dtls.ClientAuthType(s.auth)),
			dtls.WithVerifyConnection(verifyClient))
		if cas != nil {
			opts = append(opts, dtls.WithClientCAs(cas))
		}
	}
	if s.psk {
		suites = append(suites, pskSuites...)
		opts = append(opts, dtls.WithPSK(func(identity []byte) ([]byte, error) { return s.keyOf(identity, stage) }))
	}
	return append(opts, dtls.WithCipherSuites(suites...))
}

func asClient(common []dtls.Option) (opts []dtls.ClientOption) {
	for _, o := range common {
		opts = append(opts, o)
	}
	return opts
}

func asServer(common []dtls.Option) (opts []dtls.ServerOption) {
	for _, o := range common {
		opts = append(opts, o)
	}
	return opts
}

func (s *side) keyOf(identity []byte, stage *stage) ([]byte, error) {
	stage.claim(string(identity))
	key, ok := s.c.keys.key(s.pskFile, string(identity))
	if !ok {
		return nil, fmt.Errorf("%w: %.150q: add it to the keys, or correct the client's psk_identity", errUnknownIdentity, identity)
	}
	return key, nil
}

// requireALPN refuses a peer whose certificate is for some other service.
func requireALPN(state *dtls.State) error {
	if state.NegotiatedProtocol != ALPN {
		return fmt.Errorf("the peer speaks DTLS but not %s: is it a gosig router?", ALPN)
	}
	return nil
}

// verifyClient refuses a client whose certificate does not say who it is. One
// that came with a key has shown it.
func verifyClient(state *dtls.State) error {
	if len(state.IdentityHint) > 0 {
		return nil
	}
	if err := requireALPN(state); err != nil || len(state.PeerCertificates) == 0 {
		return err // whether no certificate is allowed, ClientAuth has decided
	}
	cert, err := x509.ParseCertificate(state.PeerCertificates[0])
	if err != nil {
		return err
	}
	_, err = certs.ClientName(cert)
	return err
}

// identity returns who the peer of a finished handshake is; ID "" if it proved
// nothing.
func (s *side) identity(state *dtls.State, client bool) carrier.Identity {
	switch {
	case client && s.psk:
		return carrier.Identity{ID: s.pskID, Method: Method}
	case len(state.IdentityHint) > 0 && !client:
		return carrier.Identity{ID: string(state.IdentityHint), Method: Method}
	}
	if len(state.PeerCertificates) == 0 {
		return carrier.Identity{}
	}
	cert, err := x509.ParseCertificate(state.PeerCertificates[0])
	if err != nil {
		return carrier.Identity{} // not reached: it has been verified
	}
	chain := []*x509.Certificate{cert}
	seen := tls.ConnectionState{PeerCertificates: chain, VerifiedChains: [][]*x509.Certificate{chain}}
	if client {
		return certs.ServerIdentity(seen, s.certs.ServerName)
	}
	return certs.ClientIdentity(seen)
}
