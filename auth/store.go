package auth

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Entry is a credential that a router accepts, and whom it proves. The tags name
// the keys of a file.
type Entry struct {
	ID     string   `toml:"id"`     // of the principal
	Groups []string `toml:"groups"` // beside those that a policy puts it in
	// Exactly one of the two is set.
	Token TokenHash `toml:"token"`
	Key   PublicKey `toml:"key"`
	// Expires is when it is no longer accepted; a token must have it, the zero
	// time means never. Connections made with it end then.
	Expires time.Time `toml:"expires"`
}

// Verified is whom a proof has proved.
type Verified struct {
	ID      string
	Method  string
	Groups  []string
	Expires time.Time // zero: never
	// Credential names what was shown, for logs, and to ask later whether it is
	// still accepted. It is no secret.
	Credential string
}

// MaxID bounds the ID of a principal, in bytes.
const MaxID = 255

// Why a proof is not accepted. A router tells its log, and never the peer, which
// of them it was.
var (
	ErrUnknown = errors.New("nobody is known by it")
	ErrExpired = errors.New("it has expired")
	ErrProof   = errors.New("the proof is wrong")
)

// Store is the list of credentials that a router accepts. It is immutable, and
// any number of goroutines may use it; to change what is accepted make another.
type Store struct {
	entries []Entry
	tokens  map[[8]byte][]*Entry // by how the hash begins; the rest is compared in constant time
	keys    map[PublicKey]*Entry
	named   map[string]*Entry // by what Verified.Credential says
	now     func() time.Time
}

// NewStore makes a store. The error names all entries that cannot be used.
func NewStore(entries ...Entry) (*Store, error) {
	s := &Store{
		entries: slices.Clone(entries), now: time.Now,
		tokens: make(map[[8]byte][]*Entry), keys: make(map[PublicKey]*Entry), named: make(map[string]*Entry),
	}
	var wrong []error
	for i := range s.entries {
		e := &s.entries[i]
		err := e.check()
		if other := s.named[e.credential()]; err == nil && other != nil {
			err = fmt.Errorf("the credential is that of %.100q as well", other.ID)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("credential %d (%.100q): %w", i+1, e.ID, err))
			continue
		}
		s.named[e.credential()] = e
		if e.method() == MethodKey {
			s.keys[e.Key] = e
		} else {
			s.tokens[[8]byte(e.Token[:8])] = append(s.tokens[[8]byte(e.Token[:8])], e)
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return s, nil
}

func (e *Entry) check() error {
	token, key := e.Token != TokenHash{}, e.Key != PublicKey{}
	switch {
	case e.ID == "":
		return errors.New("it has no id")
	case len(e.ID) > MaxID:
		return fmt.Errorf("the id has more than %d bytes", MaxID)
	case token == key:
		return errors.New("it must have a token's hash or a public key, one of the two")
	case token && e.Expires.IsZero():
		return errors.New("a token must expire: set expires")
	case slices.Contains(e.Groups, ""):
		return errors.New("a group has no name")
	}
	return nil
}

func (e *Entry) method() string {
	if e.Key != (PublicKey{}) {
		return MethodKey
	}
	return MethodToken
}

func (e *Entry) credential() string {
	if e.method() == MethodKey {
		return e.Key.String()
	}
	return e.Token.String()
}

// Len is the number of entries.
func (s *Store) Len() int { return len(s.entries) }

// Methods lists the methods of which there are entries, the one that gives
// nothing away first. It is part of what a router asks an authenticator.
func (s *Store) Methods() []string {
	var methods []string
	if len(s.keys) > 0 {
		methods = append(methods, MethodKey)
	}
	if len(s.tokens) > 0 {
		methods = append(methods, MethodToken)
	}
	return methods
}

// Verify checks a proof. The error matches one of [ErrUnknown], [ErrExpired] and
// [ErrProof]. It does not block.
func (s *Store) Verify(method string, proof []byte, c *Challenge) (Verified, error) {
	switch method {
	case MethodToken:
		return s.verifyToken(proof, c)
	case MethodKey:
		return s.verifyKey(proof, c)
	}
	return Verified{}, fmt.Errorf("%w: no such method", ErrProof)
}

func (s *Store) verifyToken(proof []byte, c *Challenge) (Verified, error) {
	if !c.Private {
		return Verified{}, fmt.Errorf("%w: a token came unencrypted", ErrProof)
	}
	token, err := ParseToken(string(proof))
	if err != nil {
		return Verified{}, fmt.Errorf("%w: not a token", ErrProof)
	}
	hash := token.Hash()
	var found *Entry
	for _, e := range s.tokens[[8]byte(hash[:8])] {
		if e.Token.same(&hash) {
			found = e
		}
	}
	return s.verified(found)
}

func (s *Store) verifyKey(proof []byte, c *Challenge) (Verified, error) {
	if c.Binding == nil && !c.Private {
		return Verified{}, fmt.Errorf("%w: nothing binds it to this connection", ErrProof)
	}
	var p keyProof
	if err := p.parse(proof); err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	valid := p.verify(c) // also of a key that nobody knows: it takes as long
	if !valid {
		return Verified{}, fmt.Errorf("%w: the signature of %s is not for this connection", ErrProof, p.key)
	}
	return s.verified(s.keys[p.key])
}

func (s *Store) verified(e *Entry) (Verified, error) {
	switch {
	case e == nil:
		return Verified{}, ErrUnknown
	case e.expired(s.now()):
		return Verified{}, fmt.Errorf("%w: that of %.100q, at %s", ErrExpired, e.ID, e.Expires.UTC().Format(time.RFC3339))
	}
	return Verified{ID: e.ID, Method: e.method(), Groups: slices.Clone(e.Groups), Expires: e.Expires, Credential: e.credential()}, nil
}

func (e *Entry) expired(now time.Time) bool { return !e.Expires.IsZero() && !now.Before(e.Expires) }

// Accepts reports whether a connection that was let in may stay: the same
// credential still proves the same principal, and for as long: a connection ends when
// its credential was to expire that day.
func (s *Store) Accepts(v Verified) bool {
	e := s.named[v.Credential]
	return e != nil && e.ID == v.ID && !e.expired(s.now()) && slices.Equal(e.Groups, v.Groups) && !e.expiresBefore(v.Expires)
}

// expiresBefore reports whether the entry expires earlier than it was to.
func (e *Entry) expiresBefore(was time.Time) bool {
	return !e.Expires.IsZero() && (was.IsZero() || e.Expires.Before(was))
}
