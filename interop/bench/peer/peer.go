// Package peer lets gosig and its peers do the same work in the same way: each
// is a [System], in a file of its own, set up as a user who knows it well would.
//
//	sys, err := peer.Find("nats")
//	server, err := sys.Serve(env)               // in the server process
//	sub, err := sys.Subscribe(env, all, sink)   // in the load process
//	pub, err := sys.Publish(env, topics)
//	err = pub.Publish(payload, 1000)
package peer

import (
	"context"
	"fmt"
	"io"
)

// Env is what a system needs to know beside its own defaults.
type Env struct {
	// Address is what Serve has returned, for all other calls.
	Address string
	// Certificates is a folder made by [WriteCertificates]; "": no TLS.
	Certificates string
	// Carrier is the medium below gosig, and below what it is compared with;
	// "": TCP. [OverQUIC] needs Certificates.
	Carrier string
	// Queue is how many messages may be under way: systems that drop what
	// does not fit get queues of this size.
	Queue int
}

// Secure reports whether connections use TLS.
func (e Env) Secure() bool { return e.Certificates != "" }

// System is one way to bring messages from one process to another. All methods
// but Serve open a connection of their own and return when it is in force.
type System interface {
	// Serve starts the server and returns the address that clients dial.
	Serve(env Env) (address string, server io.Closer, err error)
	// Connect opens a connection that does nothing.
	Connect(env Env) (io.Closer, error)
	// Publish opens a connection that will publish the topics.
	Publish(env Env, topics []Topic) (Publisher, error)
	// Subscribe hands every message of a topic, or with nil of all, to take,
	// from one goroutine at a time. The bytes are lent.
	Subscribe(env Env, topic *Topic, take func([]byte)) (io.Closer, error)
	// Respond opens a connection that answers requests with their payload.
	Respond(env Env) (io.Closer, error)
	// Request opens a connection and returns as many calls that can be made
	// at once on it.
	Request(env Env, callers int) ([]Call, io.Closer, error)
}

// Publisher publishes on one connection. It is for one goroutine.
type Publisher interface {
	// Publish sends the payload n times, with the topics in turn. It may keep
	// the payload, which nobody changes.
	Publish(payload []byte, n int) error
	io.Closer
}

// Call makes one request and returns its answer. One goroutine uses it.
type Call func(ctx context.Context, payload []byte) ([]byte, error)

// Topic is one event of one sender.
type Topic struct{ Sender, Event int }

// Topics lists the topics of some senders, first to first+senders-1, so that
// neighbours differ in their sender.
func Topics(first, senders, events int) []Topic {
	var topics []Topic
	for e := range events {
		for s := range senders {
			topics = append(topics, Topic{first + s, e})
		}
	}
	return topics
}

// join names the topic with a separator between three segments.
func (t Topic) join(sep string) string {
	return fmt.Sprintf("bench%ss%02d%se%d", sep, t.Sender, sep, t.Event)
}

// ErrNot is what a system answers to work it does not do.
var ErrNot = fmt.Errorf("this system does not do that")

// closer makes an io.Closer of a function.
type closer func() error

func (c closer) Close() error { return c() }

// closing makes an io.Closer of a function that cannot fail.
func closing(f func()) io.Closer { return closer(func() error { f(); return nil }) }

// nothing is what needs no closing.
var nothing = closing(func() {})

// sameCall returns one call for all callers.
func sameCall(callers int, c Call) []Call {
	calls := make([]Call, callers)
	for i := range calls {
		calls[i] = c
	}
	return calls
}

// systems lists all of them, by the name that reports use.
var systems = map[string]System{
	"gosig":      gosig{},
	"gosigtcp":   gosig{tcp: true},
	"gosigrules": gosig{rules: true},
	"nats":       natsSystem{},
	"mochi":      mochi{},
	"nexus":      nexus{},
	"mangos":     mangosSystem{},
	"grpc":       grpcUnary{},
	"grpcstream": grpcStream{},
	"netrpc":     netRPC{},
	"floor":      floor{},
	"floorecho":  floorEcho{},
}

// Find returns a system by its name.
func Find(name string) (System, error) {
	if s, ok := systems[name]; ok {
		return s, nil
	}
	return nil, fmt.Errorf("no system is called %q", name)
}
