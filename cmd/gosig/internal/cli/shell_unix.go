//go:build unix

package cli

import (
	"context"
	"os/exec"
	"syscall"
)

// shell runs the command in a process group of its own, so that what it has
// started ends with it when the request is cancelled.
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}
