// Package child holds what tests need of the processes that they start: that none is
// left when the test is over, and what it has written.
//
//	cmd := exec.Command("gosig", "serve")
//	var out child.Output
//	cmd.Stdout = &out
//	child.Bind(cmd)
package child

import (
	"bytes"
	"os/exec"
	"sync"
)

// Bind has a process, which is not started yet, end with this one, also where this one
// is killed, or ends by a timeout, and cleans up nothing. That is so on Linux only.
func Bind(cmd *exec.Cmd) { bind(cmd) }

// Output keeps what a process writes.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns what was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
