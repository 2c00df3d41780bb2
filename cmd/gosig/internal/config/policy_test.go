package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
)

// policyText ends with what denies: cut off, it would allow more.
const policyText = `[[group]]
name = "operators"
members = ["ops/*"]

[[rule]]
label = "read"
allow = ["subscribe", "request"]
groups = ["operators"]
sender = "**"
name = "**"

[[rule]]
label = "speak"
allow = ["emit"]
principals = ["**"]
sender = "{self}"
name = "**"

[[identity]]
id = "plant/press"
psk = "press-1"

[[identity]]
id = "ops/root"
user = "uid:0"
groups = ["admins"]

[[identity]]
id = "plant/saw"
certificate = "saw.example"

[[identity]]
id = "plant/lathe"
serial = "/dev/serial/by-id/usb-lathe"

[[credential]]
id = "ops/bob"
token = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
expires = 2099-01-01T00:00:00Z

[[credential]]
id = "plant/saw"
key = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

[[rule]]
label = "no keys"
deny = ["subscribe"]
principals = ["**"]
sender = "**"
name = "keys/**"

[[expect]]
principal = "ops/anna"
deny = ["subscribe"]
sender = "**"
name = "keys/*"
rule = "no keys"

[end]
`

func TestPolicyOfItsOwnFile(t *testing.T) {
	a, err := ParsePolicy("p.toml", []byte(policyText))
	require.NoError(t, err)
	require.NoError(t, a.Check())
	assert.Equal(t, "p.toml:45", a.RuleAt(3))
	assert.Empty(t, a.RuleAt(4))
	d, _ := a.Policy().For(a.Principal(acl.Principal{ID: "sig:ops/anna", Method: "tls"})).Subscribe(pattern("keys/a"))
	assert.Equal(t, "no keys", d.Label)
	assert.True(t, IsPolicy([]byte(policyText)))
	assert.Equal(t, 2, a.Store().Len())
}

func TestPolicyInTheConfiguration(t *testing.T) {
	text := "policy = \"here\"\nname = \"plant\"\n\n[[listen]]\nurl = \"tcp://127.0.0.1:1\"\n\n" + policyText
	c, err := Parse("c.toml", []byte(text))
	require.NoError(t, err)
	require.NotNil(t, c.Access())
	assert.Equal(t, "c.toml:51", c.Access().RuleAt(3))
	assert.False(t, IsPolicy([]byte(text)))

	c, err = Parse("c.toml", []byte("name = \"plant\"\n[end]\n"))
	require.NoError(t, err)
	assert.Nil(t, c.Access(), "no policy is none, not an empty one")
}

func TestPolicyNamedByTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	file, policy := filepath.Join(dir, "gosig.toml"), filepath.Join(dir, "p.toml")
	require.NoError(t, os.WriteFile(file, []byte("policy = \"p.toml\"\n[end]\n"), 0o600))
	_, err := Load(file)
	assert.ErrorIs(t, err, os.ErrNotExist, "a policy that is missing is no policy that allows everything")
	require.NoError(t, os.WriteFile(policy, nil, 0o600))
	_, err = Load(file)
	assert.ErrorContains(t, err, policy+": policy: it has no rule")
	require.NoError(t, os.WriteFile(policy, []byte(policyText), 0o600))
	c, err := Load(file)
	require.NoError(t, err)
	assert.Equal(t, policy, c.Access().File())
}

// TestPolicyCutOffAnywhereIsRefused: a file that ends early is never taken for a
// whole one, on whichever byte it ends.
func TestPolicyCutOffAnywhereIsRefused(t *testing.T) {
	end := strings.Index(policyText, "[end]") + len("[end]")
	for n := range len(policyText) {
		_, err := ParsePolicy("p", []byte(policyText[:n]))
		if n < end {
			require.ErrorIs(t, err, ErrInvalid, "cut off at byte %d:\n%s", n, policyText[:n])
		} else {
			require.NoError(t, err, "only a newline is missing")
		}
	}
}

