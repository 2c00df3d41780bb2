package peer

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// gosig is this project: typed emitters and subscriptions over a router, with
// the default of every option. The codec is raw, since payloads are bytes here.
type gosig struct{}

const (
	responder sig.Name = "bench/responder"
	echo      sig.Name = "echo"
)

// patience bounds everything that comes before the measuring.
const patience = 20 * time.Second

func (gosig) Serve(env Env) (string, io.Closer, error) {
	reg := sig.New(nil)
	opts := &tcp.Options{}
	url := "tcp://127.0.0.1:0"
	if env.Secure() {
		opts.CertFile, opts.KeyFile = env.file(certFile), env.file(keyFile)
		url = "tls://127.0.0.1:0"
	}
	srv, err := router.NewServerRouter(reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{tcp.New(opts)}, Codecs: []codec.Codec{raw.New()},
	})
	if err != nil {
		return "", nil, err
	}
	address, err := srv.Listen(context.Background(), url)
	return address, closer(func() error { return errors.Join(srv.Close(), reg.Close()) }), err
}

// gosigClient is a registry and the router that joins it to the server.
type gosigClient struct {
	reg    *sig.Registry
	router *router.ClientRouter
}

func (c *gosigClient) Close() error { return errors.Join(c.router.Close(), c.reg.Close()) }

func dialGosig(env Env) (*gosigClient, error) {
	opts := &tcp.Options{}
	if env.Secure() {
		opts.CAFile = env.file(certFile)
	}
	reg := sig.New(nil)
	r, err := router.NewClientRouter(reg, []string{env.Address}, &router.ClientOptions{
		Carriers: []carrier.Carrier{tcp.New(opts)}, Codecs: []codec.Codec{raw.New()},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return &gosigClient{reg, r}, r.WaitConnected(ctx)
}

func (gosig) Connect(env Env) (io.Closer, error) { return dialGosig(env) }

// sync waits until the server has taken in what the client has announced.
func (c *gosigClient) sync() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.reg.Sync(ctx)
}

// gosigPublisher emits on several senders' events in turn.
type gosigPublisher struct {
	*gosigClient
	emitters []*sig.Emitter[[]byte]
	next     int
}

func (gosig) Publish(env Env, topics []Topic) (Publisher, error) {
	c, err := dialGosig(env)
	if err != nil {
		return nil, err
	}
	events := make(map[sig.Name][]sig.Name)
	for _, t := range topics {
		events[senderOf(t)] = append(events[senderOf(t)], eventOf(t))
	}
	senders := make(map[sig.Name]*sig.Sender)
	for name, list := range events {
		if senders[name], err = c.reg.Connect(name, sig.Spec{Events: list}); err != nil {
			return nil, err
		}
	}
	p := &gosigPublisher{gosigClient: c}
	for _, t := range topics {
		em, err := sig.NewEmitter[[]byte](senders[senderOf(t)], eventOf(t))
		if err != nil {
			return nil, err
		}
		p.emitters = append(p.emitters, em)
	}
	return p, c.sync()
}

// senderOf and eventOf split what join puts together.
func senderOf(t Topic) sig.Name { sender, _ := splitTopic(t); return sender }
func eventOf(t Topic) sig.Name  { _, event := splitTopic(t); return event }

func splitTopic(t Topic) (sender, event sig.Name) {
	s := t.join("/")
	i := strings.LastIndexByte(s, '/')
	return sig.Name(s[:i]), sig.Name(s[i+1:])
}

func (p *gosigPublisher) Publish(payload []byte, n int) error {
	for range n {
		if err := p.emitters[p.next].Emit(payload); err != nil {
			return err
		}
		if p.next++; p.next == len(p.emitters) {
			p.next = 0
		}
	}
	return nil
}

func (gosig) Subscribe(env Env, topic *Topic, take func([]byte)) (io.Closer, error) {
	c, err := dialGosig(env)
	if err != nil {
		return nil, err
	}
	sender, event := sig.Name("bench/*"), sig.Name("*")
	if topic != nil {
		sender, event = splitTopic(*topic)
	}
	sub, err := sig.Subscribe(c.reg, sender, event, func(ev sig.EventOf[[]byte]) { take(ev.Data) }, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c, sub.InForce(ctx)
}

func (gosig) Respond(env Env) (io.Closer, error) {
	c, err := dialGosig(env)
	if err != nil {
		return nil, err
	}
	answer := func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }
	_, err = c.reg.Connect(responder, sig.Spec{Requests: map[sig.Name]sig.RequestHandler{echo: sig.Handle(answer)}})
	return c, errors.Join(err, c.sync())
}

func (gosig) Request(env Env, callers int) ([]Call, io.Closer, error) {
	c, err := dialGosig(env)
	if err != nil {
		return nil, nil, err
	}
	call := func(ctx context.Context, payload []byte) ([]byte, error) {
		return sig.Call[[]byte](ctx, c.reg, responder, echo, payload)
	}
	return sameCall(callers, call), c, c.sync()
}
