package peer

import (
	"fmt"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
)

// thousandRules is a policy as a plant might have it: a hundred of its rules deny,
// half of the others speak of everybody, and the last few are those that let the
// benchmark in. One denies a part of what its subscribers with wildcards ask for.
func thousandRules() *acl.Source {
	p := &acl.Source{}
	for i := range 995 {
		r := acl.Rule{
			Label: fmt.Sprintf("line %d", i), Principals: []string{"{anonymous}"},
			Sender: sig.Name(fmt.Sprintf("line-%d/**", i)), Name: "**",
		}
		if i%2 == 1 {
			r.Principals = []string{fmt.Sprintf("press-%d", i)}
		}
		if r.Allow = []acl.Verb{acl.Emit, acl.Subscribe, acl.Request, acl.Respond}; i%10 == 0 {
			r.Allow, r.Deny = nil, []acl.Verb{acl.Subscribe, acl.Request}
		}
		p.Rules = append(p.Rules, r)
	}
	everybody := []string{"{anonymous}"}
	p.Rules = append(
		p.Rules,
		acl.Rule{Label: "the benchmark speaks", Allow: []acl.Verb{acl.Emit, acl.Respond}, Principals: everybody, Sender: "bench/**", Name: "**"},
		acl.Rule{Label: "and hears", Allow: []acl.Verb{acl.Subscribe}, Principals: everybody, Sender: "bench/**", Name: "**"},
		acl.Rule{Label: "and asks", Allow: []acl.Verb{acl.Request}, Principals: everybody, Sender: "bench/**", Name: "**"},
		acl.Rule{Label: "and sees", Allow: []acl.Verb{acl.Observe}, Principals: everybody, Sender: "bench/**"},
		acl.Rule{Label: "but no keys", Deny: []acl.Verb{acl.Subscribe}, Principals: everybody, Sender: "**", Name: "keys/**"},
	)
	return p
}
