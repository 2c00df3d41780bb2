// Package load is what the load process does: it publishes and subscribes,
// makes requests, or connects, against a server process, and measures.
//
//	measured, err := load.Run(spec, marks)
package load

import (
	"fmt"
	"io"
	"time"

	"github.com/gosig/gosig/interop/bench/peer"
)

// Kind says what to measure.
type Kind string

const (
	// PubSub is the rate of delivered messages.
	PubSub Kind = "pubsub"
	// Request is the rate and the latency of requests.
	Request Kind = "request"
	// Idle is what connections cost that do nothing.
	Idle Kind = "idle"
	// Latency is the time of one message under different loads.
	Latency Kind = "latency"
	// Slow is the latency of the others when one subscriber is slow.
	Slow Kind = "slow"
	// Steady is what the server's memory does under a load that does not end.
	Steady Kind = "steady"
)

// Spec is one measurement.
type Spec struct {
	Kind   Kind
	System string
	Env    peer.Env

	Size        int // bytes of a payload
	Publishers  int
	Subscribers int
	Senders     int // of all publishers together
	Events      int // of each sender
	Callers     int
	Connections int
	Window      int // messages under way; 0: Queue, or fewer when they are large

	Warm, Measure time.Duration
}

// Names of what is measured.
const (
	Rate      = "rate"          // messages delivered, requests answered, or connections opened, a second
	LoadCPU   = "load_cpu_ns"   // CPU time of the load process for each
	ServerCPU = "server_cpu_ns" // and of the server process

	LoadAllocs   = "load_allocs" // objects allocated by the load process for each
	ServerAllocs = "server_allocs"
	LoadCalls    = "load_calls" // its reads and writes for each
	ServerCalls  = "server_calls"

	P50        = "p50_us"
	P99        = "p99_us"
	P999       = "p999_us"
	Memory     = "rss_bytes"  // of the server for each connection
	Heap       = "heap_bytes" // heap and stacks of the server for each connection
	Goroutines = "goroutines" // of the server for each connection
	SlowRatio  = "p99_slow_ratio"
	RSS        = "server_rss_bytes"   // of the server at the end
	RSSGrowth  = "server_rss_growth"  // of it, see [Growth]
	HeapGrowth = "server_heap_growth" // of what was alive at the last collection
)

// Measured holds figures by their names.
type Measured map[string]float64

// Marks lets the server's side be looked at when the measuring begins and ends.
type Marks interface {
	Begin()
	End()
	Sample() // in between, of its memory
}

// Run does what spec says.
func Run(spec Spec, marks Marks) (Measured, error) {
	sys, err := peer.Find(spec.System)
	if err != nil {
		return nil, err
	}
	if spec.Window == 0 {
		spec.Window = Queue
	}
	spec.Window = max(min(spec.Window, maxBytes/max(spec.Size, 1)), minWindow)
	switch spec.Kind {
	case PubSub:
		return pubSub(sys, spec, marks)
	case Request:
		return request(sys, spec, marks)
	case Idle:
		return idle(sys, spec, marks)
	case Latency:
		return latency(sys, spec)
	case Slow:
		return slow(sys, spec)
	case Steady:
		return steady(sys, spec, marks)
	}
	return nil, fmt.Errorf("nothing is called %q", spec.Kind)
}

// Queue is how many messages may be under way, and how long the queues of
// systems that drop messages have to be.
const Queue = 32 << 10

const (
	maxBytes  = 2 << 20  // payloads under way: less than any system's default bound
	maxBlock  = 48 << 10 // bytes that a publisher hands over at a time
	minWindow = 32
)

// block is how many messages a publisher acquires at a time.
func (s Spec) block() int { return max(min(maxBlock/(s.Size+8), s.Window/8), 1) }

// closers ends what a measurement has opened.
type closers []io.Closer

func (c *closers) add(x io.Closer) { *c = append(*c, x) }

func (c closers) close() {
	for i := len(c) - 1; i >= 0; i-- {
		_ = c[i].Close() // the measurement is over
	}
}
