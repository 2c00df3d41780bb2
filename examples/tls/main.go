// Tls shows mutual TLS: a CA made on the spot, a server and a client with
// certificates of it, and who each sees the other as. A client without a
// certificate is turned away.
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

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	ca := must(newAuthority())
	serverCert := must(ca.issue("sig:plant/router", "127.0.0.1"))
	clientCert := must(ca.issue("sig:plant/oven", ""))

	// With a CA to check clients by, a listener requires their certificates.
	server := must(router.NewServerRouter(sig.New(nil), &router.ServerOptions{
		Carriers: over(tcp.Options{Certificate: &serverCert, CAs: ca.pool}),
		Codecs:   []codec.Codec{cbor.New()},
	}))
	defer server.Close()
	address := must(server.Listen(ctx, "tls://127.0.0.1:0"))

	reg := sig.New(nil)
	client := must(dial(reg, address, tcp.Options{Certificate: &clientCert, CAs: ca.pool}))
	defer client.Close()
	check(client.WaitConnected(ctx))
	for _, peer := range server.Clients() {
		fmt.Printf("the server sees %s, proved by %s\n", peer.Identity.ID, peer.Identity.Method)
	}

	nobody := must(dial(sig.New(nil), address, tcp.Options{CAs: ca.pool}))
	defer nobody.Close()
	fmt.Println("without a certificate: refused:", nobody.WaitConnected(ctx) != nil)
}

func dial(reg *sig.Registry, address string, opts tcp.Options) (*router.ClientRouter, error) {
	return router.NewClientRouter(reg, []string{address}, &router.ClientOptions{
		Carriers:    over(opts),
		Codecs:      []codec.Codec{cbor.New()},
		MaxAttempts: 1, // instead of trying for ever
	})
}

func over(opts tcp.Options) []carrier.Carrier { return []carrier.Carrier{tcp.New(&opts)} }

func must[T any](v T, err error) T { check(err); return v }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
