//go:build !scribble

package router

// scribble: see scribble_on.go.
const scribble = false
