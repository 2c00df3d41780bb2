// Package sigtest helps to test code that uses package sig: a registry that
// belongs to a test, and a recorder that waits for events instead of sleeping.
//
//	func TestKitchen(t *testing.T) {
//		reg := sigtest.New(t)
//		rec := sigtest.Record[float64](t, reg, "kitchen", "temp")
//		startKitchen(reg)
//		if ev := rec.Wait(t.Context(), 3); ev.Data < 20 { // the third one
//			t.Errorf("cold: %v", ev.Data)
//		}
//	}
//
// What fails says what was expected and what arrived instead. All of it works
// within testing/synctest, and with anything that has the four methods of [TB].
package sigtest

import (
	"errors"

	"github.com/gosig/gosig/sig"
)

// TB is what this package needs of a test: *testing.T, *testing.B, *testing.F
// and *rapid.T have it.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// New makes a registry that lives as long as the test. A warning of it fails
// the test, unless its error matches (errors.Is) one of those allowed:
//
//	reg := sigtest.New(t, sig.ErrNotDeclared)
func New(t TB, allowed ...error) *sig.Registry {
	t.Helper()
	reg := sig.New(&sig.Options{
		Name: "test",
		OnWarning: func(w sig.Warning) {
			if !matchesAny(w.Err, allowed) {
				t.Errorf("sigtest: unexpected warning: %v", w)
			}
		},
	})
	t.Cleanup(func() {
		if err := reg.Close(); err != nil {
			t.Errorf("sigtest: close the registry: %v", err)
		}
	})
	return reg
}

func matchesAny(err error, targets []error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// Connect connects a sender that only emits, and disconnects it when the test
// ends; it fails the test at once if that is impossible.
func Connect(t TB, reg *sig.Registry, name sig.Name, events ...sig.Name) *sig.Sender {
	t.Helper()
	s, err := reg.Connect(name, sig.Spec{Events: events})
	if err != nil {
		t.Fatalf("sigtest: connect %s: %v", name, err)
	}
	t.Cleanup(func() { _ = s.Disconnect("the test has ended") }) // it may have left by itself
	return s
}

// Emit emits, and fails the test at once if that is impossible.
func Emit(t TB, s *sig.Sender, event sig.Name, data any) {
	t.Helper()
	if err := s.Emit(event, data); err != nil {
		t.Fatalf("sigtest: emit %s of %s: %v", event, s.Name(), err)
	}
}
