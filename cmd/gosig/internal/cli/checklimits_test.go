package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/cmd/gosig/internal/config"
)

// another is a value of a limit that is not its default, as it stands in a file and as
// it is shown.
func another(t *testing.T, l config.Limit) (written, shown string) {
	if l.Value == "none" {
		return "7", "7"
	}
	if n, err := strconv.Atoi(l.Value); err == nil {
		return strconv.Itoa(n + 1), strconv.Itoa(n + 1)
	}
	if d, err := time.ParseDuration(l.Value); err == nil {
		d += time.Second
		return strconv.Quote(d.String()), d.String()
	}
	unit := strings.TrimLeft(l.Value, "0123456789")
	n, err := strconv.Atoi(strings.TrimSuffix(l.Value, unit))
	require.NoError(t, err, "%s: %q is of no kind that is known", l.Key, l.Value)
	size := fmt.Sprintf("%d%s", n+1, unit)
	return strconv.Quote(size), size
}

// TestEveryLimitWhereItCanBeSet: each limit, with another value than its default, in
// [limits], of a listener, and of some clients: gosig check shows it, or says where it
// belongs. (That docs/limits.md has it is TestLimitsPage.)
func TestEveryLimitWhereItCanBeSet(t *testing.T) {
	for _, l := range new(config.Limits).Describe() {
		t.Run(l.Key, func(t *testing.T) {
			value, shown := another(t, l)
			line := l.Key + " = " + value
			if l.Key == "burst" { // has no effect without
				line += "\nrate = 5"
			}
			in := strings.ReplaceAll(line, "\n", ", ")
			general, text := checkOf(t, "[limits]\n"+line+"\n")
			found := limitOf(t, general.Limits, l.Key)
			assert.Equal(t, shown, found.Value)
			assert.False(t, found.Default)
			assert.Equal(t, l.About, found.About)
			assert.Regexp(t, `(?m)^  `+l.Key+` +`+shown+` +`, text)

			listener := "[[listen]]\nurl = \"tcp://127.0.0.1:1\"\nlimits = {" + in + "}\n"
			special := "[[limits_for]]\nprincipals = [\"plant/*\"]\n" + line + "\n"
			if l.Scope == "router" {
				assert.Contains(t, refusalOf(t, listener), l.Key+" is a limit of the whole router")
			} else {
				c, text := checkOf(t, listener)
				assert.Equal(t, shown, limitOf(t, c.Listen[0].Limits, l.Key).Value)
				assert.Contains(t, text, l.Key+" "+shown)
			}
			switch l.Scope {
			case "router":
				assert.Contains(t, refusalOf(t, special), l.Key+" is a limit of the whole router")
			case "listener":
				assert.Contains(t, refusalOf(t, special), l.Key+" is in force before anybody knows who comes")
			case "client":
				c, text := checkOf(t, special)
				assert.Equal(t, shown, limitOf(t, c.LimitsFor[0].Limits, l.Key).Value)
				assert.Contains(t, text, l.Key+" "+shown)
			default:
				t.Errorf("scope %q", l.Scope)
			}
		})
	}
}

func limitOf(t *testing.T, all []checkedLimit, key string) checkedLimit {
	t.Helper()
	for _, l := range all {
		if l.Key == key {
			return l
		}
	}
	t.Fatalf("check does not show %s", key)
	return checkedLimit{}
}

// checkOf runs gosig check on a configuration, for programs and for people.
func checkOf(t *testing.T, text string) (c checked, printed string) {
	t.Helper()
	file := configFile(t, text)
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"check", file, "-o", "json"}, Streams{In: strings.NewReader(""), Out: &out, Err: &errs}), &errs)
	require.NoError(t, json.Unmarshal(out.Bytes(), &c), &out)
	out.Reset()
	require.Zero(t, run(t.Context(), []string{"check", file}, Streams{In: strings.NewReader(""), Out: &out, Err: &errs}), &errs)
	return c, out.String()
}

// refusalOf is why gosig check refuses a configuration.
func refusalOf(t *testing.T, text string) string {
	t.Helper()
	var out, errs bytes.Buffer
	require.NotZero(t, run(t.Context(), []string{"check", configFile(t, text)}, Streams{In: strings.NewReader(""), Out: &out, Err: &errs}), &out)
	return errs.String()
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gosig.toml")
	require.NoError(t, os.WriteFile(file, []byte(text+"[end]\n"), 0o600))
	return file
}
