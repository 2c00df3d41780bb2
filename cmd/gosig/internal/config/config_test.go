package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/router"
)

func TestParseGood(t *testing.T) {
	c, err := Parse("gosig.toml", []byte(`
name = "plant"
codecs = ["json", "cbor"]
drain = "3s"

[log]
level = "debug"
format = "json"

[[listen]]
url = "tcp://127.0.0.1:0"

[[listen]]
url = "tls://0.0.0.0:7466"
[listen.tls]
cert = "c.pem"
key = "k.pem"

[[listen]]
url = "dtls://0.0.0.0:7467"
psk_file = "keys.psk"

[[listen]]
url = "ws://127.0.0.1:0"

[[listen]]
url = "ws://127.0.0.1:0"

[uplink]
urls = ["tls://central:7466", "unix:///run/gosig.sock", "wss://central/gosig", "dtls://central:7467"]
tls = {ca = "/etc/ca.pem"}
psk_file = "my.psk"
psk_identity = "edge-1"
return = "30s"

[end]
`))
	require.NoError(t, err)
	assert.Equal(t, "plant", c.Name)
	assert.Equal(t, []CodecName{"json", "cbor"}, c.Codecs)
	assert.Equal(t, 3*time.Second, c.DrainTime())
	assert.Equal(t, "debug", string(c.Log.Level))
	assert.Equal(t, FormatJSON, c.Log.Format)
	assert.Equal(t, Listener{URL: "tls://0.0.0.0:7466", TLS: TLS{Cert: "c.pem", Key: "k.pem"}}, c.Listen[1])
	assert.Equal(t, Listener{URL: "dtls://0.0.0.0:7467", PSKFile: "keys.psk"}, c.Listen[2])
	assert.Equal(t, "/etc/ca.pem", c.Uplink.TLS.CA)
	assert.Equal(t, []string{"my.psk", "edge-1"}, []string{c.Uplink.PSKFile, c.Uplink.PSKIdentity})
	assert.Equal(t, 30*time.Second, c.Uplink.Return.Duration)
}

