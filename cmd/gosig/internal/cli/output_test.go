package cli

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEventLineIsWhatWasPromised(t *testing.T) {
	line := toJSON(eventLine{"kitchen", "temp", toJSON(21.5)})
	assert.Equal(t, `{"sender":"kitchen","event":"temp","data":21.5}`, string(line))
}

func TestToJSON(t *testing.T) {
	for _, row := range []struct {
		name string
		in   any
		want string
	}{
		{"nil", nil, "null"},
		{"largest integer", uint64(math.MaxUint64), "18446744073709551615"},
		{"bytes", []byte("hi"), `"aGk="`},
		{"brackets stay readable", "<a&b>", `"<a&b>"`},
		{"no number", math.NaN(), `"NaN"`},
		{"deep inside", map[string]any{"a": []any{math.Inf(-1), 1.5}}, `{"a":["-Inf",1.5]}`},
	} {
		t.Run(row.name, func(t *testing.T) { assert.Equal(t, row.want, string(toJSON(row.in))) })
	}
}

func TestPrinterWritesEveryLineInOrder(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(&out)
	var want strings.Builder
	for i := range 10_000 {
		require.NoError(t, p.Line([]byte(strconv.Itoa(i))))
		want.WriteString(strconv.Itoa(i) + "\n")
	}
	require.NoError(t, p.Close())
	require.NoError(t, p.Close(), "safe to call twice")
	assert.Equal(t, want.String(), out.String())
	assert.NoError(t, p.Line([]byte("late")))
	assert.Equal(t, want.String(), out.String(), "nothing is written after Close")
}

// seen tells when something has been written.
type seen chan string

func (s seen) Write(p []byte) (int, error) {
	s <- string(p)
	return len(p), nil
}

func TestPrinterDoesNotWaitForMore(t *testing.T) {
	out := make(seen, 1) // one line, one write
	p := newPrinter(out)
	require.NoError(t, p.Line([]byte("now")))
	assert.Equal(t, "now\n", <-out)
	require.NoError(t, p.Close())
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestPrinterReportsThatNothingCanBeWritten(t *testing.T) {
	p := newPrinter(full{})
	_ = p.Line([]byte("x")) // may be buffered still
	assert.ErrorContains(t, p.Close(), "write to standard output: no space left")
	assert.Error(t, p.Line([]byte("y")))
}
