package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseJSONKeepsNumbersExact(t *testing.T) {
	for text, want := range map[string]any{
		"0": int64(0), "-9223372036854775808": int64(math.MinInt64), "9223372036854775807": int64(math.MaxInt64),
		"9223372036854775808": uint64(1 << 63), "18446744073709551615": uint64(math.MaxUint64),
		"1.0": 1.0, "1e3": 1000.0, "0.1": 0.1, `"x"`: "x", "null": nil, " true ": true,
		`[1,{"a":2.5}]`: []any{int64(1), map[string]any{"a": 2.5}},
	} {
		got, err := parseJSON([]byte(text))
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestParseInputRefuses(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"nothing", "", "it ends too early"},
		{"half a value", `{"a":`, "it ends too early"},
		{"a word", "warm", "not JSON: invalid character"},
		{"two values", "1 2", "something follows"},
		{"a bracket too many", "1]", "something follows"},
		{"an integer of 65 bits", "18446744073709551616", "does not fit into 64 bits"},
		{"a number without end", "1e999", "too large"},
		{"no UTF-8", "\"\xff\"", "not valid UTF-8"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parseInput([]byte(row.text), false)
			assert.ErrorContains(t, err, row.want)
		})
	}
}

// all reads every line of an input.
func all(t *testing.T, text string, asText bool) (values []any, bad []int) {
	err := readLines(strings.NewReader(text), asText, func(in input) bool {
		if in.err != nil {
			bad = append(bad, in.line)
		} else {
			values = append(values, in.value)
		}
		return true
	})
	require.NoError(t, err)
	return values, bad
}

func TestReadLines(t *testing.T) {
	values, bad := all(t, "1\r\n\n  \nx\n\"last\"", false)
	assert.Equal(t, []any{int64(1), "last"}, values)
	assert.Equal(t, []int{4}, bad, "lines are counted, empty ones as well")

	values, bad = all(t, "a\n\nb\xff\nc\n", true)
	assert.Equal(t, []any{"a", "", "c"}, values)
	assert.Equal(t, []int{3}, bad)

	values, _ = all(t, "", true)
	assert.Empty(t, values)
}

func TestReadLinesSkipsWhatIsTooLong(t *testing.T) {
	long := strings.Repeat("x", maxLine+10)
	values, bad := all(t, "a\n"+long+"\nb\n"+long, true)
	assert.Equal(t, []any{"a", "b"}, values)
	assert.Equal(t, []int{2, 4}, bad)
}

func TestReadLinesStopsWhenTold(t *testing.T) {
	n := 0
	require.NoError(t, readLines(strings.NewReader("1\n2\n3\n"), false, func(input) bool {
		n++
		return n < 2
	}))
	assert.Equal(t, 2, n)
}

// What is read as JSON and printed again must be read as the same.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,"x",null]}`, "18446744073709551615", "-0", "1e22", "1e20", "-1e19", `"\u2028<>&"`, "[[[]]]", "x", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseInput(data, false)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%q was accepted", data)
		}
		line := toJSON(v)
		if bytes.ContainsAny(line, "\n\r") {
			t.Fatalf("%q is more than one line", line)
		}
		again, err := parseInput(line, false)
		if err != nil {
			t.Fatalf("%q was printed as %q, which is %v", data, line, err)
		}
		if !reflect.DeepEqual(intsAreFloats(v), intsAreFloats(again)) {
			t.Fatalf("%q was printed as %q, which is %#v and not %#v", data, line, again, v)
		}
	})
}

// intsAreFloats: the float64 1000 is printed like the integer.
func intsAreFloats(v any) any {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case []any:
		for i := range v {
			v[i] = intsAreFloats(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = intsAreFloats(v[k])
		}
	}
	return v
}