func TestParseBadSaysWhere(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"unknown key", "name = \"a\"\nnmae = \"b\"\n", `f:2: unknown key "nmae"; known here: name,`},
		{"unknown table", "[telemetry]\nport = 1\n", `f:1: unknown key "telemetry"; known here: name,`},
		{"unknown key of a listener", "[[listen]]\nurl = \"tcp://a:1\"\nport = 1\n", `f:3: unknown key "listen.port"; known here: url, tls`},
		{"metrics nowhere", "[metrics]\nlisten = \"localhost\"\n", `f:2: metrics.listen: "localhost" is no host and port`},
		{"unknown limit", "\n[limits]\nframes = 1\n", `f:3: unknown key "limits.frames"; known here: `},
		{"no TOML", "name = \n", `f:1: `},
		{"wrong kind", "name = 3\n", `f:1: name`},
		{"duration without unit", "drain = \"10\"\n", `f:1: drain: "10" is no duration`},
		{"negative duration", "drain = \"-1s\"\n", `f:1: drain: "-1s" is no duration`},
		{"number as duration", "drain = 10\n", `f:1: drain: "10" is no duration`},
		{"negative size", "[limits]\nframe = -1\n", `f:2: limits.frame: "-1" is no size`},
		{"no limit", "[limits]\nframe = 0\n", `f:2: limits.frame: 0 is no limit`},
		{"limits against each other", "[limits]\nkeepalive = \"50s\"\n", `f:1: `},
		{"limit of the router for a listener", "[[listen]]\nurl = \"tcp://a:1\"\nlimits = {outbound_total = \"1GiB\"}\n", `f:3: outbound_total is a limit of the whole router: it belongs to [limits]`},
		{"limit before anybody is known", "[[limits_for]]\nprincipals = [\"a\"]\nhandshake = \"1s\"\n", `f:3: handshake is in force before anybody knows who comes`},
		{"limits for nobody", "[[limits_for]]\nrate = 1\n", `f:1: limits_for speaks of nobody`},
		{"no limits for somebody", "[[limits_for]]\ngroups = [\"a\"]\n", `f:1: limits_for sets no limit`},
		{"unknown limit for somebody", "[[limits_for]]\ngroups = [\"a\"]\nrat = 1\n", `f:3: unknown key "limits_for.rat"; known here: principals, groups, handshake`},
		{"limit for somebody against another", "[limits]\ndead = \"20s\"\n[[limits_for]]\ngroups = [\"a\"]\nkeepalive = \"30s\"\n", `f:3: `},
		{"size", "[limits]\nframe = \"1MB\"\n", `f:2: limits.frame: "1MB" is no size`},
		{"codec", "codecs = [\"json\", \"xml\"]\n", `f:1: codecs: "xml" is no codec`},
		{"codec twice", "codecs = [\"json\", \"json\"]\n", `f:1: codec "json" is listed twice`},
		{"no codec", "name=\"a\"\ncodecs = []\n", `f:2: codecs is empty`},
		{"level", "[log]\nlevel = \"loud\"\n", `f:2: log.level: "loud" is no log level`},
		{"format", "[log]\nformat = \"xml\"\n", `f:2: log.format: "xml" is no log format`},
		{"listener without url", "\n[[listen]]\n", `f:2: a listener needs a url`},
		{"no address", "[[listen]]\nurl = \"localhost:1\"\n", `f:2: `},
		{"no port", "[[listen]]\nurl = \"tcp://localhost\"\n", `f:2: "tcp://localhost" has no port`},
		{"no path", "[[listen]]\nurl = \"unix://run\"\n", `f:2: "unix://run" has no absolute path`},
		{"no carrier", "[[listen]]\nurl = \"smoke://hill:1\"\n", `f:2: no carrier for smoke://; there are tcp://`},
		{"tls without certificate", "[[listen]]\nurl = \"tcp://a:1\"\n[[listen]]\nurl = \"tls://a:1\"\n", `f:4: tls://a:1 needs a certificate and its key`},
		{"tls settings for tcp", "[[listen]]\nurl = \"tcp://a:1\"\n[listen.tls]\ncert = \"x\"\n", `f:3: tcp://a:1 is not encrypted`},
		{"quic without certificate", "[[listen]]\nurl = \"quic://a:1\"\n", `f:2: quic://a:1 needs a certificate and its key`},
		{"wss with half a certificate", "[[listen]]\nurl = \"wss://a:1\"\ntls.cert = \"x\"\n", `f:2: wss://a:1 needs a certificate and its key`},
		{"dtls with nothing", "[[listen]]\nurl = \"dtls://a:1\"\n", `f:2: dtls://a:1 needs keys or a certificate: psk_file (--psk-file)`},
		{"dtls with half a certificate", "[[listen]]\nurl = \"dtls://a:1\"\npsk_file = \"x\"\ntls.cert = \"x\"\n", `f:4: dtls://a:1 needs a certificate and its key: give both`},
		{"keys for tls", "[[listen]]\nurl = \"tls://a:1?cert=x&key=x\"\npsk_file = \"x\"\n", `f:3: tls://a:1?cert=x&key=x takes no pre-shared keys`},
		{"identity of a listener", "[[listen]]\nurl = \"dtls://a:1\"\npsk_identity = \"x\"\n", `f:3: unknown key "listen.psk_identity"; known here: url, tls, psk_file`},
		{"ws without a port", "[[listen]]\nurl = \"ws://a/path\"\n", `f:2: "ws://a/path" has no port`},
		{"uplink keys without effect", "[uplink]\nurls = [\"tls://a:1\"]\npsk_identity = \"x\"\n", `f:1: none of the urls is a dtls://`},
		{"listed twice", "[[listen]]\nurl = \"tcp://a:1\"\n[[listen]]\nurl = \"tcp://a:1\"\n", `f:4: tcp://a:1 is listed twice`},
		{"uplink without urls", "[uplink]\n", `f:1: uplink needs urls`},
		{"uplink tls without effect", "[uplink]\nurls = [\"tcp://a:1\"]\ntls = {ca = \"x\"}\n", `f:3: none of the urls is one of tls://`},
		{"uplink return without effect", "[uplink]\nurls = [\"tcp://a:1\"]\nreturn = \"30s\"\n", `f:3: there is one url: return would have no effect`},
		{"uplink return without unit", "[uplink]\nurls = [\"tcp://a:1\", \"tcp://b:1\"]\nreturn = \"30\"\n", `f:3: uplink.return: "30" is no duration`},
		{"no end", "name = \"a\"\n", `f: the file does not end with a line [end]: has the file been cut off?`},
		{"not the last", "[end]\n[log]\nlevel = \"debug\"\n", `f:1: [end] must be the last line`},
		{"end with content", "[end]\nname = \"a\"\n", `f:2: unknown key "end.name"`},
		{"uplink half a certificate", "[uplink]\nurls = [\"tls://a:1\"]\ntls.cert = \"x\"\n", `tls.cert and tls.key go together`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse("f", []byte(row.text))
			require.ErrorIs(t, err, ErrInvalid)
			assert.Contains(t, err.Error(), row.want)
		})
	}
}

func TestEveryMistakeIsReported(t *testing.T) {
	_, err := Parse("f", []byte("a = 1\nb = 2\n"))
	assert.ErrorContains(t, err, `f:1: unknown key "a"`)
	assert.ErrorContains(t, err, `f:2: unknown key "b"`)
}

func TestLoadResolvesFilesFromItsOwnFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gosig.toml")
	text := "[[listen]]\nurl = \"tls://a:1\"\ntls = {cert = \"c.pem\", key = \"/k.pem\"}\n[end]\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	_, err := Load(path)
	require.ErrorIs(t, err, ErrInvalid)
	assert.ErrorContains(t, err, path+":3: ")
	assert.ErrorContains(t, err, filepath.Join(dir, "c.pem"))

	_, err = Load(filepath.Join(dir, "absent.toml"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestFilesOfKeysAreRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gosig.toml")
	load := func(keys string) error {
		text := "[[listen]]\nurl = \"dtls://a:1\"\npsk_file = \"my.psk\"\n" +
			"[uplink]\nurls = [\"dtls://b:1\"]\npsk_file = \"my.psk\"\npsk_identity = \"press-1\"\n[end]\n"
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "my.psk"), []byte(keys), 0o600))
		_, err := Load(path)
		return err
	}
	require.NoError(t, load("press-1:000102030405060708090a0b0c0d0e0f\n"))
	err := load("press-1:0001\n")
	require.ErrorIs(t, err, ErrInvalid)
	assert.ErrorContains(t, err, path+":3: cannot use keys: "+filepath.Join(dir, "my.psk")+", line 1: ")
	assert.ErrorContains(t, load("# nobody yet\n"), "has none; write a line NAME:KEY")
	assert.ErrorContains(t, load("press-2:000102030405060708090a0b0c0d0e0f\n"), path+`:6: cannot use keys: `+filepath.Join(dir, "my.psk")+` has none for the identity "press-1"`)
}

func TestSizeIsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "4096": 4096, "4KiB": 4096, "1 MiB": 1 << 20, "3GiB": 3 << 30, "7B": 7} {
		var s, again Size
		require.NoError(t, s.UnmarshalText([]byte(text)))
		require.NoError(t, s.err)
		assert.Equal(t, want, s.Bytes)
		require.NoError(t, again.UnmarshalText([]byte(s.String())))
		assert.Equal(t, s, again)
	}
	for _, bad := range []string{"", "x", "1MB", "-1", "9223372036854775807GiB", "1.5MiB"} {
		var s Size
		require.NoError(t, s.UnmarshalText([]byte(bad)))
		assert.Error(t, s.err, bad)
	}
}

func TestLimitsAreHandedOverAndDefaultsMarked(t *testing.T) {
	c, err := Parse("f", []byte("[limits]\nframe = \"64KiB\"\nconnections = 10\nkeepalive = \"1s\"\n[end]\n"))
	require.NoError(t, err)
	assert.Equal(t, router.Limits{MaxFrame: 64 << 10, Connections: 10, Keepalive: time.Second}, c.Limits.Router())

	given := map[string]string{}
	for _, l := range c.Limits.Describe() {
		assert.NotEmpty(t, l.Value, l.Key)
		assert.NotEqual(t, "0", l.Value, l.Key)
		assert.NotEmpty(t, l.Scope, l.Key)
		assert.NotEmpty(t, l.Reached, l.Key)
		if !l.Default {
			given[l.Key] = l.Value
		}
	}
	assert.Equal(t, map[string]string{"frame": "64KiB", "connections": "10", "keepalive": "1s"}, given)
}

func TestEveryLimitOfTheRouterCanBeSet(t *testing.T) {
	ofRouter := limitKeys()[:reflect.TypeFor[router.Limits]().NumField()]
	assert.Len(t, limitKeys(), len(ofRouter)+reflect.TypeFor[codec.Limits]().NumField())
	assert.Len(t, limitKeys(), reflect.TypeFor[Limits]().NumField())
	for i, key := range ofRouter {
		assert.Equal(t, router.Limit(i).String(), key, "the file and the metrics call it the same")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name = \"a\"\n[[listen]]\nurl = \"tcp://a:1\"\n[listen.tls]\ncert=\"x\"\n"))
	f.Add([]byte("[uplink]\nurls = [\"tls://a:1\"]\ntls.ca = \"x\"\n[limits]\nframe = \"1MiB\"\n"))
	f.Add([]byte("name = \"a\"\n[limits]\nframe = \"1MiB\"\n[end]\n"))
	f.Add([]byte("a.b.c = 1\n[[a]]\n[[a.b]]\n[a.b.c]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if (c == nil) == (err == nil) {
			t.Fatalf("Parse returned %v and %v: a broken file must give an error and nothing else", c, err)
		}
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%v is no *Error", err)
		}
	})
}
