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

	Warm, Measure time.Duration
}

// Names of what is measured.
const (
	Rate        = "rate"          // messages delivered, requests answered, or connections opened, a second
	LoadCPU     = "load_cpu_ns"   // CPU time of the load process for each
	ServerCPU   = "server_cpu_ns" // and of the server process
	P50         = "p50_us"
	P99         = "p99_us"
	P999        = "p999_us"
	Memory      = "rss_bytes"  // of the server for each connection
	Heap        = "heap_bytes" // heap and stacks of the server for each connection
	Goroutines  = "goroutines" // of the server for each connection
	SlowRatio   = "p99_slow_ratio"
	opsInWindow = "ops"
	windowNanos = "window_ns"
)

// Measured holds figures by their names.
type Measured map[string]float64

// Marks lets the server's side be looked at when the measuring begins and ends.
type Marks interface {
	Begin()
	End()
}

// Run does what spec says.
func Run(spec Spec, marks Marks) (Measured, error) {
	sys, err := peer.Find(spec.System)
	if err != nil {
		return nil, err
	}
	spec.Env.Queue = max(spec.Env.Queue, windowOf(spec.Size))
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
	}
	return nil, fmt.Errorf("nothing is called %q", spec.Kind)
}

// Queue is how long the queues of systems that drop messages have to be.
const Queue = maxWindow

const (
	maxWindow = 32 << 10 // messages under way
	maxBytes  = 2 << 20  // their payloads: less than any system's default bound
	maxBlock  = 48 << 10 // bytes that a publisher hands over at a time
)

// windowOf is how many messages of a size may be under way.
func windowOf(size int) int { return max(min(maxWindow, maxBytes/size), 32) }

// blockOf is how many of them a publisher acquires at a time.
func blockOf(size int) int { return max(min(maxBlock/(size+8), windowOf(size)/8), 1) }

// closers ends what a measurement has opened.
type closers []io.Closer

func (c *closers) add(x io.Closer) { *c = append(*c, x) }

func (c closers) close() {
	for i := len(c) - 1; i >= 0; i-- {
		_ = c[i].Close() // the measurement is over
	}
}
