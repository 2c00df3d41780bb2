package fairness

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// class is how the system's scheduler treats a thread beside others.
type class struct {
	policy   uint32
	priority uint32 // among those of the real-time class
}

var (
	others   = class{policy: unix.SCHED_NORMAL}
	first    = class{policy: unix.SCHED_FIFO, priority: 2} // runs at once when it wants to
	second   = class{policy: unix.SCHED_RR, priority: 1}   // beside the first, and before all others
	leftover = class{policy: unix.SCHED_IDLE}              // runs when nobody else wants to, and gives way at once
)

// set is for one thread, 0 is this one. Those that it starts have the same.
func (c class) set(thread int) error {
	return unix.SchedSetAttr(thread, &unix.SchedAttr{Policy: c.policy, Priority: c.priority}, 0)
}

// setAll is for all threads of this process, and those that they start.
func (c class) setAll() error {
	for range 2 { // one that was just being started is there by then
		list, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, entry := range list {
			thread, err := strconv.Atoi(entry.Name())
			if err != nil {
				return err
			}
			if err := c.set(thread); err != nil && err != unix.ESRCH {
				return fmt.Errorf("sched_setattr: %w", err)
			}
		}
	}
	return nil
}

// start starts a process in a class, whichever this one is in.
func (c class) start(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return fmt.Errorf("sched_getattr: %w", err)
	}
	if err := c.set(0); err != nil {
		return fmt.Errorf("sched_setattr: %w", err)
	}
	defer func() { _ = unix.SchedSetAttr(0, own, 0) }() // it was in it before
	return cmd.Start()
}

// unthrottle lets the real-time classes have whole processors until restore is called:
// by default they leave a twentieth of each second to others, 50 ms at a time.
func unthrottle() (restore func(), err error) {
	const file = "/proc/sys/kernel/sched_rt_runtime_us"
	before, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, []byte("-1"), 0o644); err != nil {
		return nil, err
	}
	return func() { _ = os.WriteFile(file, before, 0o644) }, nil // it could be written before
}

// spent is the processor time that a process has used.
func spent(pid int) time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * (time.Second / ticks)
}

// ticks are a second's, whatever the kernel uses itself.
const ticks = 100
