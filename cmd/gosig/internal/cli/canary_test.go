package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/cmd/gosig/internal/ca"
)

// everything collects what all commands of a test print.
type everything struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (e *everything) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all.Write(p)
}

func (e *everything) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all.String()
}

// TestNoSecretIsPrinted runs the commands that handle secrets, with good ones, wrong
// ones and ones in the wrong place, against a router that logs all it can, and looks
// for each secret, in each form that it could have, in all that was printed and
// written.
func TestNoSecretIsPrinted(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("GOSIG_NAME", "tester")
	var out everything
	do := func(want int, args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		code := run(ctx, args, Streams{In: strings.NewReader(""), Out: &out, Err: &out})
		require.Equal(t, want, code, "%v\n%s", args, &out)
	}
	write := func(name, text string) { require.NoError(t, os.WriteFile(name, []byte(text), 0o600)) }

	const psk = "c0ffee0102030405060708090a0b0c0d"
	write("keys.psk", "press:"+psk+"\n")
	write("policy.toml", "[[rule]]\nallow = [\"emit\", \"subscribe\", \"admin\"]\nprincipals = [\"**\"]\nsender = \"**\"\nname = \"**\"\n\n[end]\n")
	_, err := ca.Issue("lab", ca.Request{Servers: [][]string{{"127.0.0.1"}}, Clients: []string{"anna"}})
	require.NoError(t, err)
	do(0, "token", "--id", "anna", "--days", "1", "--out", "anna.token", "--add-to", "policy.toml")
	do(0, "token", "--id", "eve", "--days", "1", "--out", "eve.token") // the router does not know it
	do(0, "keygen", "--id", "press", "--out", "press.key", "--add-to", "policy.toml")
	do(0, "keygen", "--id", "eve", "--out", "eve.key", "-o", "json")
	secrets := secretsOf(t, psk, "anna.token", "eve.token", "press.key", "eve.key", "lab/anna.key", "lab/127.0.0.1.key", "lab/ca.key")

	write("gosig.toml", `
policy = "policy.toml"
audit = "audit.jsonl"
[log]
level = "debug"
[[listen]]
url = "tls://127.0.0.1:0"
tls = {cert = "lab/127.0.0.1.pem", key = "lab/127.0.0.1.key"}
[[listen]]
url = "dtls://127.0.0.1:0"
psk_file = "keys.psk"
[end]
`)
	do(0, "check", "gosig.toml")
	do(0, "check", "gosig.toml", "-o", "json")
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		assert.Equal(t, 0, run(ctx, []string{"serve", "--config", "gosig.toml"}, Streams{In: strings.NewReader(""), Out: &out, Err: &out}))
	})
	listening := regexp.MustCompile(`(?m)^listening ((?:d?tls)://\S+)$`)
	require.Eventually(t, func() bool { return len(listening.FindAllString(out.String(), -1)) == 2 }, time.Minute, time.Millisecond)
	addrs := listening.FindAllStringSubmatch(out.String(), -1)
	tls, dtls := addrs[0][1], addrs[1][1]

	for _, as := range [][]string{{"--token-file", "anna.token"}, {"--key-file", "press.key"}, {"--token-file", "anna.token", "--key-file", "eve.key"}} {
		more := append([]string{"--connect", tls, "--tls-ca", "lab/ca.pem"}, as...)
		want := 0
		if len(as) > 2 {
			want = 3 // the key is asked for first
		}
		do(want, append([]string{"emit", "--sender", "x", "temp", "1"}, more...)...)
		do(want, append([]string{"admin", "connections", "-o", "json"}, more...)...)
	}
	do(0, "probe", tls, "--tls-ca", "lab/ca.pem", "--token-file", "anna.token", "-o", "json")
	do(0, "probe", dtls, "--psk-file", "keys.psk", "-o", "json")
	do(1, "probe", tls, "--tls-ca", "lab/ca.pem", "--token-file", "eve.token")
	do(3, "ls", "--connect", tls, "--tls-ca", "lab/ca.pem", "--token-file", "eve.token")
	do(3, "ls", "--connect", tls, "--tls-ca", "lab/ca.pem", "--key-file", "eve.key")
	do(3, "ls", "--connect", tls, "--tls-ca", "lab/ca.pem")
	do(0, "hash", "anna.token")
	do(0, "hash", "press.key")

	// In the wrong place.
	token := secrets["anna.token"][0]
	do(2, "ls", "--connect", tls, "--token-file", "press.key")
	do(2, "ls", "--connect", tls, "--key-file", "anna.token")
	do(1, "hash", "keys.psk")
	write("twice.token", token+token)
	do(2, "ls", "--connect", tls, "--token-file", "twice.token")
	write("bad.toml", "[[credential]]\nid = \"a\"\ntoken = \""+token+"\"\n[end]\n")
	do(1, "check", "bad.toml")
	write("bad.toml", "[[credential]]\nid = \"a\"\nkey = \""+token+"\"\n[end]\n")
	do(1, "check", "bad.toml")
	write("bad.toml", "[[credential]]\nid = \"a\"\ntoken = "+token+"\n[end]\n")
	do(1, "check", "bad.toml")
	write("bad.psk", "press:"+psk+"zz\n")
	do(2, "emit", "--connect", dtls, "--psk-file", "bad.psk", "--codec", "none", "--sender", "x", "temp", "1")
	do(1, "emit", "--connect", dtls, "--psk-file", "bad.psk", "--sender", "x", "temp", "1")
	t.Setenv("GOSIG_TOKEN", token+"x")
	do(2, "ls", "--connect", tls)
	t.Setenv("GOSIG_TOKEN", token)
	do(0, "emit", "--connect", tls, "--tls-ca", "lab/ca.pem", "--sender", "x", "temp", "1")
	do(0, "--help")
	do(0, "sub", "--help")

	stop()
	serving.Wait()
	do(0, "audit", "verify", "audit.jsonl", "-o", "json")
	log, err := os.ReadFile("audit.jsonl")
	require.NoError(t, err)
	printed := out.String() + string(log)
	require.Contains(t, printed, `"principal":"anna","method":"token"`, "there is something to look at")
	for file, forms := range secrets {
		for _, form := range forms {
			assert.NotContains(t, printed, form, "of %s", file)
		}
	}
}

// secretsOf returns each secret in the forms in which it could be printed.
func secretsOf(t *testing.T, psk string, files ...string) map[string][]string {
	raw, err := hex.DecodeString(psk)
	require.NoError(t, err)
	all := map[string][]string{"keys.psk": {psk, strings.ToUpper(psk), string(raw), base64.StdEncoding.EncodeToString(raw)}}
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		text, err := io.ReadAll(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		if filepath.Ext(file) == ".token" {
			token := strings.TrimSpace(string(text))
			raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, "gst_"))
			require.NoError(t, err)
			all[file] = []string{token, strings.TrimPrefix(token, "gst_"), hex.EncodeToString(raw), string(raw)}
			continue
		}
		block, _ := pem.Decode(text)
		require.NotNil(t, block, file)
		body := strings.Split(strings.TrimSpace(string(text)), "\n")[1]
		all[file] = []string{body, hex.EncodeToString(block.Bytes), hex.EncodeToString(block.Bytes[len(block.Bytes)-16:])}
	}
	return all
}
