// Package config reads the file of "gosig serve --config" and "gosig check".
//
// The file is TOML and read strictly: an unknown key, a value of the wrong
// kind and a listener that could not work are errors, each with its file and
// line, and nothing of such a file is used. A file that says less than it
// seems to say is worse than none. Its last line is [end], so that one which was
// cut off, on whichever byte, is refused: what it no longer says would be a policy,
// or a limit, that is not in force.
//
//	c, err := config.Load("gosig.toml")
package config

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Config is what a file says. The zero value means all defaults.
type Config struct {
	// Name is how the router introduces itself to others; default: the
	// host's name.
	Name string `toml:"name"`
	// Codecs this router speaks; default: all there are.
	Codecs []CodecName `toml:"codecs"`
	// Drain is how long connections may end in order after SIGTERM; default
	// [DefaultDrain]; "0s" ends them at once.
	Drain Duration `toml:"drain"`
	Log   Log      `toml:"log"`
	// Listen is where clients may connect; at least one for "serve", here or
	// by --listen.
	Listen []Listener `toml:"listen"`
	// Uplink makes this an edge router: its senders and subscriptions become
	// part of another router's.
	Uplink  *Uplink `toml:"uplink"`
	Metrics Metrics `toml:"metrics"`
	Limits  Limits  `toml:"limits"`
	// LimitsFor are the limits of some clients, where those are not Limits or
	// their listener's; see [Config.Special].
	LimitsFor []SpecialLimits `toml:"limits_for"`
	// PolicyFile names a file with the policy, or is [Here]: then its tables are
	// in this file. Without it everybody who gets a connection may do everything.
	PolicyFile *string `toml:"policy"`
	// ShadowFile names a policy that decides nothing: what it would decide
	// otherwise is logged.
	ShadowFile string `toml:"shadow_policy"`
	// AuditFile names the audit log.
	AuditFile string `toml:"audit"`
	// AdmitAnonymous lets in, where the policy has credentials, whoever proves
	// nothing.
	AdmitAnonymous bool `toml:"admit_anonymous"`
	// TrustedWires are schemes and addresses on which secrets may be sent
	// although they do not encrypt.
	TrustedWires []string `toml:"trusted_wires"`
	// Insecure allows listeners that others can reach and that ask nobody who
	// they are, see [Config.Exposed].
	Insecure bool `toml:"insecure"`
	Policy

	access *Access
}

// UsePolicy takes the policy of a file in place of the configuration's own.
func (c *Config) UsePolicy(path string) (err error) {
	c.PolicyFile = &path
	c.access, err = LoadPolicy(path)
	return err
}

// Here announces a policy in the same file.
const Here = "here"

// Access is the policy of the file, or nil if it has none.
func (c *Config) Access() *Access { return c.access }

// DefaultDrain is how long connections may end in order if nothing else is
// said.
const DefaultDrain = 10 * time.Second

// DrainTime is how long connections may end in order.
func (c *Config) DrainTime() time.Duration {
	if c.Drain.set {
		return c.Drain.Duration
	}
	return DefaultDrain
}

// Metrics says where metrics are served, by HTTP; see [Metrics.Address].
type Metrics struct {
	Listen string `toml:"listen"` // "" is nowhere; without a host it is this one only
}

// Address is where to listen, with a host.
func (m Metrics) Address() string {
	if strings.HasPrefix(m.Listen, ":") {
		return "127.0.0.1" + m.Listen
	}
	return m.Listen
}

func (m Metrics) validate(k *checker) {
	if m.Listen == "" {
		return
	}
	_, port, err := net.SplitHostPort(m.Address())
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		k.fail("metrics.listen", "metrics.listen: %q is no host and port; write it like 127.0.0.1:9465", m.Listen)
	}
}

// Log says what is logged, and how, on standard error.
type Log struct {
	Level  Level  `toml:"level"`  // default info
	Format Format `toml:"format"` // default text
}

// Listener is one address clients may connect to.
type Listener struct {
	URL string `toml:"url"`
	// TLS is for tls://, quic://, wss:// and dtls://, and needed there; for
	// dtls:// PSKFile will do.
	TLS TLS `toml:"tls"`
	// PSKFile names a file with the pre-shared keys of clients, for dtls://:
	// a line "identity:key" for each, the key in hexadecimal.
	PSKFile string `toml:"psk_file"`
	// Limits are those of clients that come in here, where they are not the
	// configuration's.
	Limits Limits `toml:"limits"`
}

