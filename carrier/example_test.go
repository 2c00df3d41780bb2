package carrier_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/carrier/tcp"
)

func Example() {
	ctx := context.Background()
	set, err := carrier.NewSet(tcp.New(nil), mem.New())
	if err != nil {
		log.Fatal(err)
	}
	ln, err := set.Listen(ctx, "tcp://127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer ln.Close()
	client, err := set.Dial(ctx, ln.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	server, err := ln.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	batch := carrier.AppendFrame(nil, []byte("hello"))
	batch = carrier.AppendFrame(batch, []byte("world"))
	if err := client.Send(ctx, batch); err != nil {
		log.Fatal(err)
	}
	received, err := server.Receive(ctx, make([]byte, 4096))
	if err != nil {
		log.Fatal(err)
	}
	for frame := range carrier.Frames(received) {
		fmt.Printf("%s\n", frame)
	}
	// Output:
	// hello
	// world
}

func ExampleNext() {
	batch := carrier.AppendFrame(nil, []byte("abc"))
	fmt.Printf("% x\n", batch)
	frame, rest, err := carrier.Next(batch)
	fmt.Printf("%s, %d bytes left, %v\n", frame, len(rest), err)
	// Output:
	// 00 00 00 03 61 62 63
	// abc, 0 bytes left, <nil>
}

func ExampleNewSet() {
	set, err := carrier.NewSet(mem.New())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(set.Check("tcp://127.0.0.1:7440"))
	// Output:
	// address "tcp://127.0.0.1:7440": unknown scheme "tcp"; known are mem
}
