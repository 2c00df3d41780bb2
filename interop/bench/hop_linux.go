package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// hop measures how long a byte takes from one processor to another through a pipe,
// the receiver asleep until then: half of the median of some hundred ways there and
// back. It is 0 if there is only one processor.
func hop() (time.Duration, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return 0, fmt.Errorf("which processors there are: %w", err)
	}
	if allowed.Count() < 2 {
		return 0, nil
	}
	var to, from [2]int // reading and writing ends
	if err := unix.Pipe2(to[:], unix.O_CLOEXEC); err != nil {
		return 0, fmt.Errorf("pipe: %w", err)
	}
	if err := unix.Pipe2(from[:], unix.O_CLOEXEC); err != nil {
		return 0, errors.Join(fmt.Errorf("pipe: %w", err), unix.Close(to[0]), unix.Close(to[1]))
	}
	here := nextCPU(&allowed, 0)
	asking := bouncer{cpu: here, in: from[0], out: to[1], first: true}
	echoing := bouncer{cpu: nextCPU(&allowed, here+1), in: to[0], out: from[1]}
	echoed := make(chan error, 1)
	go func() { echoed <- echoing.run() }() // ends with the last way
	asked := make(chan error, 1)
	go func() { asked <- asking.run() }() // ends with the last way
	if err := errors.Join(<-asked, <-echoed); err != nil {
		return 0, err
	}
	slices.Sort(asking.took)
	return asking.took[len(asking.took)/2] / 2, nil
}

// nextCPU returns the first one allowed from a number on.
func nextCPU(allowed *unix.CPUSet, from int) int {
	for !allowed.IsSet(from) {
		from++
	}
	return from
}

// bouncer is one end: it passes a byte to the other, or back.
type bouncer struct {
	cpu     int
	in, out int // closed by run
	first   bool
	took    []time.Duration // of the first: there and back
}

// run keeps its thread on the processor, and has that end with it.
func (b *bouncer) run() error {
	runtime.LockOSThread()
	defer unix.Close(b.in)
	defer unix.Close(b.out) // the other end hears of it
	var set unix.CPUSet
	set.Set(b.cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("stay on processor %d: %w", b.cpu, err)
	}
	var one [1]byte
	for range 400 {
		start := time.Now()
		if b.first {
			if _, err := unix.Write(b.out, one[:]); err != nil {
				return fmt.Errorf("pass a byte: %w", err)
			}
		}
		if n, err := unix.Read(b.in, one[:]); err != nil || n == 0 {
			return fmt.Errorf("wait for a byte: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		if b.first {
			b.took = append(b.took, time.Since(start))
			continue
		}
		if _, err := unix.Write(b.out, one[:]); err != nil {
			return fmt.Errorf("pass a byte back: %w", err)
		}
	}
	return nil
}
