package carrier

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Set finds the carrier for a URL by its scheme. It is immutable, and safe for
// any number of goroutines.
type Set struct {
	schemes map[string]Carrier
}

// NewSet returns the set of the given carriers. Two for one scheme are an
// error.
func NewSet(carriers ...Carrier) (*Set, error) {
	s := &Set{schemes: make(map[string]Carrier)}
	for _, c := range carriers {
		if c == nil {
			return nil, errors.New("a nil carrier was given")
		}
		for _, scheme := range c.Schemes() {
			if other, ok := s.schemes[scheme]; ok {
				return nil, fmt.Errorf("scheme %q has two carriers, %T and %T: give only one of them", scheme, other, c)
			}
			s.schemes[scheme] = c
		}
	}
	return s, nil
}

// Schemes returns the known schemes, sorted.
func (s *Set) Schemes() []string {
	return slices.Sorted(maps.Keys(s.schemes))
}

// Dial connects to the address, for example "tcp://127.0.0.1:7440".
func (s *Set) Dial(ctx context.Context, addr string) (Conn, error) {
	c, u, err := s.find(addr)
	if err != nil {
		return nil, err
	}
	conn, err := c.Dial(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", Redact(u), err)
	}
	return conn, nil
}

// Listen listens on the address, for example "tcp://127.0.0.1:0".
func (s *Set) Listen(ctx context.Context, addr string) (Listener, error) {
	c, u, err := s.find(addr)
	if err != nil {
		return nil, err
	}
	ln, err := c.Listen(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", Redact(u), err)
	}
	return ln, nil
}

// Check returns an error if addr is no URL or its scheme has no carrier here.
func (s *Set) Check(addr string) error {
	_, _, err := s.find(addr)
	return err
}

func (s *Set) find(addr string) (Carrier, *url.URL, error) {
	u, err := Parse(addr)
	if err != nil {
		return nil, nil, err
	}
	c, ok := s.schemes[u.Scheme]
	if !ok {
		return nil, nil, fmt.Errorf("address %q: unknown scheme %q; known are %s", addr, u.Scheme, s.known())
	}
	return c, u, nil
}

func (s *Set) known() string {
	if len(s.schemes) == 0 {
		return "none: no carrier was given"
	}
	return strings.Join(s.Schemes(), ", ")
}
