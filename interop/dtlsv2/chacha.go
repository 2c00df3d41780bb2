// Package dtlsv2 shows that carrier/dtls and devices that still speak
// pion/dtls/v2 understand each other.
//
// That version has had no release since July 2024 and draws the nonces of AES-GCM
// and CCM at random (CVE-2026-26014). Its users can do without, as here: [Suites]
// are cipher suites of RFC 7905, whose nonces are counted, handed to it as suites
// of one's own.
//
//	config := &dtls.Config{
//		CustomCipherSuites: dtlsv2.Suites,
//		CipherSuites:       []dtls.CipherSuiteID{}, // none of its own
//		...
//	}
package dtlsv2

import (
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"sync/atomic"

	"github.com/pion/dtls/v2"
	"github.com/pion/dtls/v2/pkg/crypto/clientcertificate"
	"github.com/pion/dtls/v2/pkg/crypto/prf"
	"github.com/pion/dtls/v2/pkg/protocol"
	"github.com/pion/dtls/v2/pkg/protocol/recordlayer"
	"golang.org/x/crypto/chacha20poly1305"
)

// The suites' numbers (RFC 7905 §2).
const (
	ecdheECDSA dtls.CipherSuiteID = 0xcca9
	psk        dtls.CipherSuiteID = 0xccab
)

// Suites are ChaCha20-Poly1305 with a pre-shared key and with ECDSA
// certificates.
func Suites() []dtls.CipherSuite {
	return []dtls.CipherSuite{&suite{id: psk}, &suite{id: ecdheECDSA}}
}

// suite is one of them.
type suite struct {
	id   dtls.CipherSuiteID
	keys atomic.Pointer[keys]
}

// keys are both directions' keys and initial vectors.
type keys struct {
	local, remote     cipher.AEAD
	localIV, remoteIV []byte
}

func (s *suite) String() string {
	if s.id == psk {
		return "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256"
	}
	return "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
}

func (s *suite) ID() dtls.CipherSuiteID     { return s.id }
func (s *suite) HashFunc() func() hash.Hash { return sha256.New }
func (s *suite) ECC() bool                  { return s.id == ecdheECDSA }
func (s *suite) IsInitialized() bool        { return s.keys.Load() != nil }

func (s *suite) CertificateType() clientcertificate.Type {
	if s.id == psk {
		return 0
	}
	return clientcertificate.ECDSASign
}

func (s *suite) AuthenticationType() dtls.CipherSuiteAuthenticationType {
	if s.id == psk {
		return dtls.CipherSuiteAuthenticationTypePreSharedKey
	}
	return dtls.CipherSuiteAuthenticationTypeCertificate
}

func (s *suite) KeyExchangeAlgorithm() dtls.CipherSuiteKeyExchangeAlgorithm {
	if s.id == psk {
		return dtls.CipherSuiteKeyExchangeAlgorithmPsk
	}
	return dtls.CipherSuiteKeyExchangeAlgorithmEcdhe
}

// Init implements dtls.CipherSuite.
func (s *suite) Init(master, clientRandom, serverRandom []byte, isClient bool) error {
	made, err := prf.GenerateEncryptionKeys(master, clientRandom, serverRandom, 0, chacha20poly1305.KeySize, chacha20poly1305.NonceSize, sha256.New)
	if err != nil {
		return err
	}
	client, err := chacha20poly1305.New(made.ClientWriteKey)
	if err != nil {
		return err
	}
	server, err := chacha20poly1305.New(made.ServerWriteKey)
	if err != nil {
		return err
	}
	if isClient {
		s.keys.Store(&keys{client, server, made.ClientWriteIV, made.ServerWriteIV})
	} else {
		s.keys.Store(&keys{server, client, made.ServerWriteIV, made.ClientWriteIV})
	}
	return nil
}

// Encrypt implements dtls.CipherSuite.
func (s *suite) Encrypt(pkt *recordlayer.RecordLayer, raw []byte) ([]byte, error) {
	k := s.keys.Load()
	if k == nil {
		return nil, errors.New("no keys yet")
	}
	payload := raw[recordlayer.HeaderSize:]
	out := append([]byte{}, raw[:recordlayer.HeaderSize]...)
	out = k.local.Seal(out, nonce(k.localIV, &pkt.Header), payload, additional(&pkt.Header, len(payload)))
	binary.BigEndian.PutUint16(out[recordlayer.HeaderSize-2:], uint16(len(out)-recordlayer.HeaderSize))
	return out, nil
}

// Decrypt implements dtls.CipherSuite.
func (s *suite) Decrypt(in []byte) ([]byte, error) {
	var h recordlayer.Header
	if err := h.Unmarshal(in); err != nil || h.ContentType == protocol.ContentTypeChangeCipherSpec {
		return in, err
	}
	k := s.keys.Load()
	if k == nil {
		return nil, errors.New("no keys yet")
	}
	sealed := in[recordlayer.HeaderSize:]
	if len(sealed) < k.remote.Overhead() {
		return nil, errors.New("a record shorter than its tag")
	}
	out := append([]byte{}, in[:recordlayer.HeaderSize]...)
	return k.remote.Open(out, nonce(k.remoteIV, &h), sealed, additional(&h, len(sealed)-k.remote.Overhead()))
}

// number is a record's epoch and sequence number as one.
func number(h *recordlayer.Header) uint64 { return uint64(h.Epoch)<<48 | h.SequenceNumber }

// nonce is the initial vector with the record's number in its last bytes.
func nonce(iv []byte, h *recordlayer.Header) []byte {
	n := append([]byte{}, iv...)
	last := n[len(n)-8:]
	binary.BigEndian.PutUint64(last, binary.BigEndian.Uint64(last)^number(h))
	return n
}

// additional is what is authenticated beside the payload (RFC 5246 §6.2.3.3).
func additional(h *recordlayer.Header, size int) []byte {
	a := binary.BigEndian.AppendUint64(nil, number(h))
	a = append(a, byte(h.ContentType), h.Version.Major, h.Version.Minor)
	return binary.BigEndian.AppendUint16(a, uint16(size))
}
