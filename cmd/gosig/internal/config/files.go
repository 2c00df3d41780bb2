package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier/dtls"
)

// checkFiles reads the files that the configuration names: a certificate that
// cannot be used is a mistake of the configuration, not of the first client.
func (c *Config) checkFiles(file string, at lines) error {
	k := &checker{file: file, lines: at}
	for i, l := range c.Listen {
		k.files(fmt.Sprintf("listen.%d.tls", i), l.TLS)
		k.keys(fmt.Sprintf("listen.%d.psk_file", i), l.PSKFile, "")
	}
	if u := c.Uplink; u != nil {
		k.files("uplink.tls", u.TLS)
		k.keys("uplink.psk_file", u.PSKFile, u.PSKIdentity)
		k.credential("uplink.token_file", u.TokenFile, auth.MethodToken)
		k.credential("uplink.key_file", u.KeyFile, auth.MethodKey)
	}
	return k.err()
}

func (k *checker) files(key string, t TLS) {
	if t.Cert != "" && t.Key != "" {
		if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
			k.fail(key+".cert", "cannot use certificate %s with key %s: %v", t.Cert, t.Key, err)
		}
	}
	if t.CA == "" {
		return
	}
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		k.fail(key+".ca", "cannot use CA: %v", err)
		return
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		k.fail(key+".ca", "cannot use CA: no certificate in %s", t.CA)
	}
}

// keys reads a file of keys, and looks for that of an identity if one is named.
func (k *checker) keys(key, path, identity string) {
	if path == "" {
		return
	}
	all, err := dtls.ReadKeys(path)
	switch {
	case err != nil:
		k.fail(key, "cannot use keys: %v", err)
	case len(all) == 0:
		k.fail(key, "cannot use keys: %s has none; write a line NAME:KEY for each client, the key by: openssl rand -hex 32", path)
	case identity != "" && all[identity] == nil:
		k.fail(key, "cannot use keys: %s has none for the identity %q", path, identity)
	}
}

// credential reads a file with a token or a private key.
func (k *checker) credential(key, path, method string) {
	if path == "" {
		return
	}
	c, err := auth.LoadCredential(path)
	switch {
	case err != nil:
		k.fail(key, "cannot use credential: %v", err)
	case c.Method() != method:
		k.fail(key, "cannot use credential: %s has one of another kind", path)
	}
}
