//go:build !linux

package bench

func newNapper() napper { return timerNapper{} }
