// Package gosig is the root of a module that dispatches signals, which are
// events and requests, between named endpoints, with the same semantics
// whether the two sit in one process, in two, or on two machines. This package
// holds no code: it says what is where.
//
// Read in this order:
//
//   - sig: the registry, in process. A [Sender] connects under a name with the
//     events it may emit and the requests it answers; subscriptions speak of
//     patterns. It imports the standard library only and opens no socket: a
//     program that needs dispatch in one process needs this package alone.
//     sig/sigtest helps a user's own tests.
//   - wire: the protocol as envelopes, between structs and bytes. No input, no
//     output: everything in it is tested with byte slices.
//   - codec: how a payload becomes bytes, and how two peers agree on it.
//     codec/json is readable in a capture, codec/cbor is compact, codec/raw
//     passes bytes as they are; codec/codectest checks any other.
//   - carrier: the interface of a medium that moves whole frames.
//     carrier/stream makes one of any byte stream, carrier/mem stays in the
//     process, carrier/tcp serves tcp, tls and unix addresses, carrier/quic
//     quic addresses, carrier/ws those of ws and wss; carrier/certs is what
//     those over TLS share;
//     carrier/carriertest checks any other.
//   - acl: who may do what, as a pure function of a policy and a question. The
//     router does not ask it yet.
//   - router: ServerRouter and ClientRouter, hub and spoke, bridge registries
//     over carriers. It is the only package that knows signals as well as
//     frames, and it names no concrete carrier or codec.
//   - cmd/gosig: the command line, the only place with flags, files and wiring.
//
// Who may import whom is a table in arch_test.go, enforced by that test. What
// the module promises is in README.md, how it is built in
// docs/architecture.md, the bytes on the line in docs/protocol.md, and what
// was decided, and against what, in docs/decisions.
//
// [Sender]: https://pkg.go.dev/github.com/gosig/gosig/sig#Sender
package gosig
