package load

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/interop/bench/peer"
)

// dialers is how many connections are opened at once.
const dialers = 16

// idle opens connections that do nothing. The server is looked at before the
// first and after the last.
func idle(sys peer.System, spec Spec, marks Marks) (Measured, error) {
	conns := make([]io.Closer, spec.Connections)
	failed := make([]error, dialers)
	defer func() { closeAll(conns) }()
	marks.Begin()
	began := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for d := range dialers {
		wg.Go(func() { // ends when all are open
			for i := next.Add(1) - 1; i < int64(len(conns)); i = next.Add(1) - 1 {
				c, err := sys.Connect(spec.Env)
				if err != nil {
					failed[d] = fmt.Errorf("connection %d: %w", i, err)
					return
				}
				conns[i] = c
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	if err := firstOf(failed); err != nil {
		return nil, err
	}
	time.Sleep(settle)
	marks.End()
	return Measured{Rate: float64(spec.Connections) / took.Seconds()}, nil
}

// settle is how long a server may take to become quiet after the last
// connection was opened.
const settle = 300 * time.Millisecond

func closeAll(conns []io.Closer) {
	var wg sync.WaitGroup
	work := make(chan io.Closer) // closed when all are handed out
	for range dialers {
		wg.Go(func() {
			for c := range work {
				_ = c.Close() // the measurement is over
			}
		})
	}
	for _, c := range conns {
		if c != nil {
			work <- c
		}
	}
	close(work)
	wg.Wait()
}
