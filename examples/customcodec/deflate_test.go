package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/codectest"
)

// TestDeflated runs what every codec must pass. As in JSON, bytes are text to a
// receiver that does not expect them, and NaN cannot be said.
func TestDeflated(t *testing.T) {
	codectest.Test(t, newDeflated(), &codectest.Options{
		Refuses:   []codectest.Kind{codectest.NonFinite},
		Typed:     []codectest.Kind{codectest.Bytes},
		Malformed: [][]byte{nil, []byte("plain text"), {0xff, 0xff}},
	})
}

func TestDeflatedRefusesABomb(t *testing.T) {
	bomb, err := newDeflated().Append(nil, strings.Repeat("a", maxPlain))
	if err != nil {
		t.Fatal(err)
	}
	if err := newDeflated().Decode(bomb, new(any)); !errors.Is(err, codec.ErrLimit) {
		t.Fatalf("%d bytes that unpack to more than %d: got %v, want codec.ErrLimit", len(bomb), maxPlain, err)
	}
}