// TestConfigurationCutOffAnywhereIsRefused: with the policy in it, named by it, or
// neither, and wherever policy stands. What was cut off may be the policy, and
// --listen would let everybody in.
func TestConfigurationCutOffAnywhereIsRefused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "p.toml"), []byte(policyText), 0o600))
	const tables = "\n[[listen]]\nurl = \"tcp://127.0.0.1:1\"\nlimits = {rate = 10}\n\n[limits]\nframe = \"64KiB\"\n\n[[limits_for]]\nprincipals = [\"a\"]\nrate = 10\n\n"
	for name, text := range map[string]string{
		"here":       "name = \"plant\"\npolicy = \"here\"\ndrain = \"3s\"\n" + tables + policyText,
		"named":      "name = \"plant\"\ndrain = \"3s\"\npolicy = \"p.toml\"\n" + tables + "[end]\n",
		"no policy":  "name = \"plant\"\n" + tables + "[end]\n",
		"end inline": "name = \"plant\"\ndrain = \"3s\"\nend = {}\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "gosig.toml")
			end := len(strings.TrimSuffix(text, "\n"))
			for n := range len(text) {
				require.NoError(t, os.WriteFile(path, []byte(text[:n]), 0o600))
				c, err := Load(path)
				if n < end {
					require.Error(t, err, "cut off at byte %d:\n%s", n, text[:n])
					require.Nil(t, c)
				} else {
					require.NoError(t, err, "only a newline is missing")
				}
			}
		})
	}
}

func TestPolicyMistakesSayWhere(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"nothing", "", `p: policy: it has no rule`},
		{"no rule", "[end]\n", `p: policy: it has no rule`},
		{"empty list", "rule = []\n[end]\n", `p: policy: it has no rule`},
		{"no end", "[[rule]]\nallow = [\"emit\"]\nprincipals = [\"a\"]\nsender = \"**\"\nname = \"**\"\n", `p: the policy does not end with a line [end]`},
		{"not the last", "[end]\n[[rule]]\nallow = [\"emit\"]\nprincipals = [\"a\"]\nsender = \"**\"\nname = \"**\"\n", `p:1: [end] must be the last line`},
		{"end with content", "[end]\nx = 1\n", `p:2: unknown key "end.x"`},
		{"unknown table", "[[rules]]\n", `p:1: unknown key "rules"; known here: group, rule, expect, identity`},
		{"unknown key", "[[rule]]\nalow = [\"emit\"]\n", `p:2: unknown key "rule.alow"; known here: label, allow, deny`},
		{"key of a configuration", "drain = \"3s\"\n", `p:1: unknown key "drain"; known here: group, rule`},
		{"wrong kind", "[[rule]]\nallow = \"emit\"\n", `p:2: `},
		{"no TOML", "[[rule]\n", `p:1: `},
		{"same key twice", "[[rule]]\nname = \"a\"\nname = \"b\"\n", `p:3: `},
		{"verb", "[[rule]]\nallow = [\"emit\"]\nprincipals = [\"a\"]\nsender = \"**\"\nname = \"**\"\n[[rule]]\nallow = [\"emits\"]\nprincipals = [\"a\"]\nsender = \"**\"\nname = \"**\"\n[end]\n", `p:7: rule 2: allow: "emits" is no verb`},
		{"empty pattern", "[[rule]]\nallow = [\"emit\"]\nprincipals = [\"a\"]\nname = \"**\"\nsender = \"\"\n[end]\n", `p:5: rule 1: sender: it is missing`},
		{"missing pattern", "\n[[rule]]\nallow = [\"emit\"]\nprincipals = [\"a\"]\nname = \"**\"\n[end]\n", `p:2: rule 1: sender: it is missing`},
		{"identity without id", "[[identity]]\npsk = \"a\"\n[end]\n", `p:1: identity 1: id: it must have`},
		{"identity of nobody", "[[identity]]\nid = \"a\"\n[end]\n", `p:1: identity 1: set exactly one of certificate, psk, user and serial`},
		{"identity of two", "[[identity]]\nid = \"a\"\npsk = \"b\"\nuser = \"uid:1\"\n[end]\n", `p:1: identity 1: set exactly one`},
		{"identity twice", "[[identity]]\nid = \"a\"\npsk = \"p\"\n[[identity]]\nid = \"b\"\npsk = \"p\"\n[end]\n", `p:4: identity 2: "p" is mapped to "a" already`},
		{"group of an identity", "[[identity]]\nid = \"a\"\npsk = \"p\"\ngroups = [\"x/y\"]\n[end]\n", `p:4: identity 1: groups: "x/y" is no name of a group`},
		{"token without an end", "[[credential]]\nid = \"a\"\ntoken = \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n[end]\n", `p:1: credential 1 ("a"): a token must expire`},
		{"no hash", "[[credential]]\nid = \"a\"\ntoken = \"sha256:00\"\n[end]\n", `p:3: credential.token: not the hash of a token`},
		{"no key", "[[credential]]\nid = \"a\"\nkey = \"\"\n[end]\n", `p:3: credential.key: not a public key`},
		{"no date", "[[credential]]\nid = \"a\"\nexpires = \"soon\"\n[end]\n", `p:3: credential.expires`},
		{"group of a credential", "[[credential]]\nid = \"a\"\nkey = \"ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"\ngroups = [\"x y\"]\n[end]\n", `p:4: credential 1: groups: "x y" is no name of a group`},
		{"second credential", "[[credential]]\nid = \"a\"\nkey = \"ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"\n[[credential]]\nid = \"b\"\n[end]\n", `p:4: credential 2 ("b"): it must have`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := ParsePolicy("p", []byte(row.text))
			require.ErrorIs(t, err, ErrInvalid)
			assert.Contains(t, err.Error(), row.want)
		})
	}
}

