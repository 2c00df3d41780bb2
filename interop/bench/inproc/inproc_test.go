package inproc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryCellRuns(t *testing.T) {
	for _, r := range Rows() {
		t.Run(r.Name, func(t *testing.T) {
			all, err := Measure(r.Name, r.Systems, time.Millisecond)
			require.NoError(t, err)
			for _, system := range r.Systems {
				assert.Positive(t, all[system].Nanos, system)
			}
		})
	}
}

func TestUnknownCell(t *testing.T) {
	_, err := Measure("emit-1", []string{"loop", "pigeon"}, time.Millisecond)
	assert.ErrorContains(t, err, "pigeon")
	_, err = Measure("emit-7", []string{"loop"}, time.Millisecond)
	assert.ErrorContains(t, err, "emit-7")
}
