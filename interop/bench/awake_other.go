//go:build !linux

package main

import (
	"io"
	"time"
)

// stayAwake needs Linux's scheduling class idle; elsewhere CPUs may sleep.
func stayAwake(in io.Reader) error {
	_, err := io.Copy(io.Discard, in)
	return err
}

// hop is not measured: threads cannot be kept on a processor.
func hop() (time.Duration, error) { return 0, nil }
