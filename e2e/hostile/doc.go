// Package hostile holds tests alone: strangers who do what they should not,
// against a router with honest clients on every carrier, of whom nothing may be
// lost, late, or shown to others.
//
//	go test ./e2e/hostile                          small, as CI runs it
//	make hostile                                   in full
//	make hostile-checks                            is every check noticed when it is missing?
//
// What a stranger sends is made by a grammar, and each piece says what it must be
// answered with: a code that ends the connection, a refusal, or nothing.
package hostile
