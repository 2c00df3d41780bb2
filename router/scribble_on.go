//go:build scribble

package router

// scribble makes lent memory unreadable when it is given back, so that a test
// run with -tags scribble shows who keeps a payload that was only lent.
const scribble = true
