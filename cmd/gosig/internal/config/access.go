package config

import (
	"errors"
	"fmt"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/auth"
)

// Access is a policy that can be used, with the names by which it knows
// identities. It is immutable.
type Access struct {
	file   string
	sum    string
	lines  lines
	source acl.Source
	policy *acl.Policy
	names  map[proved]Identity
	store  *auth.Store // nil: no credentials
	named  []acl.Principal

	refused map[string]string // fingerprints of certificates, and why
}

// Store has the credentials that are accepted; nil if there are none.
func (a *Access) Store() *auth.Store { return a.store }

// Policy is the compiled policy.
func (a *Access) Policy() *acl.Policy { return a.policy }

// Source is what the policy was compiled of; it is not to be changed.
func (a *Access) Source() *acl.Source { return &a.source }

// File is where the policy comes from.
func (a *Access) File() string { return a.file }

// Sum is the SHA-256 of that file, in hexadecimal: it says which policy it is.
func (a *Access) Sum() string { return a.sum }

// Check runs the policy's own cases. The error has an [*Error] for each that
// fails.
func (a *Access) Check() error {
	var failed []error
	for _, f := range a.policy.Check() {
		failed = append(failed, &Error{File: a.file, Line: a.lines.of(fmt.Sprintf("expect.%d", f.Number-1)), Text: f.Error()})
	}
	return errors.Join(failed...)
}

// RuleAt is where a rule stands, as FILE:LINE; "" if it is not known.
func (a *Access) RuleAt(number int) string {
	line := a.lines.of(fmt.Sprintf("rule.%d", number-1))
	if line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", a.file, line)
}

// Named are the principals of identities and credentials, in the order of the
// file.
func (a *Access) Named() []acl.Principal { return a.named }
