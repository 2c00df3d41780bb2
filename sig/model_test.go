package sig_test

import (
	"testing"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/sig/sigtest/modeltest"
	"pgregory.net/rapid"
)

// oneRegistry is the simplest world: nothing is ever on the way.
type oneRegistry struct{ reg *sig.Registry }

func (w oneRegistry) Registries() []*sig.Registry { return []*sig.Registry{w.reg} }
func (w oneRegistry) Settle()                     {}

// TestModel runs random scripts against one registry (P1-P6, P10).
func TestModel(t *testing.T) {
	modeltest.Check(t, func(t *rapid.T) modeltest.World {
		// Warnings are expected: scripts subscribe to what nobody declares (P2).
		reg := sig.New(&sig.Options{OnWarning: func(sig.Warning) {}})
		t.Cleanup(func() {
			if err := reg.Close(); err != nil {
				t.Errorf("P13: close: %v", err)
			}
		})
		return oneRegistry{reg}
	}, nil)
}
