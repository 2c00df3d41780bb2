//go:build unix && !linux

package fairness

import (
	"errors"
	"os/exec"
	"syscall"
	"time"
)

// class is how the system's scheduler treats a process beside others.
type class struct{ nice int }

var (
	others   = class{}
	first    = class{}
	second   = class{}
	leftover = class{nice: 19}
)

func (class) setAll() error { return errors.ErrUnsupported }

// start starts a process in a class.
func (c class) start(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	return syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, c.nice)
}

func unthrottle() (restore func(), err error) { return nil, errors.ErrUnsupported }

// spent is not known here.
func spent(int) time.Duration { return 0 }
