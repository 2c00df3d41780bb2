// Package probe connects to a router one step at a time and says what was found
// at each: resolve, connect, link, secure, hello, ping, goodbye. It is for whoever
// wants to know why there is no connection, or what a connection has agreed on.
//
// It speaks the protocol itself, with package wire over a carrier's conn. It
// announces no sender and subscribes to nothing, so that at the router nothing
// changes.
//
//	report := probe.Run(ctx, "tls://router.example:7465", &probe.Options{Carriers: carriers, Codecs: []string{"cbor"}})
//	if report.Err != nil { ... }
package probe

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/wire"
)

// Options say how to probe.
type Options struct {
	Carriers []carrier.Carrier
	Codecs   []string      // to offer, in order of preference; at least one
	Name     string        // how the probe introduces itself
	Timeout  time.Duration // for one step; default 5 s
	Pings    int           // round trips to measure; default 5
	// Credentials prove who the probe is to a router that asks; TrustedWires are
	// schemes and addresses on which secrets may be sent unencrypted.
	Credentials  []auth.Credential
	TrustedWires []string
	// OnStep is told of each step when it is over; nil: nobody.
	OnStep func(*Step)
}

const (
	defaultTimeout = 5 * time.Second
	defaultPings   = 5
)

// The steps, in order.
const (
	Resolve = "resolve"
	Connect = "connect"
	Link    = "link" // of a serial line only
	Secure  = "secure"
	Hello   = "hello"
	Ping    = "ping"
	Goodbye = "goodbye"
)

// Report is what a probe found. Its JSON keys are a promise.
type Report struct {
	URL      string   `json:"url"` // without its parameters
	OK       bool     `json:"ok"`
	Failed   string   `json:"failed,omitempty"` // the step
	Error    string   `json:"error,omitempty"`
	Hint     string   `json:"hint,omitempty"` // what to try
	Warnings []string `json:"warnings,omitempty"`
	Steps    []*Step  `json:"steps"`

	Err error `json:"-"`
}

// Step is one step: what it found is in the one field that belongs to it.
type Step struct {
	Step  string  `json:"step"`
	OK    bool    `json:"ok"`
	MS    float64 `json:"ms"` // how long it took
	Error string  `json:"error,omitempty"`

	Resolve *Resolved  `json:"resolve,omitempty"`
	Connect *Connected `json:"connect,omitempty"`
	Link    *Linked    `json:"link,omitempty"`
	Secure  *Secured   `json:"secure,omitempty"`
	Hello   *Greeted   `json:"hello,omitempty"`
	Caller  *Caller    `json:"caller,omitempty"` // in place of hello: the other end looks for a router
	Ping    *RoundTrip `json:"ping,omitempty"`
}

// run is a probe under way.
type run struct {
	*Options
	report *Report
	addr   string
	url    *url.URL
	conn   carrier.Conn
	unsafe error // why the handshake failed, where it is part of connecting
	line   *line

	calling bool // the other end looks for a router, as we do
}

// Run probes addr. It returns after the last step, or the first that failed,
// with the connection closed; each step takes [Options.Timeout] at most.
func Run(ctx context.Context, addr string, opts *Options) *Report {
	o := *opts
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Pings == 0 {
		o.Pings = defaultPings
	}
	r := &run{Options: &o, addr: addr, report: &Report{URL: addr, Steps: []*Step{}}}
	defer r.close()
	for _, next := range []string{Resolve, Connect, Link, Secure, Hello, Ping, Goodbye} {
		if do := r.steps()[next]; do != nil && !r.step(ctx, next, do) {
			return r.report
		}
	}
	r.report.OK = true
	return r.report
}

// steps are what to do at each step now; what is missing is left out.
func (r *run) steps() map[string]func(context.Context, *Step) error {
	all := map[string]func(context.Context, *Step) error{
		Resolve: r.resolve, Connect: r.connect, Secure: r.secure, Hello: r.hello, Ping: r.ping, Goodbye: r.goodbye,
	}
	if _, linked := r.conn.(serial.Linked); linked {
		all[Link] = r.link
	}
	if r.calling {
		all[Hello], all[Ping], all[Goodbye] = r.hear, nil, r.sendAway
	}
	return all
}

func (r *run) step(ctx context.Context, name string, do func(context.Context, *Step) error) bool {
	s := &Step{Step: name}
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	begin := time.Now()
	err := do(limited, s)
	s.MS = millis(time.Since(begin))
	switch {
	case err == nil:
		s.OK = true
		r.told(s)
		return true
	case ctx.Err() != nil:
		err = fmt.Errorf("interrupted: %w", ctx.Err())
	case name != Link && limited.Err() != nil && errors.Is(err, context.DeadlineExceeded): // a link says more
		err = &timeoutError{after: r.Timeout, cause: err}
	}
	r.fail(s, err)
	return false
}

func (r *run) fail(s *Step, err error) {
	s.Error = err.Error()
	r.report.Err, r.report.Error, r.report.Failed = err, s.Error, s.Step
	r.report.Hint = hint(s.Step, r.report.URL, err)
	r.told(s)
}

func (r *run) told(s *Step) {
	r.report.Steps = append(r.report.Steps, s)
	if r.OnStep != nil {
		r.OnStep(s)
	}
}

func (r *run) warn(format string, args ...any) {
	r.report.Warnings = append(r.report.Warnings, fmt.Sprintf(format, args...))
}

func (r *run) close() {
	if r.conn != nil {
		_ = r.conn.Close() // what there was to say has been said
	}
}

// timeoutError is the error of a step that took too long.
type timeoutError struct {
	after time.Duration
	cause error
}

func (e *timeoutError) Error() string { return fmt.Sprintf("no answer within %v", e.after) }
func (e *timeoutError) Unwrap() error { return e.cause }

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// offered are the features a probe asks for. That of routers is not among them:
// this one would be told of, all the way, as a router that can be reached.
const offered = wire.FeatureHeld
