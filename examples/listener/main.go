// Listener shows a router on a net.Listener of one's own: here one that counts
// the bytes and turns away more than two at a time. Whatever wraps a
// net.Listener, such as a limiter, a proxy protocol or a VPN, is used like this.
package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// counting is a net.Listener.
type counting struct {
	net.Listener
	bytes, conns, refused atomic.Int64
}

func (l *counting) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.conns.Add(1) <= 2 {
			return &counted{Conn: c, l: l}, nil
		}
		l.conns.Add(-1)
		l.refused.Add(1)
		c.Close()
	}
}

type counted struct {
	net.Conn
	l      *counting
	closed atomic.Bool
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.l.bytes.Add(int64(n))
	return n, err
}

func (c *counted) Close() error {
	if !c.closed.Swap(true) {
		c.l.conns.Add(-1)
	}
	return c.Conn.Close()
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ln := &counting{Listener: must(net.Listen("tcp", "127.0.0.1:0"))}

	// The two lines that make a carrier of it.
	mine := stream.NewCarrier("mine", nil, func(context.Context, *url.URL) (carrier.Listener, error) {
		return stream.NewListener(ln, &stream.ListenerOptions{Addr: "tcp://" + ln.Listener.Addr().String()}), nil
	})

	codecs := []codec.Codec{cbor.New()}
	reg := sig.New(nil)
	server := must(router.NewServerRouter(reg, &router.ServerOptions{Carriers: []carrier.Carrier{mine}, Codecs: codecs}))
	address := must(server.Listen(ctx, "mine://here"))

	got := make(chan string, 2) // one event of each of two clients
	must(sig.Subscribe(reg, sig.Any, "hello", func(ev sig.Event) { got <- string(ev.Sender) }, nil))
	for _, name := range []sig.Name{"kitchen", "hall"} {
		peer := sig.New(nil)
		client := must(router.NewClientRouter(peer, []string{address}, dialling(codecs)))
		defer client.Close()
		check(client.WaitConnected(ctx))
		check(must(peer.Connect(name, sig.Spec{Events: []sig.Name{"hello"}})).Emit("hello", nil))
		fmt.Println("hello from", <-got)
	}

	// A third is one too many.
	refused := make(chan struct{}, 1) // the first failure is enough
	opts := dialling(codecs)
	opts.OnState = func(st router.State) {
		if st.Err != nil {
			select {
			case refused <- struct{}{}:
			default:
			}
		}
	}
	third := must(router.NewClientRouter(sig.New(nil), []string{address}, opts))
	<-refused
	check(third.Close())
	fmt.Println("third turned away:", ln.refused.Load() > 0)
	check(server.Close())
	fmt.Println("bytes counted:", ln.bytes.Load() > 0)
}

func dialling(codecs []codec.Codec) *router.ClientOptions {
	return &router.ClientOptions{Carriers: []carrier.Carrier{tcp.New(nil)}, Codecs: codecs}
}

func must[T any](v T, err error) T { check(err); return v }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
