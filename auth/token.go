package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// MethodToken is the method of a bearer token, on the line and in a policy.
const MethodToken = "token"

// Token is a bearer secret: whoever has it is the principal. The zero Token is
// none, and nobody accepts it.
//
//	gst_1rJpZ5nUe0Kk3XhO7iVwq8sLyBtFmAaCgDdEeHhIiJj      "gst_" and 32 bytes in base64url
type Token struct{ secret }

const (
	tokenPrefix = "gst_"
	tokenBytes  = 32
)

// NewToken makes a token of 256 random bits.
func NewToken() Token {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails
	return tokenOf(b)
}

func tokenOf(b []byte) Token {
	return Token{keep([]byte(tokenPrefix + base64.RawURLEncoding.EncodeToString(b)))}
}

// ParseToken reads a token's text, with white space around it. The error does not
// quote it.
func ParseToken(text string) (Token, error) {
	text = strings.TrimSpace(text)
	body, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return Token{}, fmt.Errorf("not a token: it must begin with %q", tokenPrefix)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(b) != tokenBytes {
		return Token{}, fmt.Errorf("not a token: %q must be followed by %d characters of base64url", tokenPrefix, base64.RawURLEncoding.EncodedLen(tokenBytes))
	}
	if allZero(b) {
		return Token{}, errors.New("not a token: it is all zero")
	}
	return tokenOf(b), nil
}

// Reveal returns the token's text, to be shown once or written to a file.
func (t Token) Reveal() string { return string(t.bytes()) }

// IsZero reports whether it is no token at all.
func (t Token) IsZero() bool { return t.reveal == nil }

// Hash is what a router keeps of the token.
func (t Token) Hash() TokenHash {
	if t.IsZero() {
		return TokenHash{}
	}
	return sha256.Sum256(t.bytes())
}

// TokenHash is the SHA-256 of a token's text. It is no secret: nobody can find
// the token by it.
//
//	sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
type TokenHash [sha256.Size]byte

const hashPrefix = "sha256:"

// String is "sha256:" and hexadecimal digits.
func (h TokenHash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (h TokenHash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. A token in its place is an
// error that says so and does not quote it.
func (h *TokenHash) UnmarshalText(text []byte) error {
	if _, err := ParseToken(string(text)); err == nil {
		return errors.New("this is a token itself; store its hash, and make a new token if others have seen this one")
	}
	digits, ok := strings.CutPrefix(string(text), hashPrefix)
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != len(h) {
		return fmt.Errorf("not the hash of a token: it must be %q and %d hexadecimal digits", hashPrefix, 2*len(h))
	}
	if allZero(b) {
		return errors.New("not the hash of a token: it is all zero")
	}
	copy(h[:], b)
	return nil
}

// ParseTokenHash reads what String writes.
func ParseTokenHash(text string) (h TokenHash, err error) {
	err = h.UnmarshalText([]byte(strings.TrimSpace(text)))
	return h, err
}

// Method implements [Credential].
func (Token) Method() string { return MethodToken }

// Prove implements [Credential]: the proof is the token itself, so that it is
// given away only where nobody reads along.
func (t Token) Prove(c *Challenge) ([]byte, error) {
	switch {
	case t.IsZero():
		return nil, errors.New("the token is empty")
	case !c.Private:
		return nil, errors.New("a token would cross this connection unencrypted; use tls, quic, wss or dtls, or declare the wire trusted")
	}
	return t.bytes(), nil
}

// same compares in constant time.
func (h *TokenHash) same(o *TokenHash) bool { return subtle.ConstantTimeCompare(h[:], o[:]) == 1 }

func allZero(b []byte) bool {
	var any byte
	for _, c := range b {
		any |= c
	}
	return any == 0
}
