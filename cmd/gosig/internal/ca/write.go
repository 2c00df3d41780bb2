package ca

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// write puts all of it into files, or nothing: what was written before a failure
// is removed.
func write(dir string, all []*signed) ([]Made, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var files []string
	var made []Made
	for _, s := range all {
		base := "ca"
		if s.Kind == KindServer {
			base = fileOf(s.Names[0])
		} else if s.Kind == KindClient {
			base = fileOf(s.Names[0][len(Scheme)+1:])
		}
		s.Cert, s.Key = filepath.Join(dir, base+".pem"), filepath.Join(dir, base+".key")
		key, err := x509.MarshalPKCS8PrivateKey(s.key)
		if err == nil {
			err = writeNew(&files, s.Key, "PRIVATE KEY", key)
		}
		if err == nil {
			err = writeNew(&files, s.Cert, "CERTIFICATE", s.der)
		}
		if err != nil {
			for _, f := range files {
				err = errors.Join(err, os.Remove(f))
			}
			return nil, err
		}
		made = append(made, s.Made)
	}
	return made, nil
}

// writeNew makes a file that only its owner can read, and notes that it has.
func writeNew(files *[]string, path, kind string, der []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	*files = append(*files, path)
	_, err = f.Write(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
