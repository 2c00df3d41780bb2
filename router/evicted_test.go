package router

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/sig"
)

// nobodyEmits is a policy for those who may do anything, or all but emit "e".
func nobodyEmits(t *testing.T, deny bool) acl.Authorizer {
	t.Helper()
	rules := []acl.Rule{
		{Label: "all", Allow: []acl.Verb{acl.Emit, acl.Respond, acl.Subscribe, acl.Request}, Principals: []string{"**"}, Sender: "**", Name: "**"},
		{Label: "see", Allow: []acl.Verb{acl.Observe}, Principals: []string{"**"}, Sender: "**"},
	}
	if deny {
		rules = append(rules, acl.Rule{Label: "no", Deny: []acl.Verb{acl.Emit}, Principals: []string{"**"}, Sender: "**", Name: "e"})
	}
	p, err := (&acl.Source{Rules: rules}).Compile()
	require.NoError(t, err)
	return p
}

// revoking is a server whose policy ends what its clients have announced.
type revoking struct {
	t       *testing.T
	network *mem.Network
	reg     *sig.Registry
	srv     *ServerRouter
	came    atomic.Int64 // senders of which handlers have heard
}

func newRevoking(t *testing.T) *revoking {
	r := &revoking{t: t, network: mem.New(), reg: sig.New(&sig.Options{OnWarning: func(sig.Warning) {}})}
	t.Cleanup(func() { r.reg.Close() })
	_, err := sig.Subscribe(r.reg, sig.Any, sig.EventConnect, func(sig.Event) { r.came.Add(1) }, nil)
	require.NoError(t, err)
	r.srv, err = NewServerRouter(r.reg, &ServerOptions{
		Carriers: []carrier.Carrier{r.network}, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
		Access: AccessOptions{Authorizer: nobodyEmits(t, false)},
	})
	require.NoError(t, err)
	t.Cleanup(func() { r.srv.Close() })
	_, err = r.srv.Listen(t.Context(), "mem://hub")
	require.NoError(t, err)
	return r
}

// client connects with so many senders.
func (r *revoking) client(name string, senders int) *ClientRouter {
	r.t.Helper()
	reg := sig.New(&sig.Options{OnWarning: func(sig.Warning) {}})
	r.t.Cleanup(func() { reg.Close() })
	before := r.came.Load()
	c, err := NewClientRouter(reg, []string{"mem://hub?as=" + name}, &ClientOptions{
		Carriers: []carrier.Carrier{r.network}, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
		MinBackoff: time.Hour, MaxBackoff: time.Hour,
	})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { c.Close() })
	require.NoError(r.t, c.WaitConnected(r.t.Context()))
	for i := range senders {
		_, err = reg.Connect(sig.Name(fmt.Sprintf("%s/%d", name, i)), sig.Spec{Events: []sig.Name{"e"}})
		require.NoError(r.t, err)
	}
	require.Eventually(r.t, func() bool { return r.came.Load() == before+int64(senders) }, patienceInside, time.Millisecond)
	return c
}

// during has f called once when handlers are about to hear that a sender has ended.
func (r *revoking) during(f func(*link)) {
	var once sync.Once
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	for l := range r.srv.links {
		l.inbound.mu.Lock() // behind whoever has queued that they are there
		l.inbound.maxTasks, l.inbound.flood = -1, func(int) { once.Do(func() { f(l) }) }
		l.inbound.mu.Unlock()
	}
}

// TestClosedWhileSendersEnd: a router that is closed while a policy ends senders waits
// until handlers have heard of it (P13).
func TestClosedWhileSendersEnd(t *testing.T) {
	r := newRevoking(t)
	for i := range 2 {
		r.client(fmt.Sprint("c", i), 1)
	}
	var closed atomic.Bool
	var heard, late atomic.Int32
	_, err := sig.Subscribe(r.reg, sig.Any, sig.EventDisconnect, func(sig.Event) {
		heard.Add(1)
		if closed.Load() {
			late.Add(1)
		}
	}, nil)
	require.NoError(t, err)
	begun, goOn := make(chan struct{}), make(chan struct{})
	r.during(func(*link) { close(begun); <-goOn })
	var all sync.WaitGroup
	all.Go(func() { r.srv.SetAuthorizer(nobodyEmits(t, true)) })
	<-begun
	ended := make(chan struct{})
	all.Go(func() { r.srv.Close(); closed.Store(true); close(ended) })
	select {
	case <-ended:
		t.Error("P13: Close has returned while a #disconnect is still to be queued")
	case <-time.After(50 * time.Millisecond): // it waits
	}
	close(goOn)
	all.Wait()
	require.EqualValues(t, 2, heard.Load())
	require.Zero(t, late.Load(), "P13: handlers were called after Close")
}

// TestLostWhileSendersEnd: so does a connection that ends meanwhile.
func TestLostWhileSendersEnd(t *testing.T) {
	r := newRevoking(t)
	_, err := sig.Subscribe(r.reg, sig.Any, sig.EventDisconnect, func(sig.Event) {}, nil)
	require.NoError(t, err)
	for round := range 20 {
		c := r.client("c", 100)
		r.during(func(l *link) {
			go l.session().fail(context.Canceled)
			time.Sleep(time.Duration(round) * 10 * time.Microsecond) // so far it gets
		})
		r.srv.SetAuthorizer(nobodyEmits(t, true))
		c.Close()
		require.Eventually(t, func() bool { return len(r.srv.Clients()) == 0 }, patienceInside, time.Millisecond)
		r.srv.SetAuthorizer(nobodyEmits(t, false))
	}
}
