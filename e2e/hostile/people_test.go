package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/sig"
)

// Who there is, and what the strangers try with it.
const (
	bait     = "x/bait" // a sender of the first of the honest, that strangers may hear,
	said     = "say"    // but of its events only this one,
	hushed   = "hush"   // and never that one
	neighbor = 1        // the one of the honest who strangers must not know is there
)

// rules are the policy that the router is under. Strangers, whoever they are, have
// a corner of their own; they know of one of the honest, whom they may ask two
// things and whose name they may even try to take.
const rules = `
[[group]]
name = "honest"
members = ["honest/*"]

[[group]]
name = "guests"
members = ["guest/*"]

[[rule]]
label = "the honest speak and answer for themselves"
allow = ["emit", "respond"]
groups = ["honest"]
sender = "{self}"
name = "**"

[[rule]]
label = "they hear and ask each other"
allow = ["subscribe", "request"]
groups = ["honest"]
sender = "*"
name = "**"

[[rule]]
label = "and see each other"
allow = ["observe"]
groups = ["honest"]
sender = "*"

[[rule]]
label = "everybody has a corner"
allow = ["emit", "respond", "subscribe", "request"]
principals = ["{anonymous}", "**"]
sender = "x/**"
name = "**"

[[rule]]
label = "and knows who is in it"
allow = ["observe"]
principals = ["{anonymous}", "**"]
sender = "x/**"

[[rule]]
label = "everybody knows of the first of the honest"
allow = ["observe"]
principals = ["{anonymous}", "**"]
sender = "honest~2F0"

[[rule]]
label = "and may ask it what it never answers"
allow = ["request"]
principals = ["{anonymous}", "**"]
sender = "honest~2F0"
name = "never"

[[rule]]
label = "and what it cannot answer"
allow = ["request"]
principals = ["{anonymous}", "**"]
sender = "honest~2F0"
name = "steal"

[[rule]]
label = "its name is its own all the same"
allow = ["emit"]
principals = ["{anonymous}", "**"]
sender = "honest~2F0"
name = "n"

[[rule]]
label = "hush"
deny = ["subscribe"]
principals = ["**"]
sender = "x/**"
name = "hush"

[[expect]]
principal = "{anonymous}"
deny = ["emit", "respond", "subscribe", "request"]
sender = "honest~2F1"
name = "n"

[[expect]]
principal = "guest/token"
deny = ["subscribe"]
sender = "x/bait"
name = "hush"
rule = "hush"
`

// people are those whom the router knows, by what they prove.
type people struct {
	dir     string
	ca      *certstest.CA
	keys    string   // file of pre-shared keys
	homes   []string // by which carrier each of the honest comes in
	honest  []auth.Credential
	guests  []auth.Credential // strangers that have proved who they are, which helps them little
	few     auth.Credential   // one who may have two connections
	expired auth.Credential
	entries []auth.Entry
}

// meet makes the people up: of the honest some prove who they are by certificates,
// some by pre-shared keys, and all others by tokens and keys in turn.
func meet(t testing.TB, dir string, clients int, schemes []string) *people {
	p := &people{dir: dir, ca: certstest.New(t, "CA"), keys: filepath.Join(dir, "keys.psk")}
	psk := "device:000102030405060708090a0b0c0d0e0f\n"
	for i := range clients {
		id, home := fmt.Sprintf("honest/%d", i), schemes[i%len(schemes)]
		p.homes = append(p.homes, home)
		var cred auth.Credential
		switch home {
		case "tls", "quic":
			p.ca.Issue(fmt.Sprintf("honest-%d", i), certstest.URIs("sig:"+id))
		case "dtls":
			psk += fmt.Sprintf("%s:f0010203040506070809%04d0b0c0d0e\n", id, i)
		default:
			cred = p.credential(id, i%2 == 0, time.Hour)
		}
		p.honest = append(p.honest, cred)
	}
	require.NoError(t, os.WriteFile(p.keys, []byte(psk), 0o600))
	p.guests = []auth.Credential{p.credential("guest/token", true, time.Hour), p.credential("guest/key", false, time.Hour)}
	p.few = p.credential("few", false, time.Hour)
	p.expired = p.credential("guest/late", true, -time.Hour)
	return p
}

// credential makes a token or a key that the router accepts.
func (p *people) credential(id string, token bool, lasts time.Duration) auth.Credential {
	e := auth.Entry{ID: id, Expires: time.Now().Add(lasts)}
	defer func() { p.entries = append(p.entries, e) }()
	if token {
		secret := auth.NewToken()
		e.Token = secret.Hash()
		return secret
	}
	secret := auth.NewKey()
	e.Key = secret.Public()
	return secret
}

// name is the name of one of the honest: its own, as a principal.
func nameOf(i int) sig.Name { return acl.Segment(fmt.Sprintf("honest/%d", i)) }

// policy compiles the rules, which a program that embeds a router does itself.
func (p *people) policy(t testing.TB, text string) *acl.Policy {
	var source acl.Source
	require.NoError(t, toml.Unmarshal([]byte(text), &source))
	policy, err := source.Compile()
	require.NoError(t, err)
	require.Empty(t, policy.Check())
	return policy
}

func (p *people) store(t testing.TB, without ...string) *auth.Store {
	var accepted []auth.Entry
	for _, e := range p.entries {
		gone := false
		for _, id := range without {
			gone = gone || e.ID == id
		}
		if !gone {
			accepted = append(accepted, e)
		}
	}
	s, err := auth.NewStore(accepted...)
	require.NoError(t, err)
	return s
}

// anybody is nobody, or one of the guests.
func (p *people) anybody(n int) auth.Credential {
	if n %= len(p.guests) + 1; n > 0 {
		return p.guests[n-1]
	}
	return nil
}

// file writes the rules with all credentials, as an operator would.
func (p *people) file(t testing.TB) string {
	text := rules
	for _, e := range p.entries {
		proof := fmt.Sprintf("key = %q", e.Key)
		if e.Token != (auth.TokenHash{}) {
			proof = fmt.Sprintf("token = %q", e.Token)
		}
		text += fmt.Sprintf("\n[[credential]]\nid = %q\n%s\nexpires = %s\n", e.ID, proof, e.Expires.UTC().Format(time.RFC3339))
	}
	path := filepath.Join(p.dir, "policy.toml")
	require.NoError(t, os.WriteFile(path, []byte(text+"\n[end]\n"), 0o600))
	return path
}

// identify is who a carrier's proof makes somebody, as gosig serve does it.
func identify(id carrier.Identity) acl.Principal {
	return acl.Principal{ID: strings.TrimPrefix(id.ID, "sig:"), Method: id.Method}
}
