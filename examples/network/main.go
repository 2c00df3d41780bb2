// Network shows a server and two clients, all in one program so that it ends by
// itself. Each has a registry of its own; they meet over TCP only. Move any of
// the three into another process and its code stays as it is.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var (
	carriers = []carrier.Carrier{tcp.New(nil)}
	codecs   = []codec.Codec{cbor.New()}
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	server := must(router.NewServerRouter(sig.New(nil), &router.ServerOptions{Carriers: carriers, Codecs: codecs}))
	defer server.Close()
	address := must(server.Listen(ctx, "tcp://127.0.0.1:0"))

	kitchen, hall := sig.New(nil), sig.New(nil)
	for _, reg := range []*sig.Registry{kitchen, hall} {
		client := must(router.NewClientRouter(reg, []string{address}, &router.ClientOptions{Carriers: carriers, Codecs: codecs}))
		defer client.Close()
		check(client.WaitConnected(ctx))
	}

	got := make(chan struct{})
	show := func(ev sig.EventOf[float64]) { fmt.Printf("%s %s is %.1f\n", ev.Sender, ev.Name, ev.Data); close(got) }
	sub := must(sig.Subscribe(hall, "kitchen", "temp", show, nil))
	check(sub.InForce(ctx)) // known to the server: nothing emitted from now on is missed

	sender := must(kitchen.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}}))
	check(sender.Emit("temp", 21.5))
	<-got
}

func must[T any](v T, err error) T { check(err); return v }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
