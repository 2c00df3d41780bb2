// Customcodec shows a codec of one's own: deflate.go has it whole, its test runs
// the suite that every codec must pass, and one line hands it to a router.
package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	carriers := []carrier.Carrier{mem.New()}
	both := []codec.Codec{newDeflated(), json.New()} // in order of preference

	server := must(router.NewServerRouter(sig.New(nil), &router.ServerOptions{Carriers: carriers, Codecs: both}))
	defer server.Close()
	address := must(server.Listen(ctx, "mem://hub"))

	// The author speaks compressed JSON, the reader plain JSON only: the server
	// translates between them.
	author := connect(ctx, address, carriers, both)
	reader := connect(ctx, address, carriers, []codec.Codec{json.New()})
	defer author.Close()
	defer reader.Close()

	got := make(chan string, 1) // one event is emitted
	sub := must(sig.Subscribe(reader.Registry, "author", "chapter", func(ev sig.EventOf[string]) { got <- ev.Data }, nil))
	check(sub.InForce(ctx))

	text := strings.Repeat("It was a dark and stormy night. ", 100)
	sender := must(author.Registry.Connect("author", sig.Spec{Events: []sig.Name{"chapter"}}))
	check(sender.Emit("chapter", text))
	packed := must(newDeflated().Append(nil, text))
	fmt.Println("arrived whole:", <-got == text)
	fmt.Println("at least ten times smaller on the way:", len(packed)*10 < len(text))
}

// peer is a registry and the router that connects it.
type peer struct {
	*sig.Registry
	*router.ClientRouter
}

func connect(ctx context.Context, address string, carriers []carrier.Carrier, codecs []codec.Codec) peer {
	reg := sig.New(nil)
	client := must(router.NewClientRouter(reg, []string{address}, &router.ClientOptions{Carriers: carriers, Codecs: codecs}))
	check(client.WaitConnected(ctx))
	fmt.Println("codec chosen:", client.State().Codec)
	return peer{reg, client}
}

func (p peer) Close() {
	check(p.ClientRouter.Close())
	check(p.Registry.Close())
}

func must[T any](v T, err error) T { check(err); return v }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
