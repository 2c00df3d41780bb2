// Package fairness holds a measurement: how long the events and the requests of an
// honest pair take while another principal does to the router what it likes.
//
//	make fairness
//
// The router is a "gosig serve" of its own, with a policy; the pair is in the test's
// process; whoever attacks is a process of its own, and the least favoured one, since
// all of them share one machine: what it takes of the processors by itself is not
// the router's doing.
package fairness
