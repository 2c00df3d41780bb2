package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/auth"
)

// checker collects what is wrong, with the place.
type checker struct {
	file  string
	lines lines
	errs  []error
}

func (k *checker) fail(key, format string, args ...any) {
	k.errs = append(k.errs, &Error{File: k.file, Line: k.lines.of(key), Text: fmt.Sprintf(format, args...)})
}

func (k *checker) err() error { return errors.Join(k.errs...) }

func (k *checker) check(key string, err error) {
	if err != nil {
		k.fail(key, "%s: %v", key, err)
	}
}

func (c *Config) validate(file string, at lines) error {
	k := &checker{file: file, lines: at}
	if len(c.Name) > 255 {
		k.fail("name", "name has %d bytes; at most 255 are allowed", len(c.Name))
	}
	_, err := c.Log.Level.Slog()
	k.check("log.level", err)
	k.check("log.format", c.Log.Format.Validate())
	k.check("drain", c.Drain.err)
	c.Metrics.validate(k)
	c.Limits.validate(k)
	c.validateSpecial(k)
	c.validateCodecs(k)
	seen := map[string]bool{}
	for i, l := range c.Listen {
		key := fmt.Sprintf("listen.%d", i)
		l.validate(k, key)
		if l.URL != "" && seen[l.URL] && !anyPort(l.URL) {
			k.fail(key+".url", "%s is listed twice", l.URL)
		}
		seen[l.URL] = true
	}
	if c.Uplink != nil {
		c.Uplink.validate(k)
	}
	return k.err()
}

func (c *Config) validateCodecs(k *checker) {
	if c.Codecs != nil && len(c.Codecs) == 0 {
		k.fail("codecs", "codecs is empty: nobody could connect; leave it out for all of them")
	}
	for i, id := range c.Codecs {
		k.check("codecs", id.Validate())
		if slices.Contains(c.Codecs[:i], id) {
			k.fail("codecs", "codec %q is listed twice", id)
		}
	}
}

func (l *Listener) validate(k *checker, key string) {
	if l.URL == "" {
		k.fail(key, "a listener needs a url, like url = \"tcp://127.0.0.1:7465\"")
		return
	}
	scheme, err := SchemeOf(l.URL)
	if err != nil {
		k.fail(key+".url", "%v", err)
		return
	}
	u, _ := url.Parse(l.URL) // SchemeOf has done so
	q := u.Query()
	certificate := (l.TLS.Cert != "" || q.Has("cert")) && (l.TLS.Key != "" || q.Has("key"))
	keys := l.PSKFile != "" || q.Has("psk_file")
	if !IsPath(scheme) && u.Port() == "" {
		k.fail(key+".url", "%q has no port; write it like %s://127.0.0.1:7465", l.URL, scheme)
	}
	if !Encrypted(scheme) && l.TLS != (TLS{}) {
		k.fail(key+".tls", "%s is not encrypted: tls settings belong to a listener of %s", l.URL, EncryptedSchemes())
	}
	if !TakesKeys(scheme) && l.PSKFile != "" {
		k.fail(key+".psk_file", "%s takes no pre-shared keys: psk_file belongs to a dtls:// listener", l.URL)
	}
	switch {
	case certificate || !Encrypted(scheme):
	case !TakesKeys(scheme):
		k.fail(key+".url", "%s needs a certificate and its key: tls.cert and tls.key, or --tls-cert and --tls-key", l.URL)
	case l.TLS != (TLS{}):
		k.fail(key+".tls.cert", "%s needs a certificate and its key: give both tls.cert and tls.key, or psk_file alone", l.URL)
	case !keys:
		k.fail(key+".url", "%s needs keys or a certificate: psk_file (--psk-file) with a line NAME:KEY for each client, or tls.cert and tls.key (--tls-cert and --tls-key)", l.URL)
	}
}

// anyPort reports whether the system chooses the port: such an address may be
// listed twice.
func anyPort(addr string) bool {
	u, err := url.Parse(addr)
	return err == nil && u.Port() == "0"
}

