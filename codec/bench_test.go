package codec_test

import (
	"strings"
	"testing"

	"github.com/gosig/gosig/codec"
)

func benchmarkPayloads() map[string]any {
	return map[string]any{
		"float":  21.5,
		"struct": reading{N: 1, F: 21, B: []byte("bytes")},
		"tree":   map[string]any{"temp": 21.5, "unit": "°C", "list": []any{int64(1), true, nil}},
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, v := range benchmarkPayloads() {
		for _, c := range []codec.Codec{jsonCodec, cborCodec} {
			b.Run(string(c.ID())+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				var dst []byte
				for b.Loop() {
					dst, _ = c.Append(dst[:0], v)
				}
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, v := range benchmarkPayloads() {
		for _, c := range []codec.Codec{jsonCodec, cborCodec} {
			data, err := c.Append(nil, v)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(string(c.ID())+"/"+name+"/any", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					var got any
					_ = c.Decode(data, &got)
				}
			})
			b.Run(string(c.ID())+"/"+name+"/typed", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_ = c.Decode(data, typedTarget(v).Interface())
				}
			})
		}
	}
}

// BenchmarkTranscode is what an event costs a router between clients of different
// codecs, by kind of payload; "same" is what it costs there between equal ones.
func BenchmarkTranscode(b *testing.B) {
	numbers := make([]any, 100)
	for i := range numbers {
		numbers[i] = float64(i) * 1.25
	}
	text := strings.Repeat("forty-two characters, and a few of them: \u00e9 ", 24)[:1020]
	for _, kind := range []struct {
		name string
		v    any
	}{
		{"number", 21.5},
		{"record", map[string]any{"unit": "kitchen/thermometer", "id": "t-17", "value": 21.5, "at": int64(1764499200123)}},
		{"tree", benchmarkPayloads()["tree"]},
		{"100numbers", numbers},
		{"1KiBtext", text},
		{"1KiBbytes", make([]byte, 1024)},
	} {
		for _, way := range [][2]codec.Codec{{jsonCodec, cborCodec}, {cborCodec, jsonCodec}, {jsonCodec, jsonCodec}} {
			from, to := way[0], way[1]
			data, err := from.Append(nil, kind.v)
			if err != nil {
				b.Fatal(err)
			}
			name := string(from.ID()) + "-" + string(to.ID())
			if from == to {
				name = "same"
			}
			b.Run(kind.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				var dst []byte
				for b.Loop() {
					if dst, err = codec.Transcode(dst[:0], from, to, data); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
