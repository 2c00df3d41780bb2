package config

import (
	"fmt"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/router"
)

// SpecialLimits are limits for some clients.
type SpecialLimits struct {
	// Principals are identities, as a rule of a policy names them: "plant/*",
	// "{anonymous}".
	Principals []string `toml:"principals"`
	// Groups are those that a policy, or whoever proved the identity, puts it in.
	Groups []string `toml:"groups"`
	Limits
}

// Special returns the limits of a client that came in by the listener with
// number i, -1 if that is none of this configuration's, where they are not those
// of [Config.Limits]. who has all groups that it is in; nil: nobody knows yet who
// it is.
func (c *Config) Special(i int, who *acl.Principal) router.Limits {
	var r router.Limits
	if i >= 0 && i < len(c.Listen) {
		r = c.Listen[i].Limits.Router()
	}
	if who == nil {
		return r
	}
	for j := range c.LimitsFor {
		if s := &c.LimitsFor[j]; acl.Covers(s.Principals, s.Groups, who.ID, who.Groups) {
			r = r.With(s.Limits.Router())
		}
	}
	return r
}

// validateSpecial checks limits that hold for some, by what holds for all.
func (c *Config) validateSpecial(k *checker) {
	for i := range c.Listen {
		k.special(fmt.Sprintf("listen.%d.limits", i), &c.Listen[i].Limits, c.Limits.Router(), ofListener)
	}
	for i := range c.LimitsFor {
		s := &c.LimitsFor[i]
		key := fmt.Sprintf("limits_for.%d", i)
		if len(s.Principals)+len(s.Groups) == 0 {
			k.fail(key, "limits_for speaks of nobody: give principals = [\"plant/*\"] or groups = [\"sensor\"]")
		}
		if len(s.given()) == 0 {
			k.fail(key, "limits_for sets no limit")
		}
		k.special(key, &s.Limits, c.Limits.Router(), ofClient)
	}
}

func (l *Limits) given() (all []binding) {
	for _, b := range l.bind(&router.Limits{}, &codec.Limits{}) {
		if b.from.given() {
			all = append(all, b)
		}
	}
	return all
}

// special checks limits at a place where not all of them have an effect.
func (k *checker) special(key string, l *Limits, general router.Limits, at scope) {
	wrong := len(k.errs)
	for _, b := range l.given() {
		k.check(key+"."+b.key, b.from.problem())
		switch {
		case b.scope == ofRouter:
			k.fail(key+"."+b.key, "%s is a limit of the whole router: it belongs to [limits]", b.key)
		case b.scope == ofListener && at == ofClient:
			k.fail(key+"."+b.key, "%s is in force before anybody knows who comes: it belongs to [limits] or to a listener's limits", b.key)
		}
	}
	if len(k.errs) > wrong {
		return
	}
	if err := general.With(l.Router()).Validate(); err != nil {
		k.fail(key, "%v", err)
	}
}

// Stated lists those that are not left out, as they are written.
func (l *Limits) Stated() (all []Limit) {
	for _, d := range l.Describe() {
		if !d.Default {
			all = append(all, d)
		}
	}
	return all
}
