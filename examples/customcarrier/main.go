// Customcarrier shows a carrier for a medium of one's own, which is no stream of
// bytes: a directory in which processes leave files for each other. spool.go is the
// carrier, the test runs the suites that it must pass, and here two programs' worth
// of routers meet over it.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	dir := must(os.MkdirTemp("", "spool"))
	defer os.RemoveAll(dir)

	carriers, codecs := []carrier.Carrier{spool{}}, []codec.Codec{json.New()}
	office := sig.New(nil)
	server := must(router.NewServerRouter(office, &router.ServerOptions{Carriers: carriers, Codecs: codecs}))
	defer server.Close()
	address := must(server.Listen(ctx, "spool://"+filepath.ToSlash(dir)))

	workshop := sig.New(nil)
	client := must(router.NewClientRouter(workshop, []string{address}, &router.ClientOptions{Carriers: carriers, Codecs: codecs}))
	defer client.Close()
	check(client.WaitConnected(ctx))

	got := make(chan struct{}) // closed when the event has come
	sub := must(sig.Subscribe(office, "lathe", "done", func(ev sig.EventOf[int]) {
		fmt.Printf("%s %s: %d pieces\n", ev.Sender, ev.Name, ev.Data)
		close(got)
	}, nil))
	check(sub.InForce(ctx))
	lathe := must(workshop.Connect("lathe", sig.Spec{Events: []sig.Name{"done"}, Requests: map[sig.Name]sig.RequestHandler{
		"status": func(context.Context, *sig.Request) (any, error) { return "idle", nil },
	}}))
	check(lathe.Emit("done", 12))
	<-got
	fmt.Println("status:", must(office.Request(ctx, "lathe", "status", nil)))
}

func must[T any](v T, err error) T { check(err); return v }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
