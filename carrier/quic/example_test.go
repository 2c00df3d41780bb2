package quic_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/quic"
)

func ExampleNew() {
	set, err := carrier.NewSet(quic.New(nil))
	if err != nil {
		log.Fatal(err)
	}
	_, err = set.Listen(context.Background(), "quic://127.0.0.1:0")
	fmt.Println(err)
	_, err = set.Dial(context.Background(), "quic://127.0.0.1:7441?cart=x.pem")
	fmt.Println(err)
	// Output:
	// listen on quic://127.0.0.1:0: a quic:// listener needs a certificate: give cert=FILE and key=FILE
	// dial quic://127.0.0.1:7441: unknown parameter "cart"; quic:// knows ca, cert, key, server_name
}
