package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/gosig/gosig/carrier"
)

// Refused is a certificate that lets nobody in.
type Refused struct {
	// Certificate is its fingerprint: "sha256:" and 64 hexadecimal digits, or as
	// openssl prints it, with colons.
	Certificate string `toml:"certificate"`
	// Reason is for the log and the audit.
	Reason string `toml:"reason"`
}

// Refuses is why somebody is not let in whom a carrier knows by a certificate, ""
// if nothing speaks against it.
func (a *Access) Refuses(id carrier.Identity) string { return a.refused[id.Certificate] }

// Refused is how many certificates let nobody in.
func (a *Access) Refused() int { return len(a.refused) }

// refused checks fingerprints and sorts the reasons by them.
func (k *checker) refused(all []Refused) map[string]string {
	reasons := map[string]string{}
	for n, r := range all {
		key := fmt.Sprintf("refused.%d", n)
		print, ok := fingerprint(r.Certificate)
		if !ok {
			k.fail(key+".certificate", "refused %d: certificate: %.100q is no fingerprint; it is sha256: and 64 hexadecimal digits, see openssl x509 -in cert.pem -noout -fingerprint -sha256",
				n+1, r.Certificate)
			continue
		}
		if reasons[print] != "" {
			k.fail(key+".certificate", "refused %d: certificate: it is refused already", n+1)
		}
		reasons[print] = "its certificate is refused: " + cmp.Or(r.Reason, print)
	}
	return reasons
}

// fingerprint writes one as package carrier does.
func fingerprint(text string) (string, bool) {
	digits := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(text, "sha256:"), ":", ""))
	sum, err := hex.DecodeString(digits)
	return "sha256:" + digits, err == nil && len(sum) == sha256.Size
}
