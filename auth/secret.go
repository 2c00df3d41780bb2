package auth

import (
	"fmt"
	"log/slog"
)

// secret holds what must not be printed. It lies in a closure, where neither
// package fmt nor whatever else walks through values by reflection finds it.
type secret struct{ reveal func() []byte }

func keep(b []byte) secret { return secret{func() []byte { return b }} }

// bytes returns the secret, nil for the zero value.
func (s secret) bytes() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// redacted is what stands wherever a secret might have been printed.
const redacted = "[secret]"

// String implements [fmt.Stringer] without the secret.
func (secret) String() string { return redacted }

// Format implements [fmt.Formatter] without the secret, whatever the verb.
func (secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText implements [encoding.TextMarshaler] without the secret.
func (secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements [slog.LogValuer] without the secret.
func (secret) LogValue() slog.Value { return slog.StringValue(redacted) }
