package main

import (
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sys/unix"
)

// stayAwake keeps all CPUs out of their idle state until in ends: one thread
// for each spins in the scheduling class that runs only when nobody else wants
// to. Without it the time a virtual machine takes to wake a halted CPU hides
// what a request costs.
func stayAwake(in io.Reader) error {
	failed := make(chan error, runtime.NumCPU()) // one for each that cannot
	for range runtime.NumCPU() {
		go func() { // ends with the process
			runtime.LockOSThread()
			if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0); err != nil {
				failed <- fmt.Errorf("scheduling class idle: %w", err)
				return
			}
			//lint:ignore SA5002 spinning is the purpose
			for {
			}
		}()
	}
	ended := make(chan error, 1) // the end of in
	go func() {
		_, err := io.Copy(io.Discard, in)
		ended <- err
	}()
	select {
	case err := <-failed:
		return err
	case err := <-ended:
		return err
	}
}