// Uplink is the router that this one joins as a client.
type Uplink struct {
	URLs []string `toml:"urls"` // tried in turn
	TLS  TLS      `toml:"tls"`  // tls://, quic://, wss:// and dtls:// only
	// PSKFile and PSKIdentity are for dtls://, in place of certificates: a file
	// as a listener's, and whose key of it to use, by default the only one.
	PSKFile     string `toml:"psk_file"`
	PSKIdentity string `toml:"psk_identity"`
	// TokenFile and KeyFile have what proves who this router is.
	TokenFile string `toml:"token_file"`
	KeyFile   string `toml:"key_file"`
	// Return is how often to look whether an earlier one answers again, and go
	// back to it; default never.
	Return Duration `toml:"return"`
}

// TLS names PEM files. They are read again when they change.
type TLS struct {
	Cert string `toml:"cert"` // a listener's, or this side's towards an uplink
	Key  string `toml:"key"`
	// CA is, for a listener, whose certificates clients must present (mutual
	// TLS); for an uplink, who must have signed the server's certificate.
	CA string `toml:"ca"`
}

// Load reads a file. Names of files in it are relative to its own folder.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	c.resolve(filepath.Dir(path))
	if err := c.checkFiles(path, indexLines(data)); err != nil {
		return nil, err
	}
	if c.PolicyFile != nil && *c.PolicyFile != Here {
		if c.access, err = LoadPolicy(*c.PolicyFile); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Parse reads a configuration; file is its name in errors. What is wrong is
// returned as one or more [*Error], joined.
func Parse(file string, data []byte) (*Config, error) {
	c := &Config{}
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(c)
	if err != nil {
		return nil, explain(file, err, knownKeys)
	}
	if err := c.validate(file, indexLines(data)); err != nil {
		return nil, err
	}
	if err := c.parsePolicy(file, data); err != nil {
		return nil, err
	}
	k := &checker{file: file, lines: indexLines(data)}
	k.whole("the file", c.End, data)
	if err := k.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// whole sees to it that a file ends with its table [end]: what is its name in errors.
func (k *checker) whole(what string, end *struct{}, data []byte) {
	if end == nil {
		k.fail("end", "%s does not end with a line [end]: has the file been cut off? Write [end] as its last line", what)
	} else if keys := topKeys(data); keys[len(keys)-1] != endKey {
		k.fail("end", "[end] must be the last line of the file: something stands below it")
	}
}

// parsePolicy compiles the policy that stands in the file itself, if it is said to
// be there.
func (c *Config) parsePolicy(file string, data []byte) (err error) {
	first := ""
	for _, key := range topKeys(data) {
		if key != endKey && slices.Contains(policyKeys, key) {
			first = key
			break
		}
	}
	k := &checker{file: file, lines: indexLines(data)}
	switch {
	case c.PolicyFile == nil && first != "":
		k.fail(first+".0", "a policy in this file must be announced above the first table: policy = %q", Here)
	case c.PolicyFile == nil:
	case *c.PolicyFile == "":
		k.fail("policy", "policy is empty: name the file with the policy, or write policy = %q if it is in this one", Here)
	case *c.PolicyFile != Here && first != "":
		k.fail(first+".0", "the policy is in the file that policy names: %s cannot be here as well", first)
	case *c.PolicyFile == Here && first == "":
		k.fail("policy", "the policy is said to be in this file, but there is none: has it been cut off? Write a [[rule]], and [end] as the last line")
	case *c.PolicyFile == Here:
		c.access, err = c.Policy.compile(file, data)
		return err
	}
	return k.err()
}

// Validate checks a configuration that was put together from elsewhere, like
// flags; its errors name no file.
func (c *Config) Validate() error {
	if err := c.validate("", nil); err != nil {
		return err
	}
	return c.checkFiles("", nil)
}

// explain turns the decoder's errors into this package's.
func explain(file string, err error, known map[string][]string) error {
	var missing *toml.StrictMissingError
	if errors.As(err, &missing) {
		var all []error
		for i := range missing.Errors {
			e := &missing.Errors[i]
			row, _ := e.Position()
			all = append(all, &Error{File: file, Line: row, Text: unknownKey(e.Key(), known)})
		}
		return errors.Join(all...)
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		row, _ := wrong.Position()
		return &Error{File: file, Line: row, Text: plain(wrong)}
	}
	return &Error{File: file, Text: err.Error()}
}

func (c *Config) resolve(folder string) {
	for i := range c.Listen {
		l := &c.Listen[i]
		resolve(folder, &l.TLS.Cert, &l.TLS.Key, &l.TLS.CA, &l.PSKFile)
	}
	if u := c.Uplink; u != nil {
		resolve(folder, &u.TLS.Cert, &u.TLS.Key, &u.TLS.CA, &u.PSKFile, &u.TokenFile, &u.KeyFile)
	}
	resolve(folder, &c.ShadowFile, &c.AuditFile)
	if c.PolicyFile != nil && *c.PolicyFile != Here {
		resolve(folder, c.PolicyFile)
	}
}

func resolve(folder string, paths ...*string) {
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
}
