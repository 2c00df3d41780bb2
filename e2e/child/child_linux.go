package child

import (
	"os/exec"
	"syscall"
)

// bind asks for SIGKILL when the thread ends that starts the process. Those of Go
// end with the program, unless a goroutine that is locked to one ends.
func bind(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}
