package config

import (
	"slices"
	"strings"
)

// Schemes are those of the carriers the binary has for listening and for
// connecting from a command line.
var Schemes = []string{"tcp", "tls", "unix", "quic", "dtls", "ws", "wss", "serial"}

// encrypted are those of them that certificates protect.
var encrypted = []string{"tls", "quic", "dtls", "wss"}

// IsPath reports whether addresses of a scheme are paths on this machine, and have
// no port.
func IsPath(scheme string) bool { return scheme == "unix" || scheme == "serial" }

// Encrypted reports whether addresses of a scheme take certificates.
func Encrypted(scheme string) bool { return slices.Contains(encrypted, scheme) }

// EncryptedSchemes names them, for people.
func EncryptedSchemes() string { return strings.Join(encrypted, "://, ") + "://" }

// TakesKeys reports whether addresses of a scheme take pre-shared keys, in place
// of a certificate or, when listening, beside one.
func TakesKeys(scheme string) bool { return scheme == "dtls" }
