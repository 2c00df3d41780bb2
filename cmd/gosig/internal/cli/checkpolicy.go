package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
)

// shownPrincipals is how many principals check lists unasked.
const shownPrincipals = 20

// checkedPolicy is what "check -o json" says of a policy.
type checkedPolicy struct {
	File         string           `json:"file"`
	Rules        []checkedRule    `json:"rules"`
	Credentials  int              `json:"credentials"`
	Refused      int              `json:"refused_certificates"`
	Expectations int              `json:"expectations"`
	Failed       []string         `json:"failed"`
	Findings     []checkedFinding `json:"findings"`
	Rights       []checkedRights  `json:"rights"`
	Left         int              `json:"not_shown"` // principals
}

type checkedRule struct {
	Rule   int      `json:"rule"`
	Label  string   `json:"label"`
	At     string   `json:"at"`
	Effect string   `json:"effect"`
	Verbs  []string `json:"verbs"`
	Who    []string `json:"who"`
	Sender string   `json:"sender"`
	Name   string   `json:"name"`
}

type checkedFinding struct {
	Kind string `json:"kind"`
	Rule int    `json:"rule"`
	At   string `json:"at"`
	Text string `json:"text"`
}

type checkedRights struct {
	Principal string         `json:"principal"`
	Method    string         `json:"method"`
	Rights    []checkedRight `json:"rights"`
}

type checkedRight struct {
	Verb   string `json:"verb"`
	Effect string `json:"effect"`
	Sender string `json:"sender"`
	Name   string `json:"name"`
	Rule   int    `json:"rule"`
	Label  string `json:"label"`
	Void   string `json:"void"` // by which rule
}

// examine says what a policy means, for those whom it names and those asked for.
func examine(a *config.Access, asked []acl.Principal) *checkedPolicy {
	out := &checkedPolicy{File: a.File(), Refused: a.Refused(), Expectations: len(a.Source().Expect), Failed: []string{}, Findings: []checkedFinding{}, Rights: []checkedRights{}}
	if s := a.Store(); s != nil {
		out.Credentials = s.Len()
	}
	for i, r := range a.Source().Rules {
		out.Rules = append(out.Rules, ruleOf(a, &r, i+1))
	}
	for _, f := range a.Policy().Analyze() {
		if f.Kind == acl.Undefined && givenElsewhere(a, f.Text) {
			continue
		}
		out.Findings = append(out.Findings, checkedFinding{string(f.Kind), f.Rule, a.RuleAt(f.Rule), f.String()})
	}
	if err := a.Check(); err != nil {
		out.Failed = strings.Split(err.Error(), "\n")
	}
	who := asked
	if len(who) == 0 {
		who = named(a)
		out.Left = max(0, len(who)-shownPrincipals)
		who = who[:len(who)-out.Left]
	}
	for _, p := range who {
		plain := rightsOf(a, p)
		out.Rights = append(out.Rights, plain)
		for _, m := range otherMethods(a, p) {
			p.Method = m
			if r := rightsOf(a, p); !slices.Equal(r.Rights, plain.Rights) {
				out.Rights = append(out.Rights, r)
			}
		}
	}
	return out
}

// otherMethods are those that some rule insists on, for a principal of which it
// is not known how it is proved.
func otherMethods(a *config.Access, p acl.Principal) []string {
	var all []string
	for _, r := range a.Source().Rules {
		if p.Method == "" && !p.Anonymous() {
			all = append(all, r.Methods...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// givenElsewhere reports whether the group that a finding misses is given by an
// identity or a credential.
func givenElsewhere(a *config.Access, finding string) bool {
	for _, p := range a.Named() {
		for _, g := range p.Groups {
			if strings.HasPrefix(finding, fmt.Sprintf("group %q ", g)) {
				return true
			}
		}
	}
	return false
}

func ruleOf(a *config.Access, r *acl.Rule, number int) checkedRule {
	c := checkedRule{Rule: number, Label: r.Label, At: a.RuleAt(number), Effect: effectName(len(r.Deny) > 0), Sender: string(r.Sender), Name: string(r.Name)}
	for _, v := range append(r.Allow, r.Deny...) {
		c.Verbs = append(c.Verbs, string(v))
	}
	c.Who = append(c.Who, r.Principals...)
	for _, g := range r.Groups {
		c.Who = append(c.Who, "group "+g)
	}
	for _, m := range r.Methods {
		c.Who = append(c.Who, "by "+m)
	}
	return c
}

// named are the principals that a policy names one by one: in rules, groups,
// identities, credentials and cases.
func named(a *config.Access) []acl.Principal {
	var all []acl.Principal
	add := func(p acl.Principal) {
		same := func(q acl.Principal) bool {
			return p.ID == q.ID && p.Method == q.Method && slices.Equal(p.Groups, q.Groups)
		}
		if p.ID != "" && !strings.Contains(p.ID, "*") && !slices.ContainsFunc(all, same) {
			all = append(all, p)
		}
	}
	ids := func(list []string) {
		for _, id := range list {
			add(principalOf(id, "", nil))
		}
	}
	for _, p := range a.Named() {
		add(p)
	}
	for _, g := range a.Source().Groups {
		ids(g.Members)
	}
	for _, r := range a.Source().Rules {
		ids(r.Principals)
	}
	for _, e := range a.Source().Expect {
		add(principalOf(e.Principal, e.Method, e.Groups))
	}
	return all
}

func rightsOf(a *config.Access, p acl.Principal) checkedRights {
	out := checkedRights{Principal: p.ID, Method: p.Method, Rights: []checkedRight{}}
	for _, r := range a.Policy().Effective(p) {
		out.Rights = append(out.Rights, checkedRight{
			string(r.Verb), effectName(r.Deny), string(r.Pattern.Sender), string(r.Pattern.Event), r.Rule, r.Label, r.Void,
		})
	}
	return out
}

// describePolicy prints it for people.
func describePolicy(w io.Writer, c *checkedPolicy) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "rules\n")
	for _, r := range c.Rules {
		fmt.Fprintf(tw, "  %d %q\t%s\t%s %s\t%s\t%s\n", r.Rule, r.Label, r.At, r.Effect, strings.Join(r.Verbs, ", "), strings.Join(r.Who, ", "), strings.TrimSpace(r.Sender+" "+r.Name))
	}
	if c.Credentials > 0 {
		fmt.Fprintf(tw, "\ncredentials\t%d\n", c.Credentials)
	}
	if c.Refused > 0 {
		fmt.Fprintf(tw, "\nrefused certificates\t%d\n", c.Refused)
	}
	fmt.Fprintf(tw, "\nexpectations\t%d, %d failed\n", c.Expectations, len(c.Failed))
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, p := range c.Rights {
		who := acl.Principal{ID: p.Principal, Method: p.Method}
		fmt.Fprintf(tw, "\nrights of %s\n", who)
		for _, r := range p.Rights {
			void := ""
			if r.Void != "" {
				void = ", void by " + r.Void
			}
			fmt.Fprintf(tw, "  %s\t%s\t%s %s\trule %d %q%s\n", r.Effect, r.Verb, r.Sender, r.Name, r.Rule, r.Label, void)
		}
		if len(p.Rights) == 0 {
			fmt.Fprintf(tw, "  none: no rule speaks of it\n")
		}
	}
	if c.Left > 0 {
		fmt.Fprintf(tw, "\nand %d more principals: ask for one with --as\n", c.Left)
	}
	return tw.Flush()
}
