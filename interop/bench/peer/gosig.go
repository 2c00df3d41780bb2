package peer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/quic"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// gosig is this project: typed emitters and subscriptions over a router, with
// the default of every option. The codec is raw, since payloads are bytes here.
type gosig struct {
	tcp   bool // whatever the environment says
	rules bool // the server is under a policy of 1,000 rules
}

const (
	responder sig.Name = "bench/responder"
	echo      sig.Name = "echo"
)

// patience bounds everything that comes before the measuring.
const patience = 20 * time.Second

func (g gosig) Serve(env Env) (string, io.Closer, error) {
	reg := sig.New(nil)
	c, scheme := g.carrier(env, true)
	opts := &router.ServerOptions{Carriers: []carrier.Carrier{c}, Codecs: []codec.Codec{raw.New()}, Logger: warnings()}
	if g.rules {
		policy, err := thousandRules().Compile()
		if err != nil {
			return "", nil, err
		}
		opts.Access.Authorizer = policy
	}
	srv, err := router.NewServerRouter(reg, opts)
	if err != nil {
		return "", nil, err
	}
	address, err := srv.Listen(context.Background(), scheme+"://127.0.0.1:0")
	return address, closer(func() error { return errors.Join(srv.Close(), reg.Close()) }), err
}

// carrier returns what the environment asks for, for one side, and its scheme.
func (g gosig) carrier(env Env, server bool) (c carrier.Carrier, scheme string) {
	var cert, key, ca string
	switch {
	case env.Secure() && server:
		cert, key = env.file(certFile), env.file(keyFile)
	case env.Secure():
		ca = env.file(certFile)
	}
	switch {
	case g.tcp, env.Carrier == "":
		if scheme = "tcp"; env.Secure() {
			scheme = "tls"
		}
		return tcp.New(&tcp.Options{CertFile: cert, KeyFile: key, CAFile: ca}), scheme
	case env.Carrier == OverQUIC:
		c = quic.New(&quic.Options{CertFile: cert, KeyFile: key, CAFile: ca})
	case env.Carrier == OverDTLS:
		c = dtls.New(&dtls.Options{PSKs: map[string][]byte{pskIdentity: psk}})
	case env.Carrier == OverWS:
		c = ws.New(nil)
	}
	return c, env.Carrier
}

// gosigClient is a registry and the router that joins it to the server.
type gosigClient struct {
	reg     *sig.Registry
	router  *router.ClientRouter
	senders []*sig.Sender
}

// Close disconnects the senders and says goodbye: the next client may use their
// names when it returns.
func (c *gosigClient) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	for _, s := range c.senders {
		_ = s.Disconnect("") // it may have been disconnected by the server
	}
	return errors.Join(c.router.Shutdown(ctx), c.reg.Close())
}

const partingTime = 2 * time.Second

// warnings is a logger for what a user would want to know: connections that
// come and go are the benchmark itself.
func warnings() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// dial joins a registry to the server. What prepare has connected and subscribed
// is in force there when it returns.
func (g gosig) dial(env Env, prepare func(*gosigClient) error) (*gosigClient, error) {
	medium, _ := g.carrier(env, false)
	c := &gosigClient{reg: sig.New(nil)}
	if err := prepare(c); err != nil {
		return nil, err
	}
	var err error
	c.router, err = router.NewClientRouter(c.reg, []string{env.Address}, &router.ClientOptions{
		Carriers: []carrier.Carrier{medium}, Codecs: []codec.Codec{raw.New()}, Logger: warnings(),
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c, c.router.WaitConnected(ctx)
}

// asItIs prepares nothing.
func asItIs(*gosigClient) error { return nil }

// connect connects a sender.
func (c *gosigClient) connect(name sig.Name, spec sig.Spec) (*sig.Sender, error) {
	s, err := c.reg.Connect(name, spec)
	if err == nil {
		c.senders = append(c.senders, s)
	}
	return s, err
}

func (g gosig) Connect(env Env) (io.Closer, error) { return g.dial(env, asItIs) }

// gosigPublisher emits on several senders' events in turn.
type gosigPublisher struct {
	*gosigClient
	emitters []*sig.Emitter[[]byte]
	next     int
}

func (g gosig) Publish(env Env, topics []Topic) (Publisher, error) {
	p := &gosigPublisher{}
	var err error
	p.gosigClient, err = g.dial(env, func(c *gosigClient) error { return p.prepare(c, topics) })
	return p, err
}

// prepare makes an emitter for each topic.
func (p *gosigPublisher) prepare(c *gosigClient, topics []Topic) error {
	events := make(map[sig.Name][]sig.Name)
	for _, t := range topics {
		events[senderOf(t)] = append(events[senderOf(t)], eventOf(t))
	}
	senders := make(map[sig.Name]*sig.Sender)
	for name, list := range events {
		s, err := c.connect(name, sig.Spec{Events: list})
		if err != nil {
			return err
		}
		senders[name] = s
	}
	for _, t := range topics {
		em, err := sig.NewEmitter[[]byte](senders[senderOf(t)], eventOf(t))
		if err != nil {
			return err
		}
		p.emitters = append(p.emitters, em)
	}
	return nil
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

func (g gosig) Subscribe(env Env, topic *Topic, take func([]byte)) (io.Closer, error) {
	sender, event := sig.Name("bench/*"), sig.Name("*")
	if topic != nil {
		sender, event = splitTopic(*topic)
	}
	// Whoever counts notices what is lost; no warning is needed.
	opts := &sig.SubscribeOptions{OnLost: func(sig.Lost) {}}
	return g.dial(env, func(c *gosigClient) error {
		_, err := sig.Subscribe(c.reg, sender, event, func(ev sig.EventOf[[]byte]) { take(ev.Data) }, opts)
		return err
	})
}

func (g gosig) Respond(env Env) (io.Closer, error) {
	answer := func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }
	return g.dial(env, func(c *gosigClient) error {
		_, err := c.connect(responder, sig.Spec{Requests: map[sig.Name]sig.RequestHandler{echo: sig.Handle(answer)}})
		return err
	})
}

func (g gosig) Request(env Env, callers int) ([]Call, io.Closer, error) {
	c, err := g.dial(env, asItIs)
	if err != nil {
		return nil, nil, err
	}
	call := func(ctx context.Context, payload []byte) ([]byte, error) {
		return sig.Call[[]byte](ctx, c.reg, responder, echo, payload)
	}
	return sameCall(callers, call), c, nil
}
