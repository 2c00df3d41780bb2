package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
)

// longest is the longest life of a token that is made here.
const longest = 3650

// entryFlags are about the [[credential]] that is printed for a policy.
type entryFlags struct {
	id     string
	groups []string
	days   int
	out    string
	addTo  string
	output string
}

// credentialLine is what "token" and "keygen" print with -o json.
type credentialLine struct {
	ID      string   `json:"id"`
	Groups  []string `json:"groups"`
	Token   string   `json:"token,omitempty"` // only where it is shown at all
	Hash    string   `json:"hash,omitempty"`
	Key     string   `json:"key,omitempty"` // the public one
	Expires string   `json:"expires,omitempty"`
	File    string   `json:"file,omitempty"` // that has the secret
	Entry   string   `json:"entry"`          // for the policy
}

func (f *entryFlags) add(cmd *cobra.Command, what, days string) {
	fs := cmd.Flags()
	fs.StringVar(&f.id, "id", "", "the principal that it proves, like ops/anna")
	fs.StringSliceVar(&f.groups, "group", nil, "groups that it puts the principal in, beside those of the policy")
	fs.IntVar(&f.days, "days", 0, days)
	fs.StringVar(&f.out, "out", "", what)
	fs.StringVar(&f.addTo, "add-to", "", "policy that the [[credential]] is put into, above its last line")
	outputFlag(cmd, &f.output, outText)
}

func (f *entryFlags) validate(expiry bool) error {
	switch {
	case f.id == "" || len(f.id) > auth.MaxID:
		return usagef("--id is missing, or has more than %d bytes: whom does it prove?", auth.MaxID)
	case expiry && f.days == 0:
		return usagef("--days is missing: how long is it valid? A token must have an end")
	case f.days < 0 || f.days > longest:
		return usagef("--days: at most %d", longest)
	}
	return nil
}

// entry is the table for a policy.
func (f *entryFlags) entry(key, value string, now time.Time) (text, expires string) {
	var b strings.Builder
	fmt.Fprintf(&b, "[[credential]]\nid = %s\n%s = %q\n", strconv.Quote(f.id), key, value)
	if len(f.groups) > 0 {
		var quoted []string
		for _, g := range f.groups {
			quoted = append(quoted, strconv.Quote(g))
		}
		fmt.Fprintf(&b, "groups = [%s]\n", strings.Join(quoted, ", "))
	}
	if f.days > 0 {
		expires = now.AddDate(0, 0, f.days).UTC().Truncate(time.Second).Format(time.RFC3339)
		fmt.Fprintf(&b, "expires = %s\n", expires)
	}
	return b.String(), expires
}

func newToken(a *app) *cobra.Command {
	var f entryFlags
	cmd := &cobra.Command{
		Use:   "token --id PRINCIPAL --days N [--out FILE]",
		Short: "Make a token by which a client proves who it is",
		Long: text(`
			token makes a bearer token: 256 random bits, and whoever has it is the principal.
			A router knows only its hash, so it is shown now and never again.

			With --out it goes to a file that only its owner can read, for --token-file, and
			standard output has the [[credential]] for the policy. Without --out standard output has
			the token, and standard error the [[credential]]. With --add-to it is put into the policy.

			Clients show a token only where nobody reads along: over tls://, quic://, wss://,
			dtls://, to this machine, or on a wire named with --trust-wire.

			With -o json it is one object: "id", "groups", "hash", "expires", "entry" (the
			[[credential]]), and "token" or "file".`),
		Example: text(`
			  gosig token --id ops/anna --days 90 --out anna.token --add-to policy.toml
			  gosig ls --connect tls://router.example:7466 --token-file anna.token`),
		Args: args(0, 0, "none"),
		RunE: func(*cobra.Command, []string) error {
			if err := f.validate(true); err != nil {
				return err
			}
			token := auth.NewToken()
			line := credentialLine{Hash: token.Hash().String()}
			line.Entry, line.Expires = f.entry("token", line.Hash, time.Now())
			if f.out == "" {
				line.Token = token.Reveal()
			} else if err := auth.WriteSecret(f.out, token.Reveal()); err != nil {
				return err
			}
			return f.print(a, line)
		},
	}
	f.add(cmd, "file for the token, which must not be there yet (default: it is shown)", "how many days it is valid")
	return cmd
}

