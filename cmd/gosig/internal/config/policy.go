package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/pelletier/go-toml/v2"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/auth"
)

// Policy is who may do what, as a file says it: one of its own, or a
// configuration. It ends with an empty table [end], so that a file that was cut
// off is never taken for a whole one: who is denied something by its last lines
// would be allowed it.
type Policy struct {
	Groups     []acl.Group  `toml:"group"`
	Rules      []acl.Rule   `toml:"rule"`
	Expect     []acl.Expect `toml:"expect"`
	Identities []Identity   `toml:"identity"`
	// Credentials are tokens, by their hashes, and public keys of clients whose
	// carrier proves nothing.
	Credentials []auth.Entry `toml:"credential"`
	// Refused are certificates that let nobody in any more, though they have not
	// expired.
	Refused []Refused `toml:"refused"`
	End     *struct{} `toml:"end"`
}

// policyKeys are the keys of a policy at the top of a file.
var policyKeys = keysOf[Policy]()

// endKey is that of the last line, of a policy and of a configuration.
const endKey = "end"

// LoadPolicy reads a file that is a policy and nothing else.
func LoadPolicy(path string) (*Access, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return ParsePolicy(path, data)
}

// ParsePolicy reads a policy; file is its name in errors. What is wrong is
// returned as one or more [*Error], joined; the policy's own cases are not run,
// see [Access.Check].
func ParsePolicy(file string, data []byte) (*Access, error) {
	p := &Policy{}
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(p); err != nil {
		return nil, explain(file, err, knownOfPolicy)
	}
	return p.compile(file, data)
}

// IsPolicy reports whether a file has keys, and those of a policy alone.
func IsPolicy(data []byte) bool {
	keys := topKeys(data)
	return len(keys) > 0 && !slices.ContainsFunc(keys, func(k string) bool { return !slices.Contains(policyKeys, k) })
}

// compile checks everything that can be without running the cases.
func (p *Policy) compile(file string, data []byte) (*Access, error) {
	k := &checker{file: file, lines: indexLines(data)}
	a := &Access{file: file, sum: fmt.Sprintf("%x", sha256.Sum256(data)), lines: k.lines, source: acl.Source{Groups: p.Groups, Rules: p.Rules, Expect: p.Expect}}
	var err error
	var problems acl.Problems
	if a.policy, err = a.source.Compile(); errors.As(err, &problems) {
		for _, f := range problems {
			k.fail(keyOfProblem(f), "%v", f)
		}
	}
	a.names = k.identities(p.Identities)
	a.store = k.credentials(p.Credentials)
	a.refused = k.refused(p.Refused)
	a.named = p.named()
	k.whole("the policy", p.End, data)
	if err := k.err(); err != nil {
		return nil, err
	}
	return a, nil
}

// keyOfProblem leads to the line of a mistake.
func keyOfProblem(p acl.Problem) string {
	if p.Number == 0 {
		return ""
	}
	return fmt.Sprintf("%s.%d.%s", p.Part, p.Number-1, p.Field)
}

// named are the principals of identities and credentials.
func (p *Policy) named() []acl.Principal {
	var all []acl.Principal
	for _, i := range p.Identities {
		for _, proof := range i.proofs() {
			all = append(all, acl.Principal{ID: i.ID, Method: proof.method, Groups: i.Groups})
		}
	}
	for _, c := range p.Credentials {
		method := auth.MethodToken
		if c.Key != (auth.PublicKey{}) {
			method = auth.MethodKey
		}
		all = append(all, acl.Principal{ID: c.ID, Method: method, Groups: c.Groups})
	}
	return all
}