func (u *Uplink) validate(k *checker) {
	if len(u.URLs) == 0 {
		k.fail("uplink", "uplink needs urls, like urls = [\"tcp://central:7465\"]")
	}
	k.check("uplink.return", u.Return.err)
	if u.Return.Duration > 0 && len(u.URLs) == 1 {
		k.fail("uplink.return", "there is one url: return would have no effect")
	}
	encrypted, keys := false, false
	for _, addr := range u.URLs {
		scheme, err := SchemeOf(addr)
		if err != nil {
			k.fail("uplink.urls", "%v", err)
		}
		encrypted = encrypted || Encrypted(scheme)
		keys = keys || TakesKeys(scheme)
	}
	if !encrypted && u.TLS != (TLS{}) && len(u.URLs) > 0 {
		k.fail("uplink.tls", "none of the urls is one of %s: tls settings would have no effect", EncryptedSchemes())
	}
	if !keys && (u.PSKFile != "" || u.PSKIdentity != "") && len(u.URLs) > 0 {
		k.fail("uplink.psk_file", "none of the urls is a dtls:// address: psk_file and psk_identity would have no effect")
	}
	if (u.TLS.Cert == "") != (u.TLS.Key == "") {
		k.fail("uplink.tls", "tls.cert and tls.key go together")
	}
}

// SchemeOf checks an address as far as that is possible without dialling it. The
// ports of the web need not be said.
func SchemeOf(addr string) (string, error) {
	u, err := url.Parse(addr)
	if err != nil || u.Scheme == "" || u.Opaque != "" {
		return "", fmt.Errorf("%q is no address; write it like tcp://127.0.0.1:7465", addr)
	}
	if !slices.Contains(Schemes, u.Scheme) {
		return "", fmt.Errorf("no carrier for %s://; there are %s", u.Scheme, strings.Join(Schemes, "://, ")+"://")
	}
	switch {
	case u.Scheme == "unix" && (u.Host != "" || len(u.Path) < 2):
		return "", fmt.Errorf("%q has no absolute path; write it like unix:///run/gosig.sock", addr)
	case u.Scheme == "serial" && (u.Host != "" || len(u.Path) < 2):
		return "", fmt.Errorf("%q has no path of a port; write it like serial:///dev/ttyUSB0", addr)
	case !IsPath(u.Scheme) && u.Port() == "" && !strings.HasPrefix(u.Scheme, "ws"):
		return "", fmt.Errorf("%q has no port; write it like %s://127.0.0.1:7465", addr, u.Scheme)
	}
	return u.Scheme, nil
}

// knownKeys are what a file may say, for the hint at a mistyped one.
var knownKeys = map[string][]string{
	"":              append([]string{"name", "codecs", "drain", "log", "listen", "uplink", "metrics", "limits", "limits_for", "policy", "shadow_policy", "audit", "admit_anonymous", "trusted_wires", "insecure"}, policyKeys...),
	"metrics":       {"listen"},
	"log":           {"level", "format"},
	"listen":        {"url", "tls", "psk_file", "limits"},
	"listen.tls":    {"cert", "key", "ca"},
	"uplink":        {"urls", "tls", "return", "psk_file", "psk_identity", "token_file", "key_file"},
	"uplink.tls":    {"cert", "key", "ca"},
	"limits":        limitKeys(),
	"listen.limits": limitKeys(),
	"limits_for":    append([]string{"principals", "groups"}, limitKeys()...),
	"group":         keysOf[acl.Group](),
	"rule":          keysOf[acl.Rule](),
	"expect":        keysOf[acl.Expect](),
	"identity":      keysOf[Identity](),
	"credential":    keysOf[auth.Entry](),
}

// knownOfPolicy are those of a file that is a policy alone.
var knownOfPolicy = func() map[string][]string {
	known := maps.Clone(knownKeys)
	known[""] = policyKeys
	return known
}()

// keysOf are the keys of a struct, as its tags name them.
func keysOf[T any]() []string {
	var keys []string
	t := reflect.TypeFor[T]()
	for i := range t.NumField() {
		keys = append(keys, t.Field(i).Tag.Get("toml"))
	}
	return keys
}

func unknownKey(key toml.Key, knownKeys map[string][]string) string {
	full := strings.Join(key, ".")
	parent := ""
	if len(key) > 1 {
		parent = strings.Join(key[:len(key)-1], ".")
	}
	if known, ok := knownKeys[parent]; ok {
		return fmt.Sprintf("unknown key %q; known here: %s", full, strings.Join(known, ", "))
	}
	return fmt.Sprintf("unknown key %q", full)
}

// plain is a decoding error without the library's prefix.
func plain(e *toml.DecodeError) string {
	text := strings.TrimPrefix(e.Error(), "toml: ")
	if key := strings.Join(e.Key(), "."); key != "" && !strings.Contains(text, key) {
		return key + ": " + text
	}
	return text
}