func newKeygen(a *app) *cobra.Command {
	var f entryFlags
	cmd := &cobra.Command{
		Use:   "keygen --id PRINCIPAL --out FILE",
		Short: "Make a key by which a client proves who it is",
		Long: text(`
			keygen makes an Ed25519 key. The secret half goes to a file that only its owner can
			read, for --key-file, and never leaves the client: it signs what a router asks, bound
			to that one connection. Standard output has the [[credential]] for the policy, which is
			no secret.

			Clients sign only where a signature can be bound to the connection, over tls://,
			quic://, wss:// and dtls://, or nobody can come between: to this machine, or on a wire
			named with --trust-wire.

			With -o json it is one object: "id", "groups", "key" (the public half), "file",
			"expires", "entry" (the [[credential]]).`),
		Example: text(`
			  gosig keygen --id plant/press --out press.key --add-to policy.toml
			  gosig emit --connect tls://router.example:7466 --key-file press.key --sender plant~2Fpress temp 21.5`),
		Args: args(0, 0, "none"),
		RunE: func(*cobra.Command, []string) error {
			if err := f.validate(false); err != nil {
				return err
			}
			if f.out == "" {
				return usagef("--out is missing: which file shall the secret half go to?")
			}
			key := auth.NewKey()
			if err := auth.WriteSecret(f.out, key.Reveal()); err != nil {
				return err
			}
			line := credentialLine{Key: key.Public().String()}
			line.Entry, line.Expires = f.entry("key", line.Key, time.Now())
			return f.print(a, line)
		},
	}
	f.add(cmd, "file for the secret half, which must not be there yet", "how many days it is valid (default: until it is taken out of the policy)")
	return cmd
}

func (f *entryFlags) print(a *app, line credentialLine) (err error) {
	line.ID, line.Groups, line.File = f.id, append([]string{}, f.groups...), f.out
	where := "put this into the policy, above its last line:"
	if f.addTo != "" {
		if err := config.Insert(f.addTo, line.Entry); err != nil {
			if f.out != "" { // nobody knows it: it is of no use
				err = errors.Join(err, os.Remove(f.out))
			}
			return err
		}
		where = "this was put into " + f.addTo + ":"
	}
	switch {
	case f.output == outJSON:
		_, err = fmt.Fprintf(a.std.Out, "%s\n", toJSON(line))
		return err
	case line.Token != "":
		a.notice("the token is shown once; %s\n%s", where, strings.TrimSuffix(line.Entry, "\n"))
		_, err = fmt.Fprintln(a.std.Out, line.Token)
		return err
	}
	a.notice("the secret is in %s; %s", f.out, where)
	_, err = fmt.Fprintf(a.std.Out, "%s", line.Entry)
	return err
}

func newHash(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "hash [FILE]",
		Short: "Say what a policy keeps of a token or of a key",
		Long: text(`
			hash reads a token or a private key, from FILE or from standard input, and prints
			what stands in a policy for it: the token's hash, or the public half of the key.
			Neither is a secret. There is no flag for the token itself: arguments are for
			everybody to read.`),
		Example: text(`
			  gosig hash anna.token
			  printenv GOSIG_TOKEN | gosig hash`),
		Args: args(0, 1, "at most one: the file with the secret"),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := readCredential(a, args)
			if err != nil {
				return err
			}
			switch c := c.(type) {
			case auth.Token:
				_, err = fmt.Fprintln(a.std.Out, c.Hash())
			case auth.PrivateKey:
				_, err = fmt.Fprintln(a.std.Out, c.Public())
			default:
				err = errors.New("neither a token nor a key")
			}
			return err
		},
	}
}

func readCredential(a *app, args []string) (auth.Credential, error) {
	if len(args) == 1 && args[0] != "-" {
		return auth.LoadCredential(args[0])
	}
	const most = 16 << 10 // more than any token or key has
	text, err := io.ReadAll(io.LimitReader(a.std.In, most))
	if err != nil {
		return nil, err
	}
	return auth.ParseCredential(string(text))
}

// tokenEnv may hold a token, for who has no file to put it in.
const tokenEnv = "GOSIG_TOKEN"

// credentialFlags say how a client proves who it is.
type credentialFlags struct {
	tokenFile string
	keyFile   string
	trust     []string
}

func (f *credentialFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.tokenFile, "token-file", "", "file with a token that proves who this client is; "+tokenEnv+" may have the token itself")
	fs.StringVar(&f.keyFile, "key-file", "", "file with a private key that proves who this client is, see \"gosig keygen\"")
	fs.StringArrayVar(&f.trust, "trust-wire", nil, "scheme or address on which secrets may be sent although it does not encrypt")
}

// load reads them. The key comes first: it gives nothing away.
func (f *credentialFlags) load() (all []auth.Credential, err error) {
	for _, c := range []struct{ flag, path, method string }{
		{"--key-file", f.keyFile, auth.MethodKey}, {"--token-file", f.tokenFile, auth.MethodToken},
	} {
		if c.path == "" {
			continue
		}
		one, err := auth.LoadCredential(c.path)
		if err != nil {
			return nil, usagef("%s: %v", c.flag, err)
		}
		if one.Method() != c.method {
			return nil, usagef("%s: %s has something else", c.flag, c.path)
		}
		all = append(all, one)
	}
	if text := os.Getenv(tokenEnv); text != "" && f.tokenFile == "" {
		token, err := auth.ParseToken(text)
		if err != nil {
			return nil, usagef("%s: %v", tokenEnv, err)
		}
		all = append(all, token)
	}
	return all, nil
}
