package codec_test

import (
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

func BenchmarkTranscode(b *testing.B) {
	data, err := cborCodec.Append(nil, benchmarkPayloads()["tree"])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst, _ = codec.Transcode(dst[:0], cborCodec, jsonCodec, data)
	}
}
