package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRateFlag(t *testing.T) {
	for text, want := range map[string]float64{"500": 500, "500/s": 500, "10k/s": 10_000, "1.5M": 1.5e6, "0.5/s": 0.5} {
		var rate float64
		f := &rateFlag{&rate}
		require.NoError(t, f.Set(text))
		assert.Equal(t, want, rate, text)
		again := &rateFlag{new(float64)}
		require.NoError(t, again.Set(f.String()), "what it prints can be given again")
		assert.Equal(t, want, *again.to)
	}
	for _, text := range []string{"", "fast", "-1", "0", "1m", "2G/s", "NaN", "Inf", "k"} {
		assert.Error(t, (&rateFlag{new(float64)}).Set(text), text)
	}
}

func TestSizeFlag(t *testing.T) {
	var size int
	f := &sizeFlag{&size}
	require.NoError(t, f.Set("64KiB"))
	assert.Equal(t, 64<<10, size)
	assert.Equal(t, "64KiB", f.String())
	for _, text := range []string{"", "0", "-1", "1MB", "4GiB"} {
		assert.Error(t, f.Set(text), text)
	}
	assert.Equal(t, 64<<10, size)
}

// A bar is for a terminal: neither for a file, nor for a pipe, nor for nobody.
func TestNoTerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer null.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	require.NoError(t, err)
	defer file.Close()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	assert.False(t, terminal(&bytes.Buffer{}))
	for _, f := range []*os.File{null, file, w} {
		assert.False(t, terminal(&lockedWriter{w: f}), f.Name())
	}
}
