package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/e2e/child"
	"github.com/gosig/gosig/sig"
)

// nginxConf is the least with which nginx passes WebSockets on, and what keeps it
// out of the system's folders.
const nginxConf = `
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s;
		location /signals {
			proxy_pass http://%[3]s;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection "upgrade";
			proxy_set_header Host $host;
		}
	}
}
`

// nginx puts one before a ws:// listener, and returns the address to dial.
func nginx(t *testing.T, router string) string {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // not in everybody's PATH
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("there is no nginx: install it (Debian: apt-get install nginx-light)")
	}
	behind, err := url.Parse(router)
	require.NoError(t, err)
	front := strings.TrimPrefix(fixedAddress(t), "tcp://")
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, nginxConf, dir, front, behind.Host), 0o600))
	cmd := exec.Command(path, "-p", dir, "-c", conf)
	var log child.Output
	cmd.Stdout, cmd.Stderr = &log, &log
	child.Bind(cmd)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has nothing to lose
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("nginx wrote:\n%s", &log)
		}
	})
	return "ws://" + front + behind.Path
}

// TestNginx: events, small and large, and requests, both ways through a reverse
// proxy that many have before everything.
func TestNginx(t *testing.T) {
	t.Parallel()
	p := serve(t, "--listen", "ws://127.0.0.1:0/signals", "--listen", "tcp://127.0.0.1:0")
	behind, direct := dial(t, "cbor", []string{nginx(t, p.addrs[0])}), dial(t, "cbor", p.addrs[1:])
	for _, way := range []struct {
		name     sig.Name
		from, to *client
	}{{"out", behind, direct}, {"in", direct, behind}} {
		var heard atomic.Int64
		sub, err := sig.Subscribe(way.to.Registry, way.name, "word", func(ev sig.EventOf[string]) { heard.Add(int64(len(ev.Data))) }, nil)
		require.NoError(t, err)
		require.NoError(t, sub.InForce(patient(t)))
		double := func(_ context.Context, s string) (string, error) { return s + s, nil }
		sp := way.from.connect(t, way.name, sig.Spec{
			Events:   []sig.Name{"word"},
			Requests: map[sig.Name]sig.RequestHandler{"double": sig.Handle(double)},
		})
		words := 0
		for n := range 200 {
			word := strings.Repeat("x", n%100)
			if n%100 == 99 {
				word = strings.Repeat("x", 300_000)
			}
			words += len(word)
			require.NoError(t, sp.EmitWait(patient(t), "word", word))
		}
		await(t, "all words", func() bool { return heard.Load() == int64(words) })
		way.to.knows(t, way.name)
		large := strings.Repeat("y", 200_000)
		got, err := sig.Call[string](patient(t), way.to.Registry, way.name, "double", large)
		require.NoError(t, err)
		require.Len(t, got, 2*len(large))
	}
}
