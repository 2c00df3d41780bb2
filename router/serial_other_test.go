//go:build !linux

package router_test

// serialLines need pseudo-terminals.
var serialLines []medium
