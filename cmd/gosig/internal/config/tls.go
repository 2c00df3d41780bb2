package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// checkFiles reads the files that the configuration names: a certificate that
// cannot be used is a mistake of the configuration, not of the first client.
func (c *Config) checkFiles(file string, at lines) error {
	k := &checker{file: file, lines: at}
	for i, l := range c.Listen {
		k.files(fmt.Sprintf("listen.%d.tls", i), l.TLS)
	}
	if c.Uplink != nil {
		k.files("uplink.tls", c.Uplink.TLS)
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
