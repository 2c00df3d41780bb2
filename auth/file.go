package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecretFile bounds what is read of a file: a token or a key is far smaller.
const maxSecretFile = 16 << 10

// ReadSecret reads a file that holds a secret. A regular file that everybody may
// read is refused, with what to do; so is one that is too large or empty.
func ReadSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0:
		return "", fmt.Errorf("%s may be used by everybody (mode %04o); a secret is for its owner alone: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read %s: %w", path, err)
	case len(b) > maxSecretFile:
		return "", fmt.Errorf("%s has more than %d bytes: that is no token and no key", path, maxSecretFile)
	case len(bytes.TrimSpace(b)) == 0:
		return "", fmt.Errorf("%s is empty", path)
	}
	return string(b), nil
}

// WriteSecret writes a new file that only its owner can read. It does not
// replace one that is there.
func WriteSecret(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.TrimRight(text, "\n") + "\n")
	return errors.Join(err, f.Close())
}

// ParseCredential reads a token or a private key, whichever the text is.
func ParseCredential(text string) (Credential, error) {
	var c Credential
	var err error
	switch {
	case strings.HasPrefix(strings.TrimSpace(text), tokenPrefix):
		c, err = ParseToken(text)
	case strings.Contains(text, "-----BEGIN"):
		c, err = ParseKey(text)
	default:
		err = fmt.Errorf("neither a token, which begins with %q, nor a private key in PEM", tokenPrefix)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// LoadCredential reads a token or a private key from a file, see [ReadSecret].
func LoadCredential(path string) (Credential, error) {
	text, err := ReadSecret(path)
	if err != nil {
		return nil, err
	}
	c, err := ParseCredential(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}
