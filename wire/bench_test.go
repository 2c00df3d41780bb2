package wire_test

import (
	"testing"

	"github.com/gosig/gosig/wire"
)

var benchRoutes = map[string]uint32{"route=5": 5, "route=300": 300}

func BenchmarkAppendEvent(b *testing.B) {
	for name, route := range benchRoutes {
		b.Run(name, func(b *testing.B) {
			payload, dst := make([]byte, 16), make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				dst = wire.AppendEvent(dst[:0], 0, route, payload)
			}
		})
	}
}

func BenchmarkParseEvent(b *testing.B) {
	for name, route := range benchRoutes {
		b.Run(name, func(b *testing.B) {
			frame := wire.AppendEvent(nil, 0, route, make([]byte, 16))
			b.ReportAllocs()
			for b.Loop() {
				if _, got, _, err := wire.ParseEvent(frame); err != nil || got != route {
					b.Fatal(got, err)
				}
			}
		})
	}
}

func BenchmarkRequest(b *testing.B) {
	frame := wire.Request{ID: 1000, Sender: 5, TimeoutMS: 2000, Method: "set", Payload: make([]byte, 16)}.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		var e wire.Request
		if err := e.Decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLegal(b *testing.B) {
	for b.Loop() {
		if !wire.Legal(wire.Open, wire.RoleClient, wire.TypeEvent) {
			b.Fatal("EVENT must be legal")
		}
	}
}
