//go:build unix

package hostile

import (
	"encoding/binary"
	"flag"
	"net"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var crowd = flag.Int("crowd", 500, "how many sockets that say nothing more")

func dialRaw(addr string) (net.Conn, error) {
	u, err := url.Parse(addr)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: time.Minute}
	if u.Scheme == "unix" {
		return d.Dial("unix", u.Path)
	}
	return d.Dial("tcp", u.Host)
}

// TestSilentCrowd: sockets that declare a frame of 1 MiB each and say nothing
// more. Memory follows what has come, somebody else still gets in, and they are
// gone in time.
func TestSilentCrowd(t *testing.T) {
	w := newWorld(t, *honestClients, everywhere()...)
	before := heap()
	most := before
	var all []net.Conn
	for i := range *crowd {
		conn, err := dialRaw(w.addrs["tcp"])
		require.NoError(t, err)
		all = append(all, conn)
		_, _ = conn.Write(binary.BigEndian.AppendUint32(nil, 1<<20)) // the router may have hung up
		if i%100 == 0 {
			most = max(most, heap())
		}
	}
	late, err := w.enter("unix", 0)
	require.NoError(t, err, "somebody else still gets in")
	late.leave()
	most = max(most, heap())
	t.Logf("%d sockets with 1 MiB each declared: heap %d KiB before, at most %d KiB", *crowd, before>>10, most>>10)
	assert.Less(t, most-before, uint64(16<<20), "the router believes a length")
	for _, c := range all {
		c.Close()
	}
	w.end()
}

// TestDescriptorsExhausted: when there are none left nobody new gets in, those who
// are in do not notice, and the listeners go on when there are some again.
func TestDescriptorsExhausted(t *testing.T) {
	w := newWorld(t, *honestClients, everywhere()...)
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	free, err := syscall.Dup(0)
	require.NoError(t, err)
	require.NoError(t, syscall.Close(free))
	low := limit
	low.Cur = uint64(free) + 40
	waiting, err := dialRaw(w.addrs["tcp"])
	require.NoError(t, err)
	defer waiting.Close()
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low))
	restore := func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)) }
	defer restore()
	var all []net.Conn
	exhaust := func() {
		for range 200 { // each takes one here, and the router one more if it can
			conn, err := dialRaw(w.addrs["tcp"])
			if err != nil {
				return
			}
			all = append(all, conn)
		}
		t.Fatal("they are not exhausted")
	}
	exhaust()
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		exhaust() // whatever is given back, before the router has it: for longer than it tries when it fails otherwise
	}
	w.moves()
	for _, c := range all {
		c.Close()
	}
	restore()
	w.await("somebody to get in again", func() bool {
		s, err := w.enter("tcp", 0)
		if err == nil {
			s.leave()
		}
		return err == nil
	})
	w.end()
}
