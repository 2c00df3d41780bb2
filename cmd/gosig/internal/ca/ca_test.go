package ca

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/certs"
)

func TestCertificatesServeMutualTLS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	made, err := Issue(dir, Request{Servers: [][]string{{"router.example", "127.0.0.1"}}, Clients: []string{"plant/press"}})
	require.NoError(t, err)
	require.Len(t, made, 3)
	server, client := pair(t, made[1]), pair(t, made[2])
	roots := x509.NewCertPool()
	roots.AddCert(pair(t, made[0]).Leaf)

	for _, called := range []string{"router.example", "127.0.0.1"} {
		state, err := handshake(t,
			&tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert},
			&tls.Config{Certificates: []tls.Certificate{client}, RootCAs: roots, ServerName: called})
		require.NoError(t, err)
		assert.Equal(t, "sig:plant/press", certs.ClientIdentity(state).ID)
	}
	_, err = handshake(t, &tls.Config{Certificates: []tls.Certificate{client}}, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"})
	assert.Error(t, err, "a client's certificate is no router's")
	_, err = handshake(t,
		&tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert},
		&tls.Config{Certificates: []tls.Certificate{server}, RootCAs: roots, ServerName: "127.0.0.1"})
	assert.Error(t, err, "a router's certificate is no client's")
}

func pair(t *testing.T, m Made) tls.Certificate {
	p, err := tls.LoadX509KeyPair(m.Cert, m.Key)
	require.NoError(t, err)
	return p
}

// handshake returns what the server saw, or the first error of either side.
func handshake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	failed := make(chan error, 1) // its one value: how the client's side ended
	go func() {
		c, err := tls.Dial("tcp", l.Addr().String(), client)
		if err == nil {
			_, err = c.Read(make([]byte, 1)) // a refusal comes after the handshake
			c.Close()
		}
		failed <- err
	}()
	conn, err := l.Accept()
	require.NoError(t, err)
	s := tls.Server(conn, server)
	if err = s.Handshake(); err == nil {
		_, err = s.Write([]byte("x"))
	}
	s.Close()
	return s.ConnectionState(), errors.Join(err, <-failed)
}

func TestLifetimesAndKeyUses(t *testing.T) {
	dir := t.TempDir()
	made, err := Issue(dir, Request{Name: "Lab", Servers: [][]string{{"a"}}, Clients: []string{"b"}, Life: 20 * CALife})
	require.NoError(t, err)
	root, server := pair(t, made[0]).Leaf, pair(t, made[1]).Leaf
	assert.Equal(t, "Lab", root.Subject.CommonName)
	assert.True(t, root.IsCA && root.MaxPathLenZero, "it signs no other CA")
	assert.WithinDuration(t, time.Now().Add(CALife), root.NotAfter, time.Hour)
	assert.Equal(t, root.NotAfter, server.NotAfter, "none outlives its CA")
	assert.True(t, server.NotBefore.Before(time.Now().Add(-skew/2)), "clocks may be behind")
	assert.False(t, server.IsCA)
	assert.NotEqual(t, pair(t, made[2]).Leaf.SerialNumber, server.SerialNumber)

	more, err := Issue(dir, Request{Clients: []string{"c"}})
	require.NoError(t, err)
	require.Len(t, more, 1, "the CA that is there is used")
	assert.NoError(t, pair(t, more[0]).Leaf.CheckSignatureFrom(root))
	assert.WithinDuration(t, time.Now().Add(LeafLife), more[0].Until, time.Hour)
}

func TestFilesAreTheOwnersAloneAndNeverOverwritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "lab")
	made, err := Issue(dir, Request{Servers: [][]string{{"a"}}, Clients: []string{"b"}})
	require.NoError(t, err)
	before := contents(t, dir)
	for name := range before {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode(), name)
	}
	info, err := os.Stat(dir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	require.NoError(t, os.Remove(made[2].Cert), "one half of a pair is left")
	before = contents(t, dir)
	for _, r := range []Request{
		{Clients: []string{"x", "b"}},
		{Servers: [][]string{{"y"}, {"a"}}},
		{Clients: []string{"ca"}},
		{Clients: []string{"p/q", "p-q"}},
		{Servers: [][]string{{"z"}}, Clients: []string{"z"}},
	} {
		_, err := Issue(dir, r)
		assert.Error(t, err, "%+v", r)
		assert.Equal(t, before, contents(t, dir), "%+v", r)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		all[e.Name()] = string(data)
	}
	return all
}

func TestHalfACAIsNotReplaced(t *testing.T) {
	for _, file := range []string{certFile, keyFile} {
		dir := t.TempDir()
		_, err := Issue(dir, Request{Clients: []string{"a"}})
		require.NoError(t, err)
		require.NoError(t, os.Remove(filepath.Join(dir, file)))
		before := contents(t, dir)
		_, err = Issue(dir, Request{Clients: []string{"b"}})
		assert.ErrorContains(t, err, "cannot use the CA")
		assert.Equal(t, before, contents(t, dir))
	}
	dir := t.TempDir()
	made, err := Issue(dir, Request{Clients: []string{"a"}})
	require.NoError(t, err)
	require.NoError(t, os.Rename(made[1].Cert, filepath.Join(dir, certFile)))
	require.NoError(t, os.Rename(made[1].Key, filepath.Join(dir, keyFile)))
	_, err = Issue(dir, Request{Clients: []string{"b"}})
	assert.ErrorContains(t, err, "is no CA")
	_, err = load(t.TempDir(), time.Now())
	assert.ErrorIs(t, err, os.ErrNotExist)
	dir = t.TempDir()
	_, err = Issue(dir, Request{Clients: []string{"a"}})
	require.NoError(t, err)
	_, err = load(dir, time.Now().Add(2*CALife))
	assert.ErrorContains(t, err, "out of date")
}

func TestNamesThatCannotBe(t *testing.T) {
	for _, r := range []Request{
		{Clients: []string{""}},
		{Clients: []string{"#a"}},
		{Clients: []string{"*"}},
		{Clients: []string{"a b"}},
		{Clients: []string{"a?b"}},
		{Clients: []string{"/a"}},
		{Clients: []string{"sig:a"}},
		{Servers: [][]string{{}}},
		{Servers: [][]string{{""}}},
		{Servers: [][]string{{"tls://a"}}},
		{Servers: [][]string{{"a:1"}}},
		{Servers: [][]string{{"-a"}}},
		{Servers: [][]string{{"a..b"}}},
		{Clients: []string{"a"}, Life: -time.Hour},
	} {
		dir := filepath.Join(t.TempDir(), "lab")
		_, err := Issue(dir, r)
		assert.Error(t, err, "%+v", r)
		assert.NoDirExists(t, dir, "%+v", r)
	}
	for _, id := range []string{"..", "../x", "-x", "uid:1", "a/b/c"} {
		dir := filepath.Join(t.TempDir(), "lab")
		made, err := Issue(dir, Request{Clients: []string{id}})
		require.NoError(t, err, id)
		assert.Equal(t, dir, filepath.Dir(made[1].Cert), "names lead to no other folder")
		assert.Equal(t, "sig:"+id, pair(t, made[1]).Leaf.URIs[0].String())
	}
}
