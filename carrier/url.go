package carrier

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Parse parses an address such as "tcp://127.0.0.1:7440". A missing scheme is
// an error that shows how to write it, and so is a scheme with nothing behind
// it.
func Parse(addr string) (*url.URL, error) {
	if !strings.Contains(addr, "://") {
		return nil, noScheme(addr)
	}
	u, err := url.Parse(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q is no URL: %w", addr, unwrapURL(err))
	}
	if !strings.HasPrefix(addr[len(u.Scheme):], "://") {
		return nil, noScheme(addr) // the "://" is somewhere further on
	}
	if u.User != nil {
		return nil, fmt.Errorf("address %s: a user name or password does not belong into an address", u.Redacted())
	}
	if u.Host == "" && u.Path == "" {
		return nil, fmt.Errorf("address %q names nothing behind its scheme: write for example tcp://%s", addr, example(""))
	}
	if u.Fragment != "" {
		return nil, fmt.Errorf("address %q: what follows # has no meaning here", addr)
	}
	return u, nil
}

func noScheme(addr string) error {
	return fmt.Errorf("address %q has no scheme: write it as a URL, for example tcp://%s", addr, example(addr))
}

// example turns what somebody typed into something that could follow "tcp://".
func example(addr string) string {
	if addr == "" || strings.ContainsAny(addr, "/?# ") {
		return "127.0.0.1:7440"
	}
	return addr
}

// unwrapURL takes off the layer of [url.Error], which repeats the address.
func unwrapURL(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}

// Query returns the query parameters of u. Every parameter that is not in known
// is an error that names the known ones, and so is one given twice.
func Query(u *url.URL, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the query %q cannot be read: %w", u.RawQuery, err)
	}
	for key, given := range values {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("unknown parameter %q; %s", key, knownParameters(u.Scheme, known))
		}
		if len(given) > 1 {
			return nil, fmt.Errorf("parameter %q is given %d times", key, len(given))
		}
	}
	return values, nil
}

func knownParameters(scheme string, known []string) string {
	if len(known) == 0 {
		return scheme + ":// takes none"
	}
	return scheme + ":// knows " + strings.Join(known, ", ")
}

// Redact returns u without its query, which may hold paths that others need not
// see: the form for messages and for [Conn.RemoteAddr].
func Redact(u *url.URL) string {
	c := *u
	c.RawQuery, c.ForceQuery, c.User = "", false, nil
	return c.String()
}
