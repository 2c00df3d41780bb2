package auth

import (
	"crypto/ed25519"
	"errors"
)

// Challenge is what a proof is made for: one attempt to connect, as both sides
// have seen it.
type Challenge struct {
	// Hello and Asked are the SHA-256 of the frames HELLO and CHALLENGE, whole.
	// They bind a proof to both nodes, to the router's nonce, and to all that was
	// offered.
	Hello, Asked [32]byte
	// Binding is a value that only the two ends of this very channel share, the
	// tls-exporter of RFC 9266; nil where the carrier has none.
	Binding []byte
	// Private says that nobody on the way reads along or takes part: the carrier
	// encrypts, or stays within this machine, or somebody has declared the wire
	// trusted.
	Private bool
}

// Credential is what a client shows: a [Token] or a [PrivateKey].
type Credential interface {
	// Method names the kind of proof.
	Method() string
	// Prove makes a proof for a challenge. The error says why this connection is
	// none on which to show the credential; nothing secret is in it.
	Prove(c *Challenge) (proof []byte, err error)
}

// signContext begins what is signed, so that a signature made for anything else
// is none here.
const signContext = "gosig auth ed25519 v1\x00"

// keyProof is what proves that somebody has a key.
//
//	+------------+--------------+-----------+
//	| public key | client nonce | signature |
//	|  32 bytes  |   32 bytes   | 64 bytes  |
//	+------------+--------------+-----------+
type keyProof struct {
	key       PublicKey
	nonce     [32]byte
	signature [ed25519.SignatureSize]byte
}

const keyProofSize = ed25519.PublicKeySize + 32 + ed25519.SignatureSize

func (p *keyProof) append(dst []byte) []byte {
	dst = append(dst, p.key[:]...)
	dst = append(dst, p.nonce[:]...)
	return append(dst, p.signature[:]...)
}

func (p *keyProof) parse(b []byte) error {
	if len(b) != keyProofSize {
		return errors.New("the proof has the wrong length")
	}
	n := copy(p.key[:], b)
	n += copy(p.nonce[:], b[n:])
	copy(p.signature[:], b[n:])
	return nil
}

// signed is what is signed (protocol.md §4.8):
//
//	+-------------+----------+----------+-------+--------+-----+-----------+
//	| signContext | SHA-256  | SHA-256  | nonce | public | u8  | binding   |
//	|             | of HELLO | of CHAL. | 32    | key 32 | len | len bytes |
//	+-------------+----------+----------+-------+--------+-----+-----------+
func (c *Challenge) signed(p *keyProof) []byte {
	b := append([]byte(nil), signContext...)
	b = append(b, c.Hello[:]...)
	b = append(b, c.Asked[:]...)
	b = append(b, p.nonce[:]...)
	b = append(b, p.key[:]...)
	b = append(b, byte(len(c.Binding)))
	return append(b, c.Binding...)
}

// verify checks the signature.
func (p *keyProof) verify(c *Challenge) bool {
	return ed25519.Verify(p.key[:], c.signed(p), p.signature[:])
}
