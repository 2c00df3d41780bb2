package dtls

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// shortestKey: without an exchange of Diffie and Hellman a key that can
	// be guessed is found by whoever has recorded one handshake.
	shortestKey     = 16
	longestKey      = 64
	longestIdentity = 128
	// lookEvery is the shortest time between two looks at a file of keys.
	lookEvery = time.Second
)

// keys are pre-shared keys by identity; immutable.
type keys map[string][]byte

// parseKeys reads a file of keys, strictly: a line that was mistyped shuts out
// one device, and nobody would know why.
func parseKeys(path string, content []byte) (keys, error) {
	all := keys{}
	n := 0
	for line := range bytes.Lines(content) {
		n++
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		identity, key, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		if _, double := all[identity]; double {
			return nil, fmt.Errorf("%s, line %d: identity %q has a key already: remove one of the two", path, n, identity)
		}
		all[identity] = key
	}
	return all, nil
}

// ReadKeys reads a file of keys by identity, as [Options.PSKFile] is read: for
// whoever wants to know of its mistakes before the first handshake.
func ReadKeys(path string) (map[string][]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseKeys(path, content)
}

// parseKey reads one line. Its errors never show the key.
func parseKey(line string) (identity string, key []byte, err error) {
	colon := strings.LastIndexByte(line, ':')
	if colon < 0 {
		return "", nil, fmt.Errorf("there is no colon: write identity:key, the key in hexadecimal")
	}
	identity = line[:colon]
	if key, err = hex.DecodeString(line[colon+1:]); err != nil {
		return "", nil, fmt.Errorf("the key of %q is not hexadecimal digits, two for each byte, and nothing else", identity)
	}
	return identity, key, checkKey(identity, key)
}

func checkKey(identity string, key []byte) error {
	if identity == "" || len(identity) > longestIdentity || !utf8.ValidString(identity) {
		return fmt.Errorf("identity %.150q is not text of 1 to %d bytes", identity, longestIdentity)
	}
	if strings.ContainsFunc(identity, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.TrimSpace(identity) != identity {
		return fmt.Errorf("identity %q begins or ends with a space or has signs that cannot be printed", identity)
	}
	if len(key) < shortestKey || len(key) > longestKey {
		return fmt.Errorf("the key of %q has %d bytes, it must have %d to %d: make one with `openssl rand -hex 32`",
			identity, len(key), shortestKey, longestKey)
	}
	return nil
}

// keyStore has the keys of one carrier: those of its options, and files.
type keyStore struct {
	own    keys
	report func(error)

	mu    sync.Mutex
	files map[string]*keyFile
}

// keyFile is a file of keys that is read again when it has changed.
type keyFile struct {
	path string

	// Guarded by keyStore.mu.
	checked time.Time
	seen    []byte
	told    string // the last error that was reported; "" when all is well
	now     keys   // in force
}

func newKeyStore(own keys, report func(error)) *keyStore {
	return &keyStore{own: maps.Clone(own), report: report, files: make(map[string]*keyFile)}
}

// use reads a file for the first time; "" is none.
func (s *keyStore) use(path string) error {
	for _, identity := range slices.Sorted(maps.Keys(s.own)) {
		if err := checkKey(identity, s.own[identity]); err != nil {
			return err
		}
	}
	if path == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files[path] != nil {
		return nil
	}
	f := &keyFile{path: path}
	if err := f.read(); err != nil {
		return err
	}
	s.files[path] = f
	return nil
}

// key returns an identity's key, from the file if it has one.
func (s *keyStore) key(path, identity string) ([]byte, bool) {
	key, ok := s.current(path)[identity]
	if !ok {
		key, ok = s.own[identity]
	}
	return key, ok
}

// only returns the one identity that there is a key for.
func (s *keyStore) only(path string) (string, bool) {
	all := maps.Clone(s.current(path))
	if all == nil {
		all = keys{}
	}
	maps.Copy(all, s.own)
	for identity := range all {
		return identity, len(all) == 1
	}
	return "", false
}

// current returns the keys of a file, after a look at it if the last one is a
// while ago.
func (s *keyStore) current(path string) keys {
	now, err := s.look(path)
	if err != nil {
		s.report(err)
	}
	return now
}

// look returns the keys in force, and an error that has not been reported yet.
func (s *keyStore) look(path string) (keys, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[path]
	if f == nil {
		return nil, nil
	}
	if time.Since(f.checked) < lookEvery {
		return f.now, nil
	}
	err := f.read()
	if err == nil || err.Error() == f.told {
		return f.now, nil
	}
	f.told = err.Error()
	return f.now, err
}

// read puts a changed file in force, if it can be used.
func (f *keyFile) read() error {
	f.checked = time.Now()
	content, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	if f.now != nil && bytes.Equal(content, f.seen) {
		return nil
	}
	f.seen = content
	next, err := parseKeys(f.path, content)
	if err != nil {
		return err
	}
	f.now, f.told = next, ""
	return nil
}

// lookAgain makes the next handshake look at the files.
func (s *keyStore) lookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		f.checked = time.Time{}
	}
}
