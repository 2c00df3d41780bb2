package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/cmd/gosig/internal/config"
)

// accessFlags are about who may connect to "serve", and do what.
type accessFlags struct {
	policy    string
	shadow    string
	audit     string
	insecure  bool
	anonymous bool
	trust     []string
	tokenFile string // of an uplink
	keyFile   string
}

func (f *accessFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.policy, "policy", "", "file with the policy: who may do what (default that of --config, or everybody everything)")
	fs.StringVar(&f.shadow, "shadow-policy", "", "file with a policy that decides nothing; what it would decide otherwise is logged")
	fs.StringVar(&f.audit, "audit", "", "file for the audit log, which is appended to")
	fs.BoolVar(&f.insecure, "insecure", false, "allow listeners that others can reach and that ask nobody who he is")
	fs.BoolVar(&f.anonymous, "admit-anonymous", false, "let in who proves nothing, where the policy has credentials")
	fs.StringArrayVar(&f.trust, "trust-wire", nil, "scheme or address on which tokens may be shown although it does not encrypt")
	fs.StringVar(&f.tokenFile, "uplink-token-file", "", "file with a token that proves this router to its --uplink")
	fs.StringVar(&f.keyFile, "uplink-key-file", "", "file with a private key that does")
}

// merge puts the flags over the file.
func (f *accessFlags) merge(cmd *cobra.Command, c *config.Config) error {
	given := cmd.Flags().Changed
	if f.policy != "" {
		if err := c.UsePolicy(f.policy); err != nil {
			return err
		}
	}
	if f.shadow != "" {
		c.ShadowFile = f.shadow
	}
	if f.audit != "" {
		c.AuditFile = f.audit
	}
	if given("insecure") {
		c.Insecure = f.insecure
	}
	if given("admit-anonymous") {
		c.AdmitAnonymous = f.anonymous
	}
	if given("trust-wire") {
		c.TrustedWires = f.trust
	}
	if f.tokenFile == "" && f.keyFile == "" {
		return nil
	}
	if c.Uplink == nil {
		return usagef("--uplink-token-file and --uplink-key-file have no effect without --uplink")
	}
	c.Uplink.TokenFile, c.Uplink.KeyFile = f.tokenFile, f.keyFile
	return nil
}

// policy is where the policy can be read again.
func (f *serveFlags) policy(c *config.Config) *config.Source {
	if f.access.policy != "" {
		return &config.Source{Policy: f.access.policy}
	}
	if c.Access() != nil {
		return &config.Source{Config: f.config}
	}
	return &config.Source{}
}

// secure refuses listeners to which everybody could connect, unless that is meant.
func secure(c *config.Config) error {
	if open := c.Exposed(); len(open) > 0 && !c.Insecure {
		return usagef("%s, say so: --insecure", exposed(open))
	}
	return nil
}

// exposed says what is wrong with such listeners, and what can be done; the
// sentence ends with how to say that it is meant so.
func exposed(open []string) string {
	return strings.Join(open, ", ") + ": other machines can reach it, and nobody is asked who he is. Require certificates of clients (--tls-ca, tls.ca), " +
		"or listen on dtls:// with pre-shared keys alone (--psk-file), or have tokens or keys in the policy and listen on a carrier that encrypts; " +
		"on 127.0.0.1 nobody needs to be asked. If everybody may connect"
}
