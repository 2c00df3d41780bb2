package dtls_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/dtls"
)

// shake dials ln and returns what both ends' handshakes gave.
func shake(t testing.TB, ln carrier.Listener, opts *dtls.Options, query string) (client, server carrier.Conn, clientErr, serverErr error) {
	ctx := within(t, time.Minute)
	type accepted struct {
		conn carrier.Conn
		err  error
	}
	done := make(chan accepted, 1) // one result
	go func() {                    // ends with the handshake or ctx
		conn, err := ln.Accept(ctx)
		if err == nil {
			err = carrier.Handshake(ctx, conn)
		}
		done <- accepted{conn, err}
	}()
	client, clientErr = newSet(t, opts).Dial(ctx, ln.Addr()+query)
	if clientErr == nil {
		t.Cleanup(func() { client.Close() })
		clientErr = carrier.Handshake(ctx, client)
	}
	got := <-done
	if got.conn != nil {
		t.Cleanup(func() { got.conn.Close() })
	}
	return client, got.conn, clientErr, got.err
}

func line(identity string, key []byte) string {
	return identity + ":" + hex.EncodeToString(key) + "\n"
}

func TestPSKIdentity(t *testing.T) {
	file := keyFile(t, "# the presses\n\n"+line("press-1", key)+line("urn:dev:press-2", otherKey))
	ln, _ := listen(t, nil, "?psk_file="+file)
	for _, c := range []struct {
		name  string
		opts  *dtls.Options
		query string
		want  string
	}{
		{"the only key", withKeys(), "", "press-1"},
		{"file and parameter", nil, "?psk_identity=urn:dev:press-2&psk_file=" + file, "urn:dev:press-2"},
		{"file and option", &dtls.Options{PSKFile: file, PSKIdentity: "press-1"}, "", "press-1"},
		{"a file wins over an option", &dtls.Options{PSKs: map[string][]byte{"press-1": otherKey}, PSKFile: file}, "?psk_identity=press-1", "press-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server, clientErr, serverErr := shake(t, ln, c.opts, c.query)
			require.NoError(t, errors.Join(clientErr, serverErr))
			for _, conn := range []carrier.Conn{client, server} {
				id, ok := carrier.IdentityOf(conn)
				assert.True(t, ok)
				assert.Equal(t, carrier.Identity{ID: c.want, Method: dtls.Method}, id)
				assert.True(t, conn.Traits().Confidential && conn.Traits().PeerIdentity)
			}
		})
	}
}

