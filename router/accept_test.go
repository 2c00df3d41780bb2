package router_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/router"
)

// failing is a listener that cannot accept for some time.
type failing struct {
	carrier.Listener
	until time.Time
	with  error
	calls atomic.Int64
}

func (f *failing) Accept(ctx context.Context) (carrier.Conn, error) {
	f.calls.Add(1)
	if time.Now().Before(f.until) {
		return nil, fmt.Errorf("accept: %w", f.with)
	}
	return f.Listener.Accept(ctx)
}

// TestAcceptOutlastsScarcity: a listener without descriptors goes on when there
// are some again, however long that takes; one that fails otherwise is given up.
func TestAcceptOutlastsScarcity(t *testing.T) {
	for _, row := range []struct {
		with   error
		served bool
	}{
		{os.NewSyscallError("accept4", syscall.EMFILE), true},
		{os.NewSyscallError("accept4", syscall.ENOMEM), true},
		{os.NewSyscallError("accept4", syscall.EINVAL), false},
	} {
		t.Run(row.with.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newLimitedHub(t, router.ServerOptions{})
				l := &failing{Listener: newHandout(), until: time.Now().Add(time.Hour), with: row.with}
				ended := make(chan error, 1)
				go func() { ended <- h.srv.Serve(t.Context(), l) }()
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if row.served {
					require.Empty(t, ended)
					require.Less(t, l.calls.Load(), int64(4000), "once a second")
				} else {
					require.ErrorIs(t, <-ended, row.with)
					ended <- nil
				}
				require.NoError(t, h.srv.Close())
				require.NoError(t, <-ended)
			})
		})
	}
}
