//go:build missingcheck

package hostile

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/e2e/child"
)

// missing is a check of the router, or of its decoders, that a build with this tag can
// leave out, by what enforced and unless are given. The test is one that must fail
// then, and what it says must match: a test that fails for another reason, since the
// machine is busy or somebody waits in vain, has not noticed anything.
type missing struct{ check, test, says string }

var checks = []missing{
	{"sender number in use", "TestSingleShots", `a sender's number twice by tcp: the connection goes on, want code 17`},
	{"senders", "TestSingleShots", `too many senders by tcp: the connection goes on, want code 12`},
	{"events per sender", "TestSingleShots", `too many events of a sender by tcp: the connection goes on, want code 12`},
	{"routes", "TestSingleShots", `too high a route by tcp: the connection goes on, want code 12`},
	{"route number in use", "TestSingleShots", `a route's number twice by tcp: the connection goes on, want code 17`},
	{"disconnect of yours", "TestSingleShots", `another's sender leaves by tcp: the connection goes on, want code 17`},
	{"disconnect of nobody", "TestSingleShots", `a sender of nobody leaves by tcp: the connection goes on, want code 17`},
	{"table of states", "TestSingleShots", `a list longer than its frame by tcp: the connection goes on, want code 17`},
	{"event of nobody", "TestSingleShots", `an event nobody announced by tcp: the connection goes on, want code 17`},
	{"pattern twice", "TestSingleShots", `a pattern twice by tcp: the connection goes on, want code 17`},
	{"route of nobody", "TestSingleShots", `a number nobody announced by tcp: the connection goes on, want code 17`},
	{"loss of nobody", "TestSingleShots", `a loss nobody announced by tcp: the connection goes on, want code 17`},
	{"held without the feature", "TestSingleShots", `a held event without the feature by tcp: the connection goes on, want code 17`},
	{"credit", "TestSingleShots", `credit that was not taken by tcp: the connection goes on, want code 17`},
	{"reply to nothing", "TestSingleShots", `a reply to no request by tcp: the connection goes on, want code 17`},
	{"request twice", "TestSingleShots", `a request twice by tcp: the connection goes on, want code 17`},
	{"synced to nothing", "TestSingleShots", `an answer to no barrier by tcp: the connection goes on, want code 17`},
	{"emit", "TestSingleShots", `a name that no rule gives it by tcp: it got CONNECTED with code 10, want CONNECTED with code 6`},
	{"respond", "TestSingleShots", `an answer that no rule gives it by tcp: it got CONNECTED with code 10, want CONNECTED with code 6`},
	{"subscribe", "TestSingleShots", `what the honest say to each other by tcp: it got nothing, want REFUSED with code 6`},
	{"filter", "TestSingleShots", `it was shown an event: 0e\w*68757368`},
	{"request", "TestSingleShots", `a question that no rule allows by tcp: it got nothing, want REPLY with code 6`},
	{"observe", "TestSingleShots", `it was shown that honest~2F[1-9] is there`},
	{"admin", "TestSingleShots", `administration by tcp: it got nothing, want REPLY with code 6`},
	{"owner", "TestSingleShots", `another's name by \w+: it got CONNECTED with code 0, want CONNECTED with code 10`},
	{"proof", "TestForgedProofs", `a token nobody was given by tcp: let in`},
	{"proof method", "TestForgedProofs", `a method that is not asked for by tcp: `},
	{"one answer", "TestForgedProofs", `a proof, and business behind it by tcp: let in`},
	{"anonymous", "TestNobodyUnknown", `by tcp: let in`},
	{"connections of an identity", "TestManyOfOneIdentity", `a third connection by tcp`},
	{"revoked senders", "TestRevoked", `DISCONNECT: by tcp, nothing has ended`},
	{"revoked patterns", "TestRevoked", `REFUSED: by tcp, nothing has ended`},
	{"revoked requests", "TestRevoked", `REPLY: by tcp, nothing has ended`},
	{"withdrawn proof", "TestRevoked", `guest/token is still connected`},
	{"asked later", "TestNobodyUnknown", `it is still connected`},
	{"fragments without the feature", "TestSingleShots", `a piece without the feature by tcp: the connection goes on, want code 17`},
	{"what is cut", "TestSingleShots", `a piece of what is not cut by tcp: the connection goes on, want code 17`},
	{"pieces of a frame", "TestSingleShots", `pieces of too large a frame by tcp: the connection goes on, want code 21`},
	{"lossy without the feature", "TestSingleShots", `events to be lost, without the feature by tcp: the connection goes on, want code 17`},
	{"lossy twice", "TestSingleShots", `events to be lost, twice by tcp: the connection goes on, want code 17`},
	{"lossy beyond", "TestSingleShots", `events to be lost that are not there by tcp: `},
	{"numbered of nobody", "TestSingleShots", `a numbered event nobody announced by tcp: the connection goes on, want code 17`},
	{"numbered and not lossy", "TestSingleShots", `a numbered event that must not be lost by tcp: the connection goes on, want code 17`},
	{"nodes without the feature", "TestSingleShots", `routers, without the feature by tcp: the connection goes on, want code 17`},
	{"nodes", "TestSingleShots", `too many routers by tcp: the connection goes on, want code 12`},
	{"subscriptions", "TestSingleShots", `too many patterns by tcp: it got nothing, want REFUSED with code 12`},
	{"pending requests", "TestSingleShots", `too many requests by tcp: it got nothing, want REPLY with code 7`},
	{"one envelope first", "TestBeforeTheDoor", `two at once by tcp: let in`},
	{"flags", "TestSingleShots", `a ping with a flag by tcp: the connection goes on, want code 17`},
	{"bytes of a text", "TestSingleShots", `a name of 256 bytes by tcp: the connection goes on, want code 21`},
	{"text", "TestSingleShots", `a name that is no text by tcp: the connection goes on, want code 17`},
	{"end of the frame", "TestSingleShots", `more than a ping by tcp: the connection goes on, want code 17`},
	{"hello frame", "TestForgedProofs", `more than fits by tcp: `},
	{"frame", "TestSingleShots", `too large a frame by tcp: the connection ended with code 17`},
	{"handshake", "TestTrickle", `a handshake of 30 s|is not greater than or equal to "20"`},
	{"ring", "TestBeforeTheDoor", `the node that is in already by tcp: let in`},
}

// TestEveryCheckIsNoticed leaves out one check at a time, and runs a test of the
// campaign on a router without it: one that passes then is blind to it. All of them
// pass with all checks in force, before and behind.
func TestEveryCheckIsNoticed(t *testing.T) {
	assert.GreaterOrEqual(t, len(checks), 50)
	var tests []string
	for _, c := range checks {
		if !slices.Contains(tests, c.test) {
			tests = append(tests, c.test)
		}
	}
	all := strings.Join(tests, "|")
	passes := func() {
		out, err := without(t, "", all)
		require.NoError(t, err, "it fails with all checks in force:\n%s", out)
	}
	passes()
	for _, c := range checks {
		t.Run(c.check, func(t *testing.T) {
			out, err := without(t, c.check, c.test)
			require.Error(t, err, "nobody notices that it is missing")
			assert.Regexp(t, c.says, out, "something else has failed")
			assert.NotContains(t, out, "test timed out")
		})
	}
	passes()
}

// without runs tests in a process of their own.
func without(t *testing.T, check, tests string) (string, error) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^("+tests+")$", "-test.timeout=2m", "-schemes=tcp,mem", "-honest=4")
	cmd.Env = append(os.Environ(), "GOSIG_MISSING_CHECK="+check)
	child.Bind(cmd)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
