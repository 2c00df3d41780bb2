package config

import (
	"fmt"
	"os"
)

// Source is where a running router's policy comes from, to be read again.
type Source struct {
	// Config is a configuration that has a policy or names one; Policy is a file
	// of its own, and wins. With neither there is no policy.
	Config, Policy string

	named string // by the configuration, when it could be read last
}

// Load reads the policy and runs its cases: one with a case that fails is not
// taken. It returns nil if the source is empty; that a configuration which had a
// policy has none is an error.
func (s *Source) Load() (*Access, error) {
	var a *Access
	switch {
	case s.Policy != "":
		var err error
		if a, err = LoadPolicy(s.Policy); err != nil {
			return nil, err
		}
	case s.Config != "":
		c, err := Load(s.Config)
		if err != nil {
			return nil, err
		}
		s.named = ""
		if c.PolicyFile != nil && *c.PolicyFile != Here {
			s.named = *c.PolicyFile
		}
		if a = c.Access(); a == nil {
			return nil, &Error{File: s.Config, Text: "the policy is gone: everybody who gets a connection could do everything; restart to have it so"}
		}
	default:
		return nil, nil
	}
	return a, a.Check()
}

// Contents are the files that Load reads the policy from, to see whether they have
// changed. What cannot be read is told by its error.
func (s *Source) Contents() string {
	all := ""
	for _, path := range s.files() {
		data, err := os.ReadFile(path)
		all += fmt.Sprintf("%s %q %v\n", path, data, err)
	}
	return all
}

func (s *Source) files() []string {
	if s.Policy != "" {
		return []string{s.Policy}
	}
	var files []string
	for _, f := range []string{s.Config, s.named} {
		if f != "" {
			files = append(files, f)
		}
	}
	return files
}
