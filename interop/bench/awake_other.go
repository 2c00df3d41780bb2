//go:build !linux

package main

import (
	"io"
)

// stayAwake needs Linux's scheduling class idle; elsewhere CPUs may sleep.
func stayAwake(in io.Reader) error {
	_, err := io.Copy(io.Discard, in)
	return err
}
