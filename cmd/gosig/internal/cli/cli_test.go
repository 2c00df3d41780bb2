package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"

	"github.com/gosig/gosig/sig"
)

func TestExitCodes(t *testing.T) {
	for _, row := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{context.Canceled, 1},
		{fmt.Errorf("x: %w", usagef("y")), 2},
		{fmt.Errorf("x: %w", sig.ErrDenied), 3},
		{fmt.Errorf("x: %w", sig.ErrTimeout), 4},
		{context.DeadlineExceeded, 4},
		{fmt.Errorf("x: %w", sig.ErrNoSender), 5},
		{fmt.Errorf("x: %w", sig.ErrNoMethod), 5},
		{sig.ErrNameTaken, 1},
	} {
		assert.Equal(t, row.want, exitCode(row.err), "%v", row.err)
	}
}

func TestUnreachableSaysWhatToDo(t *testing.T) {
	err := unreachable("tcp://127.0.0.1:7465", fmt.Errorf("dial: %w", syscall.ECONNREFUSED))
	assert.EqualError(t, err, "cannot reach tcp://127.0.0.1:7465: connection refused: is a router listening there? "+
		"start one with: gosig serve --listen tcp://127.0.0.1:7465")
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
}

// Every command teaches: what it does, an example, and for each flag its
// variable.
func TestEveryCommandTeaches(t *testing.T) {
	for _, cmd := range descendants(newRoot(&app{})) {
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			assert.NotEmpty(t, cmd.Short)
			assert.Contains(t, cmd.Example, cmd.CommandPath())
			assert.NotContains(t, cmd.Long, "\t", "help is aligned with spaces")
			for _, f := range collect(cmd.LocalFlags().VisitAll) {
				if f.Name != "help" {
					assert.Contains(t, f.Usage, "["+envName(f.Name)+"]", f.Name)
				}
			}
		})
	}
}

func descendants(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, c := range cmd.Commands() {
		all = append(append(all, c), descendants(c)...)
	}
	return all
}

func TestTheCommandLineWinsOverTheEnvironment(t *testing.T) {
	env := map[string]string{"GOSIG_COUNT": "7", "GOSIG_CONNECT": "tcp://a:1", "GOSIG_TLS_CA": "ca.pem", "GOSIG_SENDER": "", "GOSIG_HELP": "true"}
	lookup := func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	cmd := newSub(&app{})
	assert.NoError(t, cmd.ParseFlags([]string{"--count", "3"}))
	assert.NoError(t, bindEnv(cmd, lookup))
	for flag, want := range map[string]string{"count": "3", "connect": "[tcp://a:1]", "tls-ca": "ca.pem", "sender": "**"} {
		assert.Equal(t, want, cmd.Flags().Lookup(flag).Value.String(), flag)
	}
	env["GOSIG_TIMEOUT"] = "soon"
	assert.ErrorContains(t, bindEnv(cmd, lookup), `GOSIG_TIMEOUT="soon"`)
}

func TestReportPrefixesEachLine(t *testing.T) {
	var out bytes.Buffer
	report(&out, newRoot(&app{}), usagef("one\ntwo"))
	assert.Equal(t, "gosig: one\ngosig: two\ngosig: see gosig --help\n", out.String())
}

func TestText(t *testing.T) {
	assert.Equal(t, "one\n  two\nthree", text(strings.ReplaceAll("\n>>one\n>>  two\n>>three\n>", ">", "\t")))
}
