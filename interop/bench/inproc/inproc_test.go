package inproc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryCellRuns(t *testing.T) {
	for _, r := range Rows() {
		for _, system := range r.Systems {
			t.Run(r.Name+" "+system, func(t *testing.T) {
				m, err := Measure(r.Name, system, time.Millisecond)
				require.NoError(t, err)
				assert.Positive(t, m.Nanos)
			})
		}
	}
}

func TestUnknownCell(t *testing.T) {
	_, err := Measure("emit-1", "pigeon", time.Millisecond)
	assert.ErrorContains(t, err, "pigeon")
}
