package mem_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
)

func Example() {
	ctx := context.Background()
	set, err := carrier.NewSet(mem.New())
	if err != nil {
		log.Fatal(err)
	}
	ln, err := set.Listen(ctx, "mem://hub")
	if err != nil {
		log.Fatal(err)
	}
	defer ln.Close()
	client, err := set.Dial(ctx, "mem://hub?as=kitchen")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	server, err := ln.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	id, _ := carrier.IdentityOf(server)
	fmt.Println(id.ID, "by", id.Method)
	// Output: kitchen by mem
}
