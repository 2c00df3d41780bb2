package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// endLine is the last line of a policy.
var endLine = regexp.MustCompile(`(?m)^[ \t]*\[[ \t]*end[ \t]*\]`)

// Insert puts a table into a policy, above its last line. The file is exchanged at
// once, and only if what comes out is a policy that can be used.
func Insert(path, table string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if _, err := parseAny(path, old); err != nil {
		return fmt.Errorf("nothing was put in: %w", err)
	}
	at := endLine.FindAllIndex(old, -1)
	if len(at) == 0 {
		return fmt.Errorf("%s has no line [end]", path)
	}
	end := at[len(at)-1][0]
	next := bytes.Join([][]byte{old[:end], []byte(table), []byte("\n"), old[end:]}, nil)
	a, err := parseAny(path, next)
	if err == nil {
		err = a.Check()
	}
	if err != nil {
		return fmt.Errorf("nothing was put in, the policy would be wrong: %w", err)
	}
	return exchange(path, next)
}

// parseAny reads a policy, of its own or within a configuration.
func parseAny(path string, data []byte) (*Access, error) {
	if IsPolicy(data) {
		return ParsePolicy(path, data)
	}
	c, err := Parse(path, data)
	if err == nil && (c.access == nil || *c.PolicyFile != Here) {
		return nil, &Error{File: path, Text: "it has no policy in it"}
	}
	if err != nil {
		return nil, err
	}
	return c.access, nil
}

// exchange writes a file anew, so that who reads it sees the old or the new one.
func exchange(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".gosig-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