func TestPSKRefused(t *testing.T) {
	for _, c := range []struct {
		name, identity         string
		key                    []byte
		wantClient, wantServer string
	}{
		{"wrong key", "press-1", otherKey, `the key of identity "press-1" may be wrong`, `the client calls itself "press-1", and its key may be wrong`},
		{"unknown identity", "press-9", key, `it has no key for the identity "press-9", it seems`, `there is no key for the client's PSK identity: "press-9"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for limit := 700 * time.Millisecond; ; limit *= 4 { // it has to come so far
				ln, _ := listen(t, &dtls.Options{PSKs: withKeys().PSKs, HandshakeTimeout: limit}, "")
				opts := &dtls.Options{PSKs: map[string][]byte{c.identity: c.key}, HandshakeTimeout: limit}
				_, server, clientErr, serverErr := shake(t, ln, opts, "")
				if limit < time.Minute && (!strings.Contains(fmt.Sprint(clientErr), c.wantClient) || !strings.Contains(fmt.Sprint(serverErr), c.wantServer)) {
					continue
				}
				assert.ErrorContains(t, clientErr, c.wantClient)
				assert.ErrorContains(t, serverErr, c.wantServer)
				_, known := carrier.IdentityOf(server)
				assert.False(t, known)
				return
			}
		})
	}
}

func TestKeyFileIsReadAgain(t *testing.T) {
	file := keyFile(t, line("press-1", key))
	reports := make(chan error, 10) // more than this test can cause
	ln, c := listen(t, &dtls.Options{OnReloadError: func(err error) { reports <- err }, HandshakeTimeout: time.Second}, "?psk_file="+file)
	knows := func(identity string) bool {
		c.LookAgain()
		_, _, err, _ := shake(t, ln, &dtls.Options{PSKs: map[string][]byte{identity: key}}, "")
		return err == nil
	}
	learns := func(identity string) bool { // the time for a handshake may run out on a busy machine
		for range 20 {
			if knows(identity) {
				return true
			}
		}
		return false
	}
	assert.True(t, learns("press-1"))
	assert.False(t, knows("press-2"))

	require.NoError(t, os.WriteFile(file, []byte(line("press-2", key)), 0o600))
	assert.True(t, learns("press-2"), "a changed file is in force on the next handshake")
	assert.False(t, knows("press-1"))
	assert.Empty(t, reports)

	require.NoError(t, os.WriteFile(file, []byte("nonsense\n"), 0o600))
	assert.True(t, learns("press-2"), "a file that cannot be used leaves the old keys in force")
	assert.True(t, learns("press-2"))
	assert.ErrorContains(t, <-reports, "line 1: there is no colon")
	assert.Empty(t, reports, "a change is reported once")

	require.NoError(t, os.Remove(file))
	assert.True(t, learns("press-2"))
	assert.ErrorIs(t, <-reports, os.ErrNotExist)
}

func TestKeyFileMistakes(t *testing.T) {
	good := hex.EncodeToString(key)
	for name, c := range map[string]struct{ content, want string }{
		"no colon":        {"press-1 " + good, "line 1: there is no colon"},
		"no identity":     {":" + good, `identity "" is not text`},
		"not hexadecimal": {"press-1:xyz", `the key of "press-1" is not hexadecimal`},
		"odd digits":      {"press-1:" + good[1:], "is not hexadecimal digits, two for each byte"},
		"short":           {"press-1:" + good[:30], "has 15 bytes, it must have 16 to 64"},
		"long":            {"press-1:" + strings.Repeat("ab", 65), "has 65 bytes"},
		"space at the end": {
			"a:" + good + "\n\npress-1:" + good + " ", `line 3: the key of "press-1" is not hexadecimal`,
		},
		"space in front":    {" press-1:" + good, "begins or ends with a space"},
		"twice":             {"a:" + good + "\nb:" + good + "\na:" + good, `line 3: identity "a" has a key already`},
		"a sign":            {"press\x01:" + good, "signs that cannot be printed"},
		"not UTF-8":         {"press\xff:" + good, "is not text"},
		"long identity":     {strings.Repeat("a", 129) + ":" + good, "is not text of 1 to 128 bytes"},
		"comment behind it": {"press-1:" + good + " # the first", `is not hexadecimal`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newSet(t, nil).Listen(t.Context(), "dtls://127.0.0.1:0?psk_file="+keyFile(t, c.content))
			assert.ErrorContains(t, err, c.want)
			assert.NotContains(t, fmt.Sprint(err), good[2:28], "a key is nobody's business")
		})
	}
}

func TestAddresses(t *testing.T) {
	file := keyFile(t, line("a", key)+line("b", otherKey))
	for _, c := range []struct {
		name, addr string
		listen     bool
		opts       *dtls.Options
		want       string
	}{
		{"no port", "dtls://127.0.0.1", false, withKeys(), "names no port: write dtls://host:port"},
		{"path", "dtls://127.0.0.1:1/x", false, withKeys(), "has a path"},
		{"unknown", "dtls://127.0.0.1:1?cart=x", false, nil, `unknown parameter "cart"; dtls:// knows psk_file, psk_identity, ca`},
		{"listener's parameter when dialling", "dtls://127.0.0.1:1?client_auth=none", false, nil, `unknown parameter "client_auth"`},
		{"dialler's parameter when listening", "dtls://127.0.0.1:0?psk_identity=a", true, nil, `unknown parameter "psk_identity"`},
		{"key and certificate", "dtls://127.0.0.1:1?psk_identity=press-1&ca=x", false, withKeys(), "not with both"},
		{"two keys to choose of", "dtls://127.0.0.1:1?psk_file=" + file, false, nil, "say which by psk_identity=NAME"},
		{"no such key", "dtls://127.0.0.1:1?psk_identity=c&psk_file=" + file, false, nil, `there is no key for identity "c"`},
		{"no such file", "dtls://127.0.0.1:1?psk_file=" + file + "x", false, nil, "no such file"},
		{"short key in options", "dtls://127.0.0.1:0", true, &dtls.Options{PSKs: map[string][]byte{"a": key[:3]}}, "it must have 16 to 64"},
		{"listener with nothing", "dtls://127.0.0.1:0", true, nil, "give psk_file=FILE, or cert=FILE and key=FILE"},
		{"nobody listens", "dtls://127.0.0.1:1", false, withKeys(), "is a router listening on dtls://127.0.0.1:1?"},
		{"no such host", "dtls://no-such-host.invalid:1", false, withKeys(), "no-such-host.invalid"},
		{"not of this machine", "dtls://192.0.2.1:0", true, withKeys(), "is no address of this machine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			if set := newSet(t, c.opts); c.listen {
				_, err = set.Listen(within(t, time.Minute), c.addr)
			} else {
				_, err = set.Dial(within(t, time.Minute), c.addr)
			}
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte("# comment\n\npress-1:" + hex.EncodeToString(key) + "\r\n"))
	f.Add([]byte("a:b:" + hex.EncodeToString(otherKey)))
	f.Add([]byte(":"))
	f.Fuzz(func(t *testing.T, content []byte) {
		all, err := dtls.ParseKeys("keys.psk", content)
		if err != nil {
			return
		}
		for identity, k := range all {
			assert.True(t, identity != "" && len(identity) <= 128 && len(k) >= 16 && len(k) <= 64)
			assert.Contains(t, strings.ToLower(string(content)), strings.ToLower(identity)+":"+hex.EncodeToString(k))
		}
	})
}
