package router_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// TestRoutersOfOneRegistry come and go beside each other.
func TestRoutersOfOneRegistry(t *testing.T) {
	h := newHub(t, router.Limits{})
	for round := range 10 {
		reg := quietRegistry(t)
		var ended []*router.ClientRouter
		for i := range 3 {
			ended = append(ended, h.dial(reg, "mem://hub", router.ClientOptions{Name: fmt.Sprint(i)}))
		}
		for i, cr := range ended {
			s, err := reg.Connect(sig.Name(fmt.Sprintf("%d/%d", round, i)), sig.Spec{})
			require.NoError(t, err)
			var leaving sync.WaitGroup
			leaving.Go(func() { require.NoError(t, s.Disconnect("")) })
			require.NoError(t, cr.Close())
			leaving.Wait()
		}
	}
}
