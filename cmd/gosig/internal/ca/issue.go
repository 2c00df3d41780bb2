package ca

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gosig/gosig/sig"
)

// The CA's own files in its folder.
const (
	certFile = "ca.pem"
	keyFile  = "ca.key"
)

// Issue writes what is asked for to a folder, which it makes if need be, and the
// CA itself if the folder has none. Nothing is written if anything is wrong with
// the request or if a file is there already.
func Issue(dir string, r Request) ([]Made, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	if err := r.free(dir); err != nil {
		return nil, err
	}
	all, err := r.sign(dir, time.Now())
	if err != nil {
		return nil, err
	}
	return write(dir, all)
}

func (r *Request) validate() error {
	if r.Life < 0 {
		return fmt.Errorf("a certificate cannot be valid for %v", r.Life)
	}
	for _, id := range r.Clients {
		if err := sig.Name(id).Validate(); err != nil || strings.HasPrefix(id, "#") {
			return fmt.Errorf("client %q: its ID must look like the name of a sender: segments of A-Z a-z 0-9 _ . : @ ~ - between /", id)
		}
		if strings.HasPrefix(id, Scheme+":") {
			return fmt.Errorf("client %q: leave out %q, its certificate gets it anyway", id, Scheme+":")
		}
	}
	for _, names := range r.Servers {
		if len(names) == 0 {
			return errors.New("a server's certificate needs a name")
		}
		for _, name := range names {
			if !HostName(name) {
				return fmt.Errorf("server %q: it must be a host's name or an IP address, without scheme and port", name)
			}
		}
	}
	return nil
}

// HostName reports whether a name can stand in an address and in a certificate.
func HostName(name string) bool {
	if net.ParseIP(name) != nil {
		return true
	}
	plain := strings.TrimPrefix(name, "*.")
	if plain == "" || len(plain) > 253 {
		return false
	}
	for label := range strings.SplitSeq(plain, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label {
			return false
		}
		if strings.ContainsFunc(label, func(c rune) bool {
			return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
		}) {
			return false
		}
	}
	return true
}

// fileOf is the name of a certificate's file without its ending: that of whom it
// is for, in one folder.
func fileOf(name string) string {
	return strings.NewReplacer("/", "-", ":", "-", "*", "any").Replace(name)
}

// free fails if a file that would be written is there, or would be twice.
func (r *Request) free(dir string) error {
	names := map[string]string{strings.TrimSuffix(certFile, ".pem"): "the CA"}
	take := func(name string) error {
		file := fileOf(name)
		if other, ok := names[file]; ok {
			return fmt.Errorf("%s and %s would have the same file %s.pem: choose another name", other, name, file)
		}
		names[file] = name
		for _, ending := range []string{".pem", ".key"} {
			path := filepath.Join(dir, file+ending)
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s is there already and is not overwritten: remove it and its other half to make a new one", path)
			}
		}
		return nil
	}
	for _, s := range r.Servers {
		if err := take(s[0]); err != nil {
			return err
		}
	}
	for _, c := range r.Clients {
		if err := take(c); err != nil {
			return err
		}
	}
	return nil
}

// sign makes everything, in memory.
func (r *Request) sign(dir string, now time.Time) ([]*signed, error) {
	var all []*signed
	a, err := load(dir, now)
	if errors.Is(err, fs.ErrNotExist) {
		var own *signed
		a, own, err = newAuthority(r.Name, now)
		all = append(all, own)
	}
	if err != nil {
		return nil, err
	}
	life := cmp.Or(r.Life, LeafLife)
	for _, names := range r.Servers {
		s, err := a.server(names, now, life)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	for _, id := range r.Clients {
		s, err := a.client(id, now, life)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Exists reports whether a folder has a CA, or a part of one.
func Exists(dir string) bool {
	for _, f := range []string{certFile, keyFile} {
		if _, err := os.Lstat(filepath.Join(dir, f)); err == nil {
			return true
		}
	}
	return false
}

// load reads the CA of a folder. The error matches [fs.ErrNotExist] only if there
// is nothing of one: half of a CA is not replaced by another.
func load(dir string, now time.Time) (*authority, error) {
	if !Exists(dir) {
		return nil, fs.ErrNotExist
	}
	cert, key := filepath.Join(dir, certFile), filepath.Join(dir, keyFile)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cannot use the CA %s with key %s: %v", cert, key, err) // no match for ErrNotExist
	}
	signer, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	switch {
	case !ok || !pair.Leaf.IsCA:
		return nil, fmt.Errorf("%s is no CA that was made by this command", cert)
	case now.After(pair.Leaf.NotAfter):
		return nil, fmt.Errorf("the CA %s is out of date since %s: make a new one in another folder", cert, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	return &authority{pair.Leaf, signer}, nil
}
