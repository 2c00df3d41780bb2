package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// MethodKey is the method of an Ed25519 key, on the line and in a policy.
const MethodKey = "ed25519"

// PrivateKey is the secret half of an Ed25519 key: it signs challenges and never
// leaves the client. In a file it is a "PRIVATE KEY" (PKCS #8, PEM), as openssl
// writes it as well. The zero PrivateKey is none.
type PrivateKey struct{ secret }

// NewKey makes a key.
func NewKey() PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // not reached: the system's random numbers never fail
	}
	return PrivateKey{keep(key)}
}

const pemType = "PRIVATE KEY"

// ParseKey reads a private key as Reveal writes it. The error does not quote it.
func ParseKey(text string) (PrivateKey, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return PrivateKey{}, errors.New(`not a private key: there is no "-----BEGIN PRIVATE KEY-----"`)
	case block.Type != pemType:
		return PrivateKey{}, fmt.Errorf("not a private key as gosig uses it: this is PEM of type %.40q, it must be %q", block.Type, pemType)
	case len(bytes.TrimSpace(rest)) > 0:
		return PrivateKey{}, errors.New("not a private key: something follows it")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return PrivateKey{}, errors.New("not a private key: the PKCS #8 within cannot be read")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	switch {
	case !ok:
		return PrivateKey{}, fmt.Errorf("not an Ed25519 key: this is a %T", parsed)
	case allZero(key.Seed()):
		return PrivateKey{}, errors.New("not a private key: it is all zero")
	}
	return PrivateKey{keep(key)}, nil
}

// Reveal returns the key's text, to be written to a file.
func (k PrivateKey) Reveal() string {
	if k.IsZero() {
		return ""
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.key())
	if err != nil {
		panic(err) // not reached: it is an Ed25519 key
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}))
}

// IsZero reports whether it is no key at all.
func (k PrivateKey) IsZero() bool { return k.reveal == nil }

func (k PrivateKey) key() ed25519.PrivateKey { return k.bytes() }

// Public returns the half that a router keeps.
func (k PrivateKey) Public() (p PublicKey) {
	if !k.IsZero() {
		copy(p[:], k.key().Public().(ed25519.PublicKey))
	}
	return p
}

// Method implements [Credential].
func (PrivateKey) Method() string { return MethodKey }

// Prove implements [Credential]: a signature for this challenge alone.
func (k PrivateKey) Prove(c *Challenge) ([]byte, error) {
	switch {
	case k.IsZero():
		return nil, errors.New("the key is empty")
	case c.Binding == nil && !c.Private:
		return nil, errors.New("a signature would not be bound to this connection, which others could take over; use tls, quic, wss or dtls, or declare the wire trusted")
	}
	p := keyProof{key: k.Public()}
	_, _ = rand.Read(p.nonce[:]) // never fails
	copy(p.signature[:], ed25519.Sign(k.key(), c.signed(&p)))
	return p.append(nil), nil
}

// PublicKey is the open half of an Ed25519 key. It is no secret.
//
//	ed25519:7Hc1qkFv0cIhnn1Qd0m6XzJq3o1b9r2s4t5u6v7w8x9
type PublicKey [ed25519.PublicKeySize]byte

const keyPrefix = "ed25519:"

// String is "ed25519:" and base64url.
func (p PublicKey) String() string { return keyPrefix + base64.RawURLEncoding.EncodeToString(p[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (p PublicKey) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *PublicKey) UnmarshalText(text []byte) error {
	body, ok := strings.CutPrefix(string(text), keyPrefix)
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if !ok || err != nil || len(b) != len(p) {
		return fmt.Errorf("not a public key: it must be %q and %d characters of base64url", keyPrefix, base64.RawURLEncoding.EncodedLen(len(p)))
	}
	if allZero(b) {
		return errors.New("not a public key: it is all zero")
	}
	copy(p[:], b)
	return nil
}

// ParsePublicKey reads what String writes.
func ParsePublicKey(text string) (p PublicKey, err error) {
	err = p.UnmarshalText([]byte(strings.TrimSpace(text)))
	return p, err
}
