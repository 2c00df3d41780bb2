// Package ctest holds the tests of the client in C (clients/c): its unit tests
// under the sanitizers, the test vectors that it shares with the Go packages, its
// size, and devices that talk with a router. It has no code of its own; a folder
// with files in C cannot be a Go package.
//
//	go test ./clients/c/ctest
package ctest
