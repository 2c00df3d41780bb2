package ws_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/ws"
)

func Example() {
	ctx := context.Background()
	set, err := carrier.NewSet(ws.New(nil))
	if err != nil {
		log.Fatal(err)
	}
	ln, err := set.Listen(ctx, "ws://127.0.0.1:0")
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

	if err := client.Send(ctx, carrier.AppendFrame(nil, []byte("hello"))); err != nil {
		log.Fatal(err)
	}
	batch, err := server.Receive(ctx, make([]byte, 4096))
	if err != nil {
		log.Fatal(err)
	}
	for frame := range carrier.Frames(batch) {
		fmt.Printf("%s\n", frame)
	}
	// Output: hello
}

// A Handler is one page among others of an HTTP server, and a listener.
func ExampleHandler() {
	h, err := ws.NewHandler("ws://app.example/signals", &ws.Options{Origins: []string{"https://app.example"}})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	mux := http.NewServeMux()
	mux.Handle("/signals", h)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "a page") })
	server := httptest.NewServer(mux)
	defer server.Close()

	ctx := context.Background()
	set, err := carrier.NewSet(ws.New(nil))
	if err != nil {
		log.Fatal(err)
	}
	client, err := set.Dial(ctx, strings.Replace(server.URL, "http", "ws", 1)+"/signals")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	conn, err := h.Accept(ctx) // usually a router does that: serverRouter.Serve(ctx, h)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println("accepted on", h.Addr())
	// Output: accepted on ws://app.example/signals
}
