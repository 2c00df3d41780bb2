package fairness

import (
	"context"
	"encoding/binary"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

const (
	honestName   = "pair/a"
	honestMethod = "echo"
)

// pair are two honest clients: one emits and answers, the other hears and asks.
type pair struct {
	t      testing.TB
	regs   [2]*sig.Registry
	sender *sig.Sender
	lost   atomic.Int64
	events times
	asked  times
	stop   chan struct{}
	wg     sync.WaitGroup
}

// times collects how long things took.
type times struct {
	mu  sync.Mutex
	all []time.Duration
}

func (t *times) add(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, d)
}

// take returns what was collected since it was called last.
func (t *times) take() quantiles {
	t.mu.Lock()
	all := t.all
	t.all = nil
	t.mu.Unlock()
	slices.Sort(all)
	at := func(q float64) time.Duration {
		if len(all) == 0 {
			return 0
		}
		return all[min(int(q*float64(len(all))), len(all)-1)]
	}
	return quantiles{len(all), at(0.5), at(0.99), at(1)}
}

type quantiles struct {
	n               int
	p50, p99, worst time.Duration
}

func newPair(t testing.TB, addr string, proofs [2]auth.Credential) *pair {
	p := &pair{t: t, stop: make(chan struct{})}
	quiet := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range p.regs {
		p.regs[i] = sig.New(&sig.Options{OnWarning: func(sig.Warning) {}})
		cr, err := router.NewClientRouter(p.regs[i], []string{addr}, &router.ClientOptions{
			Carriers: []carrier.Carrier{tcp.New(&tcp.Options{Logger: quiet})}, Codecs: []codec.Codec{raw.New()}, Logger: quiet,
			Credentials: []auth.Credential{proofs[i]},
		})
		require.NoError(t, err)
		t.Cleanup(func() { _ = cr.Close() })
		require.NoError(t, cr.WaitConnected(ctx))
	}
	var err error
	p.sender, err = p.regs[0].Connect(honestName, sig.Spec{
		Events:   []sig.Name{"n"},
		Requests: map[sig.Name]sig.RequestHandler{honestMethod: func(_ context.Context, r *sig.Request) (any, error) { return sig.Data[[]byte](r.Data) }},
	})
	require.NoError(t, err)
	hear := func(ev sig.Event) {
		if ev.Name == sig.EventLost {
			p.lost.Add(1)
			return
		}
		if b, err := sig.Data[[]byte](ev.Data); err == nil && len(b) == 8 {
			p.events.add(time.Duration(time.Now().UnixNano() - int64(binary.BigEndian.Uint64(b))))
		}
	}
	for _, event := range []sig.Name{"n", sig.EventLost} {
		sub, err := sig.Subscribe(p.regs[1], honestName, event, hear, nil)
		require.NoError(t, err)
		require.NoError(t, sub.InForce(ctx))
	}
	p.wg.Go(p.emit) // both end with p.stop
	p.wg.Go(p.ask)
	return p
}

func (p *pair) end() {
	close(p.stop)
	p.wg.Wait()
}

// goesOn waits a moment; false when it is over.
func (p *pair) goesOn() bool {
	select {
	case <-p.stop:
		return false
	case <-time.After(time.Millisecond):
		return true
	}
}

func (p *pair) emit() {
	for p.goesOn() {
		if err := p.sender.Emit("n", binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))); err != nil {
			p.t.Errorf("emit: %v", err)
			return
		}
	}
}

func (p *pair) ask() {
	for p.goesOn() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		start := time.Now()
		_, err := sig.Call[[]byte](ctx, p.regs[1], honestName, honestMethod, []byte("a question"))
		cancel()
		if err != nil {
			p.t.Errorf("ask: %v", err)
			return
		}
		p.asked.add(time.Since(start))
	}
}
