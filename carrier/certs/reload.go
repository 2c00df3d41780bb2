package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// checkEvery is the shortest time between two looks at the files.
const checkEvery = time.Second

// source provides certificates from files, read again when they have changed.
type source struct {
	files
	report func(error)
	// cert and cas serve where no file is named.
	cert *tls.Certificate
	cas  *x509.CertPool

	mu      sync.Mutex
	checked time.Time
	seen    contents // what was tried last, good or bad
	told    string   // the last error that was reported; "" when all is well
	now     *loaded  // what is in force
}

// contents are the files, byte for byte. Their times and sizes are not asked:
// two changes within the clock's grain, or a restored backup, would go
// unnoticed, and the files are small.
type contents struct {
	cert, key, ca []byte
}

func (c contents) equal(d contents) bool {
	return bytes.Equal(c.cert, d.cert) && bytes.Equal(c.key, d.key) && bytes.Equal(c.ca, d.ca)
}

// loaded is immutable.
type loaded struct {
	cert *tls.Certificate
	cas  *x509.CertPool
}

// load reads the files for the first time.
func (s *source) load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read()
}

// current returns what is in force, after a look at the files if the last one
// is a while ago.
func (s *source) current() *loaded {
	now, err := s.look()
	if err != nil {
		s.report(err)
	}
	return now
}

func (s *source) lookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked = time.Time{}
}

// look returns what is in force, and an error that has not been reported yet.
func (s *source) look() (*loaded, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == (files{}) || time.Since(s.checked) < checkEvery {
		return s.now, nil
	}
	err := s.read()
	if err == nil {
		return s.now, nil
	}
	if err.Error() == s.told {
		return s.now, nil
	}
	s.told = err.Error()
	return s.now, err
}

// read puts changed files in force, if they can be used.
func (s *source) read() error {
	s.checked = time.Now()
	found, err := s.open()
	if err != nil {
		return err
	}
	if s.now != nil && found.equal(s.seen) {
		return nil
	}
	s.seen = found
	next, err := s.parse(found)
	if err != nil {
		return err
	}
	s.now, s.told = next, ""
	return nil
}

func (s *source) open() (c contents, err error) {
	for _, f := range []struct {
		path string
		into *[]byte
	}{{s.files.cert, &c.cert}, {s.files.key, &c.key}, {s.files.ca, &c.ca}} {
		if f.path == "" {
			continue
		}
		if *f.into, err = os.ReadFile(f.path); err != nil {
			return contents{}, err
		}
	}
	return c, nil
}

func (s *source) parse(c contents) (*loaded, error) {
	next := &loaded{cert: s.cert, cas: s.cas}
	if s.files.cert != "" {
		pair, err := tls.X509KeyPair(c.cert, c.key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s with key %s: %w", s.files.cert, s.files.key, err)
		}
		next.cert = &pair
	}
	if s.files.ca != "" {
		next.cas = x509.NewCertPool()
		if !next.cas.AppendCertsFromPEM(c.ca) {
			return nil, fmt.Errorf("CA file %s holds no certificate in PEM", s.files.ca)
		}
	}
	return next, nil
}

// configCache keeps the configuration made of what was loaded last.
type configCache struct {
	mu     sync.Mutex
	of     *loaded
	config *tls.Config
}

func (c *configCache) get(now *loaded, build func(*loaded) *tls.Config) *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of != now {
		c.of, c.config = now, build(now)
	}
	return c.config
}
