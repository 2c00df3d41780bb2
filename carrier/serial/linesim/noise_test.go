package linesim_test

import (
	"bytes"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier/serial/linesim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestShares(t *testing.T) {
	sent := bytes.Repeat([]byte{0x55}, 1_000_000)
	for _, row := range []struct {
		name   string
		damage linesim.Damage
		check  func(t *testing.T, got []byte)
	}{
		{"none", linesim.Damage{}, func(t *testing.T, got []byte) { assert.True(t, bytes.Equal(got, sent)) }},
		{"bit errors", linesim.Damage{BitErrors: 1e-3}, func(t *testing.T, got []byte) {
			flipped := 0
			for i := range got {
				flipped += bits.OnesCount8(got[i] ^ sent[i])
			}
			assert.InDelta(t, 8000, flipped, 400)
		}},
		{"all bits", linesim.Damage{BitErrors: 1}, func(t *testing.T, got []byte) {
			assert.True(t, bytes.Equal(got, bytes.Repeat([]byte{0xAA}, len(sent))))
		}},
		{"drops", linesim.Damage{Drops: 1e-2}, func(t *testing.T, got []byte) {
			assert.InDelta(t, 990_000, len(got), 500)
		}},
		{"inserts", linesim.Damage{Inserts: 1e-2}, func(t *testing.T, got []byte) {
			assert.InDelta(t, 1_010_000, len(got), 500)
		}},
		{"breaks", linesim.Damage{Breaks: 1e-4, BreakLen: 10}, func(t *testing.T, got []byte) {
			assert.InDelta(t, 1000, bytes.Count(got, []byte{0}), 300)
		}},
		{"bursts", linesim.Damage{Bursts: 1e-4, BurstLen: 20}, func(t *testing.T, got []byte) {
			assert.InDelta(t, 2000, len(got)-bytes.Count(got, []byte{0x55}), 600)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.check(t, linesim.New(row.damage, 1).Apply(nil, sent))
		})
	}
}

func TestSameSeed(t *testing.T) {
	sent := bytes.Repeat([]byte("gosig"), 1000)
	damage := linesim.Damage{BitErrors: 1e-3, Drops: 1e-3, Inserts: 1e-3, Bursts: 1e-4, Breaks: 1e-4}
	whole := linesim.New(damage, 7).Apply(nil, sent)
	var got []byte
	pieces := linesim.New(damage, 7)
	for i := 0; i < len(sent); i += 7 {
		got = pieces.Apply(got, sent[i:min(i+7, len(sent))])
	}
	assert.Equal(t, whole, got, "the pieces in which bytes come make no difference")
	assert.NotEqual(t, whole, linesim.New(damage, 8).Apply(nil, sent))
}
