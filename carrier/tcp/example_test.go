package tcp_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
)

func ExampleNew() {
	set, err := carrier.NewSet(tcp.New(nil))
	if err != nil {
		log.Fatal(err)
	}
	_, err = set.Listen(context.Background(), "tls://127.0.0.1:0")
	fmt.Println(err)
	_, err = set.Dial(context.Background(), "tls://127.0.0.1:7441?cart=x.pem")
	fmt.Println(err)
	// Output:
	// listen on tls://127.0.0.1:0: a tls:// listener needs a certificate: give cert=FILE and key=FILE
	// dial tls://127.0.0.1:7441: unknown parameter "cart"; tls:// knows ca, cert, key, server_name, min_tls
}
