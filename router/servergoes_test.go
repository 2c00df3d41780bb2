package router_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/router/routertest"
	"github.com/gosig/gosig/sig"
)

// TestServersGoAtEveryStage is [TestClientsGoAtEveryStage] the other way round:
// servers of every carrier vanish, are reset or close after the first piece that
// they send, the second and so on. The client notices in its time, says what has
// happened and not that it has hung up itself, and keeps neither goroutines nor
// memory.
func TestServersGoAtEveryStage(t *testing.T) {
	t.Cleanup(awaitFlushed)
	var media []medium
	for _, c := range []medium{{"tcp", overTCP}, {"tls", overTLS}, {"quic", overQUIC}, {"dtls", overDTLS}, {"wss", overWSS}} {
		setup := c.setup(t)
		if setup.Clients == nil {
			setup.Clients = setup.Carriers
		}
		media = append(media, medium{c.name, func(testing.TB) routertest.Setup { return setup }})
	}
	serversGo(t, media, []int{1, 12}) // what Go itself keeps is there from now on
	goroutines, memory := runtime.NumGoroutine()+2, heapInUse()
	stages := serversGo(t, media, []int{1, 2, 3, 4, 5, 6, 8, 10, 14, 20, 40})
	settled(t, goroutines, memory+4<<20)
	for _, c := range media {
		assert.Positive(t, stages[c.name+" connected"], c.name)
		assert.Positive(t, stages[c.name+" connecting"], c.name)
	}
}

// serversGo has a server of each medium go at each stage, in each way, and counts
// where clients were.
func serversGo(t *testing.T, media []medium, after []int) (stages map[string]int) {
	var all sync.WaitGroup
	var mu sync.Mutex
	stages = make(map[string]int)
	places := make(chan struct{}, 16) // so many under way at once; most of them wait
	for _, n := range after {
		for _, how := range []ending{vanishes, resets, closes} {
			for _, c := range media {
				places <- struct{}{}
				all.Go(func() {
					defer func() { <-places }()
					last, connected := serverGoes(t, c.setup(t), n, how)
					stage := "connecting"
					if connected {
						stage = "connected"
					}
					saysWhy(t, fmt.Sprintf("%s, %s after %d, %s", c.name, how, n, stage), last, how)
					mu.Lock()
					defer mu.Unlock()
					stages[c.name+" "+stage]++
				})
			}
		}
	}
	all.Wait()
	return stages
}

// serverGoes returns what a client says of a server that goes, and whether it was
// connected before.
func serverGoes(t *testing.T, setup routertest.Setup, after int, how ending) (last router.State, connected bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	here, there := quietRegistry(t), quietRegistry(t)
	srv, err := router.NewServerRouter(there, &router.ServerOptions{
		Carriers: setup.Carriers, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
	})
	if !assert.NoError(t, err) {
		return last, false
	}
	defer srv.Close()
	addr, err := srv.Listen(ctx, setup.Listen)
	if !assert.NoError(t, err) {
		return last, false
	}
	r, through := (&relay{after: after, listener: true, ending: how}).to(t, addr)
	defer r.close()
	var emitting sync.WaitGroup
	defer emitting.Wait()
	defer cancel()
	emitting.Go(func() { emits(t, ctx, there) }) // ends with ctx

	_, err = sig.Subscribe(here, "hub", "n", func(sig.Event) {}, &sig.SubscribeOptions{OnLost: func(sig.Lost) {}})
	assert.NoError(t, err)
	states := make(chan router.State, 100) // more than there are
	client, err := router.NewClientRouter(here, []string{through}, &router.ClientOptions{
		Carriers: setup.Clients, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
		OnState:     func(s router.State) { states <- s },
		DialTimeout: 2 * time.Second, MinBackoff: time.Hour, MaxBackoff: time.Hour,
		Limits: router.Limits{Keepalive: 500 * time.Millisecond, Dead: 2 * time.Second},
	})
	if !assert.NoError(t, err) {
		return last, false
	}
	defer client.Close()
	for gone := r.over; ; {
		select {
		case <-gone:
			if gone = nil; how == closes {
				srv.Close()
			}
		case last = <-states:
			if connected = connected || last.Phase == router.Connected; last.Err != nil {
				return last, connected
			}
		case <-ctx.Done():
			assert.Fail(t, "the client does not notice", "%s after %d", how, after)
			return last, connected
		}
	}
}

// emits says something large again and again.
func emits(t *testing.T, ctx context.Context, reg *sig.Registry) {
	s, err := reg.Connect("hub", sig.Spec{Events: []sig.Name{"n"}})
	if !assert.NoError(t, err) {
		return
	}
	for text := strings.Repeat("x", 60_000); ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
		_ = s.Emit("n", text) // lost where nobody listens
	}
}

// inVain is what a client says that has waited in vain: for one that vanished, over UDP
// for one whose socket is gone, and on a busy machine for any.
const inVain = `in time|within|deadline|no answer|has been silent`

// goneWords are what a client may say of a server that has gone in some way.
var goneWords = map[ending]*regexp.Regexp{
	vanishes: regexp.MustCompile(inVain),
	resets:   regexp.MustCompile(inVain + `|reset by peer|broken pipe|closed the connection|refused|port is closed`),
	closes:   regexp.MustCompile(inVain + `|shutting down|is closing|busy or closing|closed the connection|association closed|broken off|ended the handshake|broken pipe|reset by peer`),
}

// saysWhy checks what a client says of a server that has gone.
func saysWhy(t *testing.T, where string, last router.State, how ending) {
	if !assert.Error(t, last.Err, where) {
		return
	}
	assert.Regexp(t, goneWords[how], last.Err.Error(), where)
	assert.NotErrorIs(t, last.Err, context.Canceled, where)
	if how != closes { // a router that closes may say so
		assert.NotErrorIs(t, last.Err, net.ErrClosed, where)
	}
}