func TestPolicyMistakesOfAConfiguration(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"not announced", "name = \"a\"\n[[rule]]\n", `c:2: a policy in this file must be announced above the first table: policy = "here"`},
		{"announced and missing", "policy = \"here\"\n", `c:1: the policy is said to be in this file, but there is none`},
		{"empty", "policy = \"\"\n", `c:1: policy is empty`},
		{"in two places", "policy = \"p.toml\"\n[[group]]\nname = \"a\"\n", `c:2: the policy is in the file that policy names`},
		{"with a mistake", "policy = \"here\"\n[[rule]]\n[end]\n", `c:2: rule 1: it says neither allow nor deny`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse("c", []byte(row.text))
			require.ErrorIs(t, err, ErrInvalid)
			assert.Contains(t, err.Error(), row.want)
		})
	}
}

func TestExpectationsThatFailSayWhere(t *testing.T) {
	a, err := ParsePolicy("p.toml", []byte(strings.Replace(policyText, "deny = [\"subscribe\"]\nsender = \"**\"\nname = \"keys/*\"", "allow = [\"subscribe\"]\nsender = \"**\"\nname = \"keys/*\"", 1)))
	require.NoError(t, err)
	assert.EqualError(t, a.Check(), `p.toml:52: expect 1: subscribe ** keys/*: denied: rule 3 "no keys" denies it; want it allowed by rule "no keys"`)
	assert.ErrorIs(t, a.Check(), ErrInvalid)
}

func TestWhoSomebodyIs(t *testing.T) {
	a, err := ParsePolicy("p.toml", []byte(policyText))
	require.NoError(t, err)
	for _, row := range []struct {
		method, proved string
		want           string
		groups         []string
	}{
		{"tls", "sig:ops/anna", "ops/anna", nil},
		{"tls", "host.example", "host.example", nil},
		{"tls", "sig:", "sig:", nil},
		{"tls", "saw.example", "plant/saw", nil},
		{"tls", "SAW.example", "SAW.example", nil},
		{"tls", "press-1", "press-1", nil},
		{"dtls-psk", "press-1", "plant/press", nil},
		{"dtls-psk", "sig:ops/anna", "sig:ops/anna", nil},
		{"unix-peercred", "uid:0", "ops/root", []string{"admins"}},
		{"unix-peercred", "uid:1", "uid:1", nil},
		{"serial-port", "/dev/serial/by-id/usb-lathe", "plant/lathe", nil},
		{"serial-port", "/dev/ttyUSB0", "/dev/ttyUSB0", nil},
		{"tls", "/dev/serial/by-id/usb-lathe", "/dev/serial/by-id/usb-lathe", nil},
		{"", "", "", nil},
	} {
		got := a.Principal(acl.Principal{ID: row.proved, Method: row.method})
		assert.Equal(t, acl.Principal{ID: row.want, Method: row.method, Groups: row.groups}, got, row.proved)
	}
	groups := make([]string, 0, 4)
	one := a.Principal(acl.Principal{ID: "uid:0", Method: "unix-peercred", Groups: append(groups, "x")})
	assert.Equal(t, []string{"x", "admins"}, one.Groups)
	assert.Equal(t, []string{"x", "y"}, append(groups, "x", "y"), "what was handed over is not changed")
	assert.Equal(t, []string{"x", "admins"}, one.Groups)
}

