package certs_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
	"github.com/gosig/gosig/carrier/certs/certstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func settings(t *testing.T, store *certs.Store, addr string, known []string) *certs.Settings {
	u, err := carrier.Parse(addr)
	require.NoError(t, err)
	query, err := carrier.Query(u, known...)
	require.NoError(t, err)
	s, err := store.Settings(u, query)
	require.NoError(t, err)
	return s
}

// shake lets the two configurations meet and returns what each side saw.
func shake(t *testing.T, client, server *tls.Config) (c, s tls.ConnectionState, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	x, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer x.Close()
	y, err := ln.Accept()
	require.NoError(t, err)
	near, far := tls.Client(x, client), tls.Server(y, server)
	done := make(chan error, 1) // one result
	go func() {
		done <- far.Handshake() // ends with either side's close
		y.Close()
	}()
	err = near.Handshake()
	if err != nil {
		x.Close()
	}
	err = errors.Join(err, <-done)
	return near.ConnectionState(), far.ConnectionState(), err
}

func TestIdentities(t *testing.T) {
	ca := certstest.New(t, "CA")
	store := certs.NewStore(certs.Options{CAFile: ca.File})
	for _, c := range []struct {
		name           string
		server, client []certstest.Edit
		wantServer     string
		wantClient     string
		refused        string
	}{
		{"names", nil, []certstest.Edit{certstest.DNS("me")}, "localhost", "me", ""},
		{"URIs first", []certstest.Edit{certstest.URIs("sig:hub")}, []certstest.Edit{certstest.DNS("me"), certstest.URIs("sig:me")}, "sig:hub", "sig:me", ""},
		{"two names", nil, []certstest.Edit{certstest.DNS("a", "b")}, "", "", "ambiguous: it has 2 DNS names"},
		{"no name", nil, nil, "", "", "no URI and no DNS name"},
		{"expired", nil, []certstest.Edit{certstest.DNS("me"), certstest.Expired}, "", "", "expired"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := settings(t, store, "tls://localhost:1?"+certstest.Pair(ca.Server(c.server...)), certs.ListenParams)
			d := settings(t, store, "tls://localhost:1?"+certstest.Pair(ca.Issue("client", c.client...)), certs.DialParams)
			store.LookAgain() // the rows write the same files
			config, err := ln.Server("x/1")
			require.NoError(t, err)
			near, far, err := shake(t, d.Client("x/1"), config)
			if c.refused != "" {
				assert.ErrorContains(t, err, c.refused)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, carrier.Identity{ID: c.wantServer, Method: certs.Method, Certificate: certs.Fingerprint(near.PeerCertificates[0])}, certs.ServerIdentity(near, "localhost"))
			assert.Equal(t, carrier.Identity{ID: c.wantClient, Method: certs.Method, Certificate: certs.Fingerprint(far.PeerCertificates[0])}, certs.ClientIdentity(far))
		})
	}
}

func TestALPN(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	store := certs.NewStore(certs.Options{CertFile: cert, KeyFile: key, CAs: ca.Pool, ClientAuth: certs.None})
	s := settings(t, store, "tls://localhost:1", certs.ListenParams)
	for _, c := range []struct {
		name           string
		client, server []string
		ok             bool
	}{
		{"same", []string{"x/1"}, []string{"x/1"}, true},
		{"one of two", []string{"x/1"}, []string{"x/2", "x/1"}, true},
		{"other", []string{"x/2"}, []string{"x/1"}, false},
		{"server has none", []string{"x/1"}, nil, false},
		{"client has none", nil, []string{"x/1"}, false},
		{"neither", nil, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := s.Server(c.server...)
			require.NoError(t, err)
			_, _, err = shake(t, s.Client(c.client...), config)
			assert.Equal(t, c.ok, err == nil, "%v", err)
		})
	}
}

func TestFilesInUse(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	var reported []error
	store := certs.NewStore(certs.Options{OnReloadError: func(err error) { reported = append(reported, err) }})
	s := settings(t, store, "tls://localhost:1?"+certstest.Pair(cert, key), certs.ListenParams)
	first, cas := s.Current()
	assert.Nil(t, cas)
	ca.Server()
	second, _ := s.Current()
	assert.Same(t, first, second, "the files are looked at once a second at most")
	store.LookAgain()
	second, _ = s.Current()
	assert.NotEqual(t, first.Certificate, second.Certificate)
	require.NoError(t, os.Remove(key))
	for range 2 {
		store.LookAgain()
		third, _ := s.Current()
		assert.Same(t, second, third, "files that cannot be used leave the old ones in force")
	}
	require.Len(t, reported, 1, "a change is reported once")
	assert.ErrorIs(t, reported[0], os.ErrNotExist)
}

func TestMistakes(t *testing.T) {
	ca := certstest.New(t, "CA")
	for query, want := range map[string]string{
		"cert=x":                     "give both cert and key",
		"min_tls=1.1":                "is not one of 1.2, 1.3",
		"ca=" + ca.Dir + "/none.pem": "no such file",
	} {
		u := &url.URL{Scheme: "tls", Host: "localhost:1"}
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		_, err = certs.NewStore(certs.Options{}).Settings(u, values)
		assert.ErrorContains(t, err, want)
	}
	_, err := settings(t, certs.NewStore(certs.Options{}), "quic://localhost:1", nil).Server("x/1")
	assert.ErrorContains(t, err, "a quic:// listener needs a certificate")
}
