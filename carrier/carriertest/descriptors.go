package carriertest

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/gosig/gosig/carrier"
)

const descriptorRule = "what a connection has opened is closed with it: descriptors do not grow in number"

// descriptors opens and closes conns in every order, and fails the case if their
// descriptors stay. What is opened once and kept, such as the poller of package
// net, is there after the first round.
func (k *kit) descriptors(open func(k *kit) (a, b carrier.Conn)) {
	k.Helper()
	if openFiles() < 0 {
		return // this system does not tell
	}
	// A file that was forgotten is closed by the garbage collector, some day.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const rounds = 6
	var first int
	for round := range rounds + 1 {
		a, b := open(k)
		if round%2 == 0 {
			k.talk(a, b)
		}
		if round%3 == 0 {
			a, b = b, a
		}
		k.closeSoon(a)
		k.closeSoon(b)
		k.closeAll()
		if round == 0 {
			first = k.settled()
		}
	}
	k.await(func() bool { return openFiles() <= first }, func() string {
		return sprintf("%d descriptors are open after one connection was closed, %d after %d", first, openFiles(), rounds+1)
	}, "no more than after one")
}

// settled returns the number of open descriptors once it has stopped changing:
// some of a closed connection may take a moment.
func (k *kit) settled() int {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	last := openFiles()
	for still := 0; still < 4; still++ {
		<-tick.C
		if now := openFiles(); now != last {
			last, still = now, 0
		}
	}
	return last
}

// await waits for a condition, and fails the case after Patience.
func (k *kit) await(ok func() bool, got func() string, want string) {
	k.Helper()
	patience := time.NewTimer(k.Patience)
	defer patience.Stop()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-patience.C:
			k.broken(got(), want)
		}
	}
}

// openFiles returns how many descriptors this process has, -1 where the system
// does not say.
func openFiles() int {
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		if entries, err := os.ReadDir(dir); err == nil {
			return len(entries)
		}
	}
	return -1
}
