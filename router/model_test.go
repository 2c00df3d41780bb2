package router_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/sig/sigtest/modeltest"
)

// TestModel runs the random scripts of the registry's model against registries
// that routers join (P1-P6, P10, P12).
func TestModel(t *testing.T) {
	for name, open := range map[string]func(*rapid.T, *joinedWorld){
		"client and server": func(t *rapid.T, w *joinedWorld) { w.client(t, w.server(t), cbor.New()) },
		"two clients of a server": func(t *rapid.T, w *joinedWorld) {
			hub := w.server(t)
			w.client(t, hub, cbor.New())
			w.client(t, hub, json.New())
		},
		"three routers in a row": func(t *rapid.T, w *joinedWorld) {
			hub, edge := w.server(t), w.server(t)
			w.join(t, edge.reg, hub, cbor.New())
			w.client(t, edge, json.New())
		},
	} {
		t.Run(name, func(t *testing.T) {
			modeltest.Check(t, func(t *rapid.T) modeltest.World {
				w := &joinedWorld{carriers: []carrier.Carrier{mem.New()}, log: slog.New(slog.DiscardHandler)}
				open(t, w)
				return w
			}, nil)
		})
	}
}

// joinedWorld is registries that are joined over mem.
type joinedWorld struct {
	carriers []carrier.Carrier
	log      *slog.Logger
	regs     []*sig.Registry
	clients  []*sig.Registry // those that have a client router
}

type modelServer struct {
	reg  *sig.Registry
	addr string
}

func (w *joinedWorld) registry(t *rapid.T) *sig.Registry {
	// Warnings are expected: scripts subscribe to what nobody declares (P2).
	reg := sig.New(&sig.Options{OnWarning: func(sig.Warning) {}})
	t.Cleanup(func() {
		if err := reg.Close(); err != nil {
			t.Errorf("P13: close: %v", err)
		}
	})
	w.regs = append(w.regs, reg)
	return reg
}

func (w *joinedWorld) server(t *rapid.T) modelServer {
	reg := w.registry(t)
	srv, err := router.NewServerRouter(reg, &router.ServerOptions{
		Carriers: w.carriers, Codecs: []codec.Codec{cbor.New(), json.New()}, Logger: w.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() }) // has no error to give
	addr, err := srv.Listen(context.Background(), "mem://:0")
	if err != nil {
		t.Fatal(err)
	}
	return modelServer{reg, addr}
}

func (w *joinedWorld) client(t *rapid.T, to modelServer, c codec.Codec) {
	w.join(t, w.registry(t), to, c)
}

func (w *joinedWorld) join(t *rapid.T, reg *sig.Registry, to modelServer, c codec.Codec) {
	cr, err := router.NewClientRouter(reg, []string{to.addr}, &router.ClientOptions{
		Carriers: w.carriers, Codecs: []codec.Codec{c}, Logger: w.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cr.Close() }) // has no error to give
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := cr.WaitConnected(ctx); err != nil {
		t.Fatal(err)
	}
	w.clients = append(w.clients, reg)
}

func (w *joinedWorld) Registries() []*sig.Registry { return w.regs }

// Settle sends something that must be answered over each connection, once for
// each hop there is, and waits for the handlers of what came before it.
func (w *joinedWorld) Settle() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for range w.clients {
		for _, reg := range w.clients {
			sub, err := sig.Subscribe(reg, "nobody", "nothing", func(sig.Event) {}, nil)
			if err != nil {
				continue // the script will notice
			}
			_ = sub.InForce(ctx) // as above
			sub.Unsubscribe()
		}
	}
	again := time.NewTicker(100 * time.Microsecond) // queues have nothing to wait for
	defer again.Stop()
	for _, reg := range w.regs {
		for !router.HandlersIdle(reg) && ctx.Err() == nil {
			<-again.C
		}
	}
}
