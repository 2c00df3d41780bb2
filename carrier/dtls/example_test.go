package dtls_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/dtls"
)

func ExampleNew() {
	ctx := context.Background()
	key := []byte("from the configuration, secretly")
	set, err := carrier.NewSet(dtls.New(&dtls.Options{PSKs: map[string][]byte{"press-1": key}}))
	if err != nil {
		log.Fatal(err)
	}
	ln, err := set.Listen(ctx, "dtls://127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer ln.Close()
	device, err := set.Dial(ctx, ln.Addr()+"?psk_identity=press-1")
	if err != nil {
		log.Fatal(err)
	}
	defer device.Close()
	router, err := ln.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer router.Close()

	err = device.Send(ctx, carrier.AppendFrame(nil, []byte("21.5 degrees")))
	if err != nil {
		log.Fatal(err)
	}
	batch, err := router.Receive(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	id, _ := carrier.IdentityOf(router)
	for frame := range carrier.Frames(batch) {
		fmt.Printf("%s says %s\n", id.ID, frame)
	}
	// Output: press-1 says 21.5 degrees
}
