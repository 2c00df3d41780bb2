package codec_test

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"math/big"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/codectest"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/codec/raw"
)

var update = flag.Bool("update", false, "write the tables of docs/codecs.md")

const docs = "../docs/codecs.md"

// row is a value as a user may emit it.
type row struct {
	name  string
	value any
}

type reading struct {
	N int     `json:"n"`
	F float64 `json:"f"`
	B []byte  `json:"b"`
}

func rows() []row {
	deep := any("x")
	for range 17 {
		deep = []any{deep}
	}
	large, _ := new(big.Int).SetString("18446744073709551616", 10)
	return []row{
		{"`nil`", nil},
		{"`true`", true},
		{"`int64(-7)`", int64(-7)},
		{"`int(21)`", 21},
		{"`int64`, largest", int64(math.MaxInt64)},
		{"`uint64(7)`", uint64(7)},
		{"`uint64`, 2^63 and above", uint64(1) << 63},
		{"`big.Int`, 2^64", large},
		{"`21.5`", 21.5},
		{"`float64(21)`", 21.0},
		{"`float32(0.5)`", float32(0.5)},
		{"`NaN`, infinities", math.NaN()},
		{"`\"text\"`", "text"},
		{"`\"\"`", ""},
		{"text, invalid UTF-8", "\xff"},
		{"`[]byte{1, 2, 3}`", []byte{1, 2, 3}},
		{"`[]byte{}`", []byte{}},
		{"`[2]byte{1, 2}`", [2]byte{1, 2}},
		{"`time.Time`", time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)},
		{"`time.Duration`", time.Second},
		{"`[]any{1.0, \"a\"}`", []any{1.0, "a"}},
		{"`[]float64{1}`", []float64{1}},
		{"nested `map[string]any`", map[string]any{"m": map[string]any{"f": 1.0, "l": []any{nil, true}}}},
		{"`map[string]any` with bytes", map[string]any{"b": []byte{1}}},
		{"`map[int]string`", map[int]string{1: "a"}},
		{"struct, see below", reading{N: 1, F: 21, B: []byte{1}}},
		{"17 lists in each other", deep},
		{"`chan`, `func`, `complex`", complex(1, 2)},
	}
}

var (
	jsonCodec codec.Codec = json.New()
	cborCodec codec.Codec = cbor.New()
	rawCodec  codec.Codec = raw.New()
)

// column is a way that a payload takes: through one codec, or through two.
type column struct{ from, to codec.Codec }

func columns() []column {
	return []column{
		{jsonCodec, jsonCodec},
		{cborCodec, cborCodec},
		{rawCodec, rawCodec},
		{jsonCodec, cborCodec},
		{cborCodec, jsonCodec},
		{jsonCodec, rawCodec},
		{cborCodec, rawCodec},
		{rawCodec, jsonCodec},
		{rawCodec, cborCodec},
	}
}

func (c column) String() string {
	if c.from == c.to {
		return string(c.from.ID())
	}
	return fmt.Sprintf("%s → %s", c.from.ID(), c.to.ID())
}

// send takes v the column's way and returns it as decoded into what into
// points to. Encoded is false when the first codec already refused it.
func (c column) send(v, into any) (encoded bool, err error) {
	data, err := c.from.Append(nil, v)
	if err != nil {
		return false, err
	}
	if c.from != c.to {
		if data, err = codec.Transcode(nil, c.from, c.to, data); err != nil {
			return true, err
		}
	}
	return true, c.to.Decode(data, into)
}

// cell describes what arrives; ok tells how to write a value that does.
func (c column) cell(v any, into reflect.Value) string {
	encoded, err := c.send(v, into.Interface())
	switch got := into.Elem().Interface(); {
	case err != nil && !encoded && c.from != c.to:
		return "–"
	case err != nil:
		return "refused"
	case codectest.Equal(got, v):
		return "same"
	default:
		return "`" + show(got) + "`"
	}
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case map[string]any:
		parts := []string{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+": "+show(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := []string{}
		for _, e := range v {
			parts = append(parts, show(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprintf("%T(%v)", v, v)
}

func table(target func(v any) reflect.Value) string {
	var b strings.Builder
	b.WriteString("| emitted | in process |")
	for _, c := range columns() {
		fmt.Fprintf(&b, " %s |", c)
	}
	b.WriteString("\n|---" + strings.Repeat("|---", 1+len(columns())) + "|\n")
	for _, r := range rows() {
		fmt.Fprintf(&b, "| %s | same |", r.name)
		for _, c := range columns() {
			fmt.Fprintf(&b, " %s |", c.cell(r.value, target(r.value)))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func untypedTarget(any) reflect.Value { return reflect.ValueOf(new(any)) }

func typedTarget(v any) reflect.Value {
	if v == nil {
		return untypedTarget(v)
	}
	return reflect.New(reflect.TypeOf(v))
}

// typeName is what the codec raw says of every type with the same words.
var typeName = regexp.MustCompile(`carried: .+ is (neither|not \[\]byte)`)

// reasons lists each refusal once, with the error a user sees.
func reasons() string {
	var b strings.Builder
	b.WriteString("| emitted | on the way | error |\n|---|---|---|\n")
	seen := map[string]bool{}
	for _, c := range columns() {
		for _, r := range rows() {
			_, err := c.send(r.value, new(any))
			if err == nil {
				continue
			}
			text := typeName.ReplaceAllString(err.Error(), "carried: T is $1")
			text = strings.ReplaceAll(text, fmt.Sprintf("%T", r.value), "T")
			_, source := c.from.Append(nil, r.value)
			if seen[text] || source != nil && c.from != c.to {
				continue
			}
			seen[text] = true
			fmt.Fprintf(&b, "| %s | %s | `%s` |\n", r.name, c, strings.ReplaceAll(text, "|", "\\|"))
		}
	}
	return b.String()
}

// TestSurvivalTables holds docs/codecs.md to what the codecs do.
func TestSurvivalTables(t *testing.T) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for name, want := range map[string]string{
		"untyped": table(untypedTarget),
		"typed":   table(typedTarget),
		"reasons": reasons(),
	} {
		begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
		before, rest, ok1 := strings.Cut(page, begin)
		got, after, ok2 := strings.Cut(rest, end)
		if !ok1 || !ok2 {
			t.Fatalf("%s lacks the markers of the table %q", docs, name)
		}
		if got != want && !*update {
			t.Errorf("%s, table %q is not what the codecs do; run go test ./codec -run Survival -update\n got\n%s\nwant\n%s", docs, name, got, want)
		}
		page = before + begin + want + end + after
	}
	if *update {
		if err := os.WriteFile(docs, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDocsShowTheCode: the codec in docs/codecs.md is the one that is tested.
func TestDocsShowTheCode(t *testing.T) {
	page, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range [][2]string{{"type f64 struct{}", "\n\n// TestF64"}, {"func TestF64", "\n\nfunc ExampleCodec"}} {
		_, code, _ := strings.Cut(string(source), piece[0])
		code, _, _ = strings.Cut(code, piece[1])
		if code == "" || !strings.Contains(string(page), piece[0]+code) {
			t.Errorf("%s does not show %q as it is in example_test.go:\n%s", docs, piece[0], piece[0]+code)
		}
	}
}
