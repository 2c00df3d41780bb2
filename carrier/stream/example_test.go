package stream_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
)

func Example() {
	x, y := net.Pipe() // any io.ReadWriteCloser would do
	near, far := stream.New(x, nil), stream.New(y, nil)
	defer near.Close()
	defer far.Close()
	go func() { // ends when the other side has received
		if err := near.Send(context.Background(), carrier.AppendFrame(nil, []byte("over any stream"))); err != nil {
			log.Print(err)
		}
	}()
	batch, err := far.Receive(context.Background(), make([]byte, 512))
	if err != nil {
		log.Fatal(err)
	}
	for frame := range carrier.Frames(batch) {
		fmt.Printf("%s\n", frame)
	}
	// Output: over any stream
}
