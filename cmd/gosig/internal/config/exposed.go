package config

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// Exposed are the listeners that others than this machine can reach and that let
// in whoever comes. What counts as asking who somebody is:
//
//   - certificates that clients must have, by the TLS settings or ca=FILE;
//   - pre-shared keys without a certificate beside them;
//   - credentials in the policy, where they can be shown: on a carrier that
//     encrypts, or a wire that is trusted; not if the anonymous are admitted.
//
// A name that is not an address of this machine alone counts as one that others
// can reach.
func (c *Config) Exposed() []string {
	var all []string
	for _, l := range c.Listen {
		u, err := url.Parse(l.URL)
		if err != nil || local(u) || l.asks(u) || c.proofs(u) {
			continue
		}
		all = append(all, l.URL)
	}
	return all
}

// local reports whether only this machine can reach an address.
func local(u *url.URL) bool {
	switch host := u.Hostname(); {
	case !slices.Contains(networked, u.Scheme), host == "localhost":
		return true
	default:
		ip := net.ParseIP(host)
		return ip != nil && ip.IsLoopback()
	}
}

// networked are the schemes of listeners on a network.
var networked = []string{"tcp", "tls", "quic", "dtls", "ws", "wss"}

// asks reports whether the carrier lets in only who proves who he is.
func (l *Listener) asks(u *url.URL) bool {
	q := u.Query()
	if !Encrypted(u.Scheme) {
		return false
	}
	if l.TLS.CA != "" || q.Get("ca") != "" {
		mode := q.Get("client_auth")
		return mode == "" || mode == "require"
	}
	certificate := l.TLS.Cert != "" || q.Get("cert") != ""
	return TakesKeys(u.Scheme) && !certificate && (l.PSKFile != "" || q.Get("psk_file") != "")
}

// proofs reports whether the router asks for credentials on an address.
func (c *Config) proofs(u *url.URL) bool {
	if c.access == nil || c.access.Store() == nil || c.AdmitAnonymous {
		return false
	}
	bare, _, _ := strings.Cut(u.String(), "?")
	return Encrypted(u.Scheme) || slices.Contains(c.TrustedWires, u.Scheme) || slices.Contains(c.TrustedWires, bare)
}
