//go:build missingcheck

package hostile

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gosig/gosig/e2e/child"
)

// checks are those of the router, and of its decoders, that a build with this tag
// can leave out, by what enforced and unless are given.
var checks = []string{
	"sender number in use",
	"senders",
	"events per sender",
	"routes",
	"route number in use",
	"disconnect of yours",
	"disconnect of nobody",
	"table of states",
	"event of nobody",
	"pattern twice",
	"route of nobody",
	"loss of nobody",
	"held without the feature",
	"credit",
	"reply to nothing",
	"request twice",
	"synced to nothing",
	"emit",
	"respond",
	"subscribe",
	"filter",
	"request",
	"observe",
	"admin",
	"owner",
	"proof",
	"proof method",
	"one answer",
	"anonymous",
	"connections of an identity",
	"revoked senders",
	"revoked patterns",
	"revoked requests",
	"withdrawn proof",
	"asked later",
	"fragments without the feature",
	"what is cut",
	"pieces of a frame",
	"lossy without the feature",
	"lossy twice",
	"lossy beyond",
	"numbered of nobody",
	"numbered and not lossy",
	"nodes without the feature",
	"nodes",
	"subscriptions",
	"pending requests",
	"one envelope first",
	"flags",
	"bytes of a text",
	"text",
	"end of the frame",
	"hello frame",
	"frame",
	"handshake",
	"ring",
}

// TestEveryCheckIsNoticed leaves out one check at a time, and runs the campaign
// on a router without it: a campaign that passes then is blind to it.
func TestEveryCheckIsNoticed(t *testing.T) {
	assert.GreaterOrEqual(t, len(checks), 50)
	if out, ok := campaign(t, ""); !ok {
		t.Fatalf("the campaign fails with all checks in force:\n%s", out)
	}
	for _, check := range checks {
		t.Run(check, func(t *testing.T) {
			if _, ok := campaign(t, check); ok {
				t.Error("nobody notices that it is missing")
			}
		})
	}
}

// campaign runs the tests in a process of their own, the quick ones first.
func campaign(t *testing.T, without string) (out []byte, ok bool) {
	for _, tests := range []string{"^(TestSingleShots|TestBeforeTheDoor|TestForgedProofs|TestNobodyUnknown|TestManyOfOneIdentity|TestBait|TestRevoked)$", "^(TestDescriptorsExhausted|TestTrickle)$"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+tests, "-test.failfast", "-test.timeout=2m", "-schemes=tcp,mem", "-honest=4")
		cmd.Env = append(os.Environ(), "GOSIG_MISSING_CHECK="+without)
		child.Bind(cmd)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return out, false
		}
	}
	return nil, true
}
