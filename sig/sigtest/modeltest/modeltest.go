// Package modeltest runs random scripts of connecting, disconnecting,
// subscribing, unsubscribing, emitting and watching against registries, and
// compares what every subscription saw with a simple model of the promises:
// matching (P1), before and after (P2), once and in order (P3), presence (P5)
// and ownership of names (P10).
//
// A [World] says which registries: a single one, or several that are bridged
// and must not be distinguishable from one, except by latency:
//
//	modeltest.Check(t, func(t *rapid.T) modeltest.World { return newWorld(t) }, nil)
//
// # What the model says
//
// The harness keeps one history of what was done, in the order in which it
// began. What a subscription should have seen of a sender follows from it: the
// matching entries between its beginning and its end. An entry is uncertain if
// it was still under way when the subscription began or ended; then seeing it
// and not seeing it are both right. Within one registry only a handler that
// subscribes or unsubscribes can cause that, between registries everything
// since the last time the world settled.
package modeltest

import (
	"testing"
	"time"

	"github.com/gosig/gosig/sig"
	"pgregory.net/rapid"
)

// World is what a script runs against. Its maker ends it with t.Cleanup.
type World interface {
	// Registries are the same, and in the same order, at each call.
	Registries() []*sig.Registry
	// Settle returns when what was done so far has arrived at each registry.
	// It is called from one goroutine, after Sync of each registry. It may
	// return too early: then the harness waits for what is missing, but cannot
	// notice what is too much.
	Settle()
}

// Options of a check. A nil *Options means defaults.
type Options struct {
	// Payload makes the payload that carries a number; the default is the
	// int64 itself. For codecs that cannot encode it.
	Payload func(n int64) any
	// Number is the inverse of Payload; the default is sig.Data[int64].
	Number func(payload any) (int64, error)
	// Patience is how long to wait for what must arrive, default a minute.
	Patience time.Duration
}

func (o *Options) withDefaults() Options {
	opts := Options{}
	if o != nil {
		opts = *o
	}
	if opts.Payload == nil {
		opts.Payload = func(n int64) any { return n }
	}
	if opts.Number == nil {
		opts.Number = sig.Data[int64]
	}
	if opts.Patience == 0 {
		opts.Patience = time.Minute
	}
	return opts
}

// Check runs many random scripts, each against a world of its own. See the
// flags of rapid (-rapid.checks, -rapid.steps, -rapid.seed) for how many.
func Check(t *testing.T, open func(t *rapid.T) World, opts *Options) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) { Run(t, open(t), opts) })
}

// Run runs one random script, and settles and compares at its end.
func Run(t *rapid.T, w World, opts *Options) {
	t.Helper()
	s := newScript(w, opts.withDefaults())
	t.Repeat(map[string]func(*rapid.T){
		"connect":     s.connect,
		"disconnect":  s.disconnect,
		"subscribe":   s.subscribe,
		"subscribe2":  s.subscribe, // twice as likely
		"watch":       s.watch,
		"unsubscribe": s.unsubscribe,
		"emit":        s.emit,
		"emit2":       s.emit,
		"emit3":       s.emit,
		"burst":       s.burst,
		"race":        s.endWhileEmitting,
		"hand over":   s.handOver,
		"request":     s.request,
		"settle":      s.settle,
	})
	s.settle(t)
	s.settle(t) // what is delivered twice may take the longer way
}
