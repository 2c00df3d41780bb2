package peer

import (
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	paho "github.com/eclipse/paho.mqtt.golang"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// mochi is the mochi-mqtt broker with paho as its client, at QoS 0. The broker
// drops what is over its queue of a client, so that is as long as the window,
// and gathers writes into 64 KiB.
type mochi struct{}

func (mochi) Serve(env Env) (string, io.Closer, error) {
	tls, err := env.serverTLS()
	if err != nil {
		return "", nil, err
	}
	caps := mqtt.NewDefaultServerCapabilities()
	caps.MaximumClientWritesPending = int32(env.Queue)
	s := mqtt.New(&mqtt.Options{
		Capabilities: caps, Logger: slog.New(slog.DiscardHandler),
		ClientNetWriteBufferSize: 64 << 10, ClientNetReadBufferSize: 64 << 10,
	})
	l := listeners.NewTCP(listeners.Config{ID: "bench", Address: "127.0.0.1:0", TLSConfig: tls})
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		return "", nil, err
	}
	if err := s.AddListener(l); err != nil {
		return "", nil, err
	}
	return l.Address(), s, s.Serve()
}

var pahoClients atomic.Int64

func dialPaho(env Env) (paho.Client, error) {
	tls, err := env.clientTLS()
	if err != nil {
		return nil, err
	}
	url := "tcp://" + env.Address
	if tls != nil {
		url = "tls://" + env.Address
	}
	c := paho.NewClient(paho.NewClientOptions().AddBroker(url).SetTLSConfig(tls).
		SetClientID(fmt.Sprintf("bench%d", pahoClients.Add(1))).SetAutoReconnect(false))
	return c, pahoDone(c.Connect())
}

func pahoDone(t paho.Token) error {
	if !t.WaitTimeout(patience) {
		return fmt.Errorf("the broker does not answer")
	}
	return t.Error()
}

func pahoCloser(c paho.Client) io.Closer { return closing(func() { c.Disconnect(0) }) }

func (mochi) Connect(env Env) (io.Closer, error) {
	c, err := dialPaho(env)
	return pahoCloser(c), err
}

type pahoPublisher struct {
	io.Closer
	client paho.Client
	topics []string
	next   int
}

func (mochi) Publish(env Env, topics []Topic) (Publisher, error) {
	c, err := dialPaho(env)
	if err != nil {
		return nil, err
	}
	p := &pahoPublisher{Closer: pahoCloser(c), client: c}
	for _, t := range topics {
		p.topics = append(p.topics, t.join("/"))
	}
	return p, nil
}

// Publish does not wait for the tokens: at QoS 0 they say only that the message
// was written.
func (p *pahoPublisher) Publish(payload []byte, n int) error {
	for range n {
		p.client.Publish(p.topics[p.next], 0, false, payload)
		if p.next++; p.next == len(p.topics) {
			p.next = 0
		}
	}
	return nil
}

func (mochi) Subscribe(env Env, topic *Topic, take func([]byte)) (io.Closer, error) {
	c, err := dialPaho(env)
	if err != nil {
		return nil, err
	}
	filter := "bench/+/+"
	if topic != nil {
		filter = topic.join("/")
	}
	on := func(_ paho.Client, m paho.Message) { take(m.Payload()) }
	return pahoCloser(c), pahoDone(c.Subscribe(filter, 0, on))
}

func (mochi) Respond(Env) (io.Closer, error)              { return nil, ErrNot }
func (mochi) Request(Env, int) ([]Call, io.Closer, error) { return nil, nil, ErrNot }
