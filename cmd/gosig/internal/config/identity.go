package config

import (
	"fmt"
	"strings"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier/certs"
	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/sig"
)

// Identity says which principal somebody is whom a carrier has proved to be
// somebody, where that shall not be the name that was proved.
type Identity struct {
	ID     string   `toml:"id"`     // of the principal
	Groups []string `toml:"groups"` // beside those that the policy puts it in
	// Exactly one of these is set, to what was proved, exactly.
	Certificate string `toml:"certificate"` // the URI or DNS name in a certificate: "sig:plant/press"
	PSK         string `toml:"psk"`         // the identity of a pre-shared key
	User        string `toml:"user"`        // of a unix socket: "uid:1000"
	Serial      string `toml:"serial"`      // the path of a serial port: "/dev/serial/by-id/usb-press"
}

// unixMethod is what carriers call the proof by a unix socket.
const unixMethod = "unix-peercred"

// proved is what a carrier has proved.
type proved struct{ method, name string }

// proofs are what an identity names; there must be one.
func (i *Identity) proofs() []proved {
	var all []proved
	for _, p := range []proved{{certs.Method, i.Certificate}, {dtls.Method, i.PSK}, {unixMethod, i.User}, {serial.Method, i.Serial}} {
		if p.name != "" {
			all = append(all, p)
		}
	}
	return all
}

// scheme begins the URI of a certificate made by "gosig ca".
const scheme = "sig:"

// Principal is who somebody is in this policy: as an [[identity]] says, or else
// the name that was proved, for a certificate without the scheme sig:.
func (a *Access) Principal(p acl.Principal) acl.Principal {
	if i, ok := a.names[proved{p.Method, p.ID}]; ok {
		p.ID, p.Groups = i.ID, append(p.Groups[:len(p.Groups):len(p.Groups)], i.Groups...)
		return p
	}
	return Plain(p)
}

// Plain is a principal without the scheme of a certificate's URI.
func Plain(p acl.Principal) acl.Principal {
	if name := strings.TrimPrefix(p.ID, scheme); p.Method == certs.Method && name != "" {
		p.ID = name
	}
	return p
}

// identities checks them and sorts them by what was proved.
func (k *checker) identities(all []Identity) map[proved]Identity {
	names := map[proved]Identity{}
	for n, i := range all {
		key := fmt.Sprintf("identity.%d", n)
		fail := func(field, format string, args ...any) {
			k.fail(key+"."+field, "identity %d: "+format, append([]any{n + 1}, args...)...)
		}
		if i.ID == "" || len(i.ID) > auth.MaxID {
			fail("id", "id: it must have 1 to %d bytes: it is whom rules speak of", auth.MaxID)
		}
		for _, g := range i.Groups {
			if !groupName(g) {
				fail("groups", "groups: %q is no name of a group, which is one segment", g)
			}
		}
		proofs := i.proofs()
		if len(proofs) != 1 {
			fail("", "set exactly one of certificate, psk, user and serial, to what the carrier proves")
			continue
		}
		if other, ok := names[proofs[0]]; ok {
			fail("", "%q is mapped to %q already", proofs[0].name, other.ID)
		}
		names[proofs[0]] = i
	}
	return names
}

// credentials makes the list of those that are accepted.
func (k *checker) credentials(all []auth.Entry) *auth.Store {
	if len(all) == 0 {
		return nil
	}
	store, err := auth.NewStore(all...)
	for _, e := range parts(err) {
		number := 0
		_, _ = fmt.Sscanf(e.Error(), "credential %d", &number) // as NewStore says it
		k.fail(fmt.Sprintf("credential.%d", number-1), "%v", e)
	}
	for n, e := range all {
		for _, g := range e.Groups {
			if !groupName(g) {
				k.fail(fmt.Sprintf("credential.%d.groups", n), "credential %d: groups: %q is no name of a group, which is one segment", n+1, g)
			}
		}
	}
	return store
}

// parts are the errors that were joined.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

func groupName(name string) bool {
	return sig.Name(name).Validate() == nil && !strings.Contains(name, "/")
}
