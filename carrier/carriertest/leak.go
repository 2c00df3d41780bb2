package carriertest

import (
	"fmt"
	"runtime"
	"strings"
)

var sprintf = fmt.Sprintf

// goroutines returns the stacks of all goroutines, by their first line's
// number.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	all := make(map[string]string)
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		id, _, _ := strings.Cut(stack, " [")
		all[id] = stack
	}
	return all
}

// noLeaks fails the case if goroutines stay that were not there before. Those
// of a closed connection may take a moment to end.
func (k *kit) noLeaks(before map[string]string) {
	k.Helper()
	k.rule = "whoever starts a goroutine ends it: after Close of everything none is left"
	var left string
	k.await(func() bool { left = news(before); return left == "" },
		func() string { return "goroutines left:\n" + left }, "none")
}

// news returns the stacks of goroutines that are not in before.
func news(before map[string]string) string {
	var left []string
	for id, stack := range goroutines() {
		if _, old := before[id]; !old && !strings.Contains(stack, "carriertest.goroutines(") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}
