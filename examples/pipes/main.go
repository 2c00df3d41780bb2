// Pipes shows a connection over the standard input and output of a child
// process, as with ssh or a plug-in: no port, no socket, and nobody else can get
// in. The program starts itself as the child. With "ssh host program" in place
// of that, the two ends are on two machines.
package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var codecs = []codec.Codec{cbor.New()}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if len(os.Args) > 1 && os.Args[1] == "child" {
		child(ctx)
	} else {
		parent(ctx)
	}
}

// parent is the client. To dial is to start the child: should that die, the
// client dials again, and there is a new one.
func parent(ctx context.Context) {
	pipes := stream.NewCarrier("exec", func(context.Context, *url.URL) (io.ReadWriteCloser, error) {
		cmd := exec.Command(must(os.Executable()), "child")
		cmd.Stderr = os.Stderr
		in, out := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
		return &process{stream.Join(out, in), cmd}, cmd.Start()
	}, nil)
	reg := sig.New(nil)
	client := must(router.NewClientRouter(reg, []string{"exec://child"}, &router.ClientOptions{
		Carriers: []carrier.Carrier{pipes}, Codecs: codecs,
	}))
	check(client.WaitConnected(ctx))
	fmt.Println("two and three are", must(reg.Request(ctx, "child", "add", []int{2, 3})))
	check(client.Close())
	fmt.Println("the child has ended")
}

// process is a stream that ends the child with it.
type process struct {
	io.ReadWriteCloser
	cmd *exec.Cmd
}

// Close closes the child's standard input, at which it ends, and waits for it.
func (p *process) Close() error {
	if err := p.ReadWriteCloser.Close(); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// child is the server. Its standard output belongs to the frames: what it wants
// to say goes to standard error.
func child(ctx context.Context) {
	ctx, end := context.WithCancel(ctx)
	pipes := stream.NewCarrier("stdio", nil, func(_ context.Context, addr *url.URL) (carrier.Listener, error) {
		return stream.One(stream.Join(os.Stdin, os.Stdout), addr.String()), nil
	})
	reg := sig.New(nil)
	must(reg.Connect("child", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"add": add}}))
	server := must(router.NewServerRouter(reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{pipes}, Codecs: codecs,
		OnClient: func(ev router.ClientEvent) {
			if !ev.Open {
				end() // the parent has gone, and there is no other
			}
		},
	}))
	must(server.Listen(ctx, "stdio://parent"))
	<-ctx.Done()
	check(server.Close())
}

func add(_ context.Context, req *sig.Request) (any, error) {
	numbers, err := sig.Data[[]int](req.Data)
	if err != nil {
		return nil, err
	}
	return numbers[0] + numbers[1], nil
}

func must[T any](v T, err error) T { check(err); return v }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