func TestATokenInPlaceOfItsHashIsNotQuoted(t *testing.T) {
	token := auth.NewToken().Reveal()
	_, err := ParsePolicy("p", []byte("[[credential]]\nid = \"a\"\ntoken = \""+token+"\"\n[end]\n"))
	require.ErrorContains(t, err, "p:3: credential.token: this is a token itself")
	assert.NotContains(t, err.Error(), token)
}

// TestThePageShowsPoliciesThatWork: what an operator copies from docs/acl.md is
// taken. Parts of a policy are completed by a rule and the last line.
func TestThePageShowsPoliciesThatWork(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/acl.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(blocks), 2)
	for _, b := range blocks {
		text := b[1]
		if !strings.Contains(text, "[[rule]]") {
			text += "[[rule]]\nallow = [\"emit\"]\nprincipals = [\"a\"]\nsender = \"a\"\nname = \"a\"\n"
		}
		if !strings.Contains(text, "[end]") {
			text += "[end]\n"
		}
		a, err := ParsePolicy("docs/acl.md", []byte(text))
		require.NoError(t, err, text)
		require.NoError(t, a.Check(), text)
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(policyText))
	f.Add([]byte("[end]\n"))
	f.Add([]byte("rule = [{allow=[\"emit\"], principals=[\"a\"], sender=\"**\", name=\"**\"}]\nend = {}\n"))
	f.Add([]byte("[[identity]]\nid = \"a\"\npsk = \"b\"\n[[rule]]\nlabel = \"\"\n[end]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParsePolicy("p", data)
		if (a == nil) == (err == nil) {
			t.Fatalf("%v and %v", a, err)
		}
		if err != nil {
			return
		}
		if len(a.Source().Rules) == 0 {
			t.Fatal("a policy without a rule")
		}
		_ = a.Check()
		_ = a.Policy().For(acl.Principal{ID: "a"}).Decide(acl.Emit, "a", "b")
	})
}

func pattern(event string) sig.Pattern { return sig.Pattern{Sender: sig.Any, Event: sig.Name(event)} }

// TestRefusedCertificates: as gosig and as openssl write fingerprints; what is none,
// and what stands there twice, is a mistake.
func TestRefusedCertificates(t *testing.T) {
	const rule = "[[rule]]\nallow = [\"emit\"]\nprincipals = [\"a\"]\nsender = \"**\"\nname = \"**\"\n"
	refused := func(lines ...string) string {
		text := rule
		for _, l := range lines {
			text += "[[refused]]\n" + l + "\n"
		}
		return text + "[end]\n"
	}
	one := strings.Repeat("0a", 32)
	colons := strings.TrimSuffix(strings.Repeat("0B:", 32), ":")
	a, err := ParsePolicy("f", []byte(refused(`certificate = "sha256:`+one+`"`+"\nreason = \"lost\"", `certificate = "`+colons+`"`)))
	require.NoError(t, err)
	assert.Equal(t, 2, a.Refused())
	assert.Equal(t, "its certificate is refused: lost", a.Refuses(carrier.Identity{ID: "x", Certificate: "sha256:" + one}))
	assert.NotEmpty(t, a.Refuses(carrier.Identity{ID: "x", Certificate: "sha256:" + strings.Repeat("0b", 32)}))
	assert.Empty(t, a.Refuses(carrier.Identity{ID: "x", Certificate: "sha256:" + strings.Repeat("0c", 32)}))
	assert.Empty(t, a.Refuses(carrier.Identity{ID: "x"}))
	for lines, want := range map[string]string{
		`certificate = "sha256:00"`:    `f:7: refused 1: certificate: "sha256:00" is no fingerprint`,
		`certificate = ""`:             "f:7: refused 1: certificate: \"\" is no fingerprint",
		`reason = "lost"`:              "f:6: refused 1: certificate: \"\" is no fingerprint",
		`certificat = "x"`:             "f:7: ",
		`certificate = "` + one + `g"`: "is no fingerprint",
	} {
		_, err := ParsePolicy("f", []byte(refused(lines)))
		assert.ErrorContains(t, err, want, lines)
	}
	_, err = ParsePolicy("f", []byte(refused(`certificate = "`+one+`"`, `certificate = "sha256:`+one+`"`)))
	assert.ErrorContains(t, err, "refused 2: certificate: it is refused already")
}
