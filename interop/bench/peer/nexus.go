package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strconv"

	"github.com/gammazero/nexus/v3/client"
	nexusrouter "github.com/gammazero/nexus/v3/router"
	"github.com/gammazero/nexus/v3/transport/serialize"
	"github.com/gammazero/nexus/v3/wamp"
)

// nexus is the WAMP router of that name with its client, over raw sockets with
// msgpack, which is its fastest combination. The router drops what is over its
// queue of a client, so that is as long as the window.
type nexus struct{}

const nexusRealm = "bench"

var silent = log.New(io.Discard, "", 0)

func (nexus) Serve(env Env) (string, io.Closer, error) {
	r, err := nexusrouter.NewRouter(&nexusrouter.Config{
		RealmConfigs: []*nexusrouter.RealmConfig{{URI: nexusRealm, AnonymousAuth: true}},
	}, silent)
	if err != nil {
		return "", nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return "", nil, err
	}
	rs := nexusrouter.NewRawSocketServer(r)
	rs.OutQueueSize = env.Queue
	tls, err := env.serverTLS()
	if err != nil {
		return "", nil, err
	}
	var l io.Closer
	if tls != nil {
		l, err = rs.ListenAndServeTLS("tcp", address, tls, "", "")
	} else {
		l, err = rs.ListenAndServe("tcp", address)
	}
	return address, closer(func() error { r.Close(); return l.Close() }), err
}

// freeAddress finds a port for a server that cannot tell which one it was given.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(l.Addr().(*net.TCPAddr).Port)), nil
}

func dialNexus(env Env) (*client.Client, error) {
	tls, err := env.clientTLS()
	if err != nil {
		return nil, err
	}
	url := "tcp://" + env.Address + "/"
	if tls != nil {
		url = "tcps://" + env.Address + "/"
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return client.ConnectNet(ctx, url, client.Config{
		Realm: nexusRealm, Serialization: serialize.MSGPACK, TlsCfg: tls, Logger: silent, ResponseTimeout: patience,
	})
}

func (nexus) Connect(env Env) (io.Closer, error) { return dialNexus(env) }

type nexusPublisher struct {
	*client.Client
	topics []string
	next   int
}

func (nexus) Publish(env Env, topics []Topic) (Publisher, error) {
	c, err := dialNexus(env)
	if err != nil {
		return nil, err
	}
	p := &nexusPublisher{Client: c}
	for _, t := range topics {
		p.topics = append(p.topics, t.join("."))
	}
	return p, nil
}

func (p *nexusPublisher) Publish(payload []byte, n int) error {
	for range n {
		if err := p.Client.Publish(p.topics[p.next], nil, wamp.List{payload}, nil); err != nil {
			return err
		}
		if p.next++; p.next == len(p.topics) {
			p.next = 0
		}
	}
	return nil
}

func (nexus) Subscribe(env Env, topic *Topic, take func([]byte)) (io.Closer, error) {
	c, err := dialNexus(env)
	if err != nil {
		return nil, err
	}
	on := func(ev *wamp.Event) {
		if payload, ok := ev.Arguments[0].([]byte); ok {
			take(payload)
		}
	}
	if topic != nil {
		return c, c.Subscribe(topic.join("."), on, nil)
	}
	return c, c.Subscribe("bench.", on, wamp.Dict{wamp.OptMatch: wamp.MatchPrefix})
}

const nexusEcho = "echo.bench"

func (nexus) Respond(env Env) (io.Closer, error) {
	c, err := dialNexus(env)
	if err != nil {
		return nil, err
	}
	return c, c.Register(nexusEcho, func(_ context.Context, inv *wamp.Invocation) client.InvokeResult {
		return client.InvokeResult{Args: inv.Arguments}
	}, nil)
}

func (nexus) Request(env Env, callers int) ([]Call, io.Closer, error) {
	c, err := dialNexus(env)
	if err != nil {
		return nil, nil, err
	}
	call := func(ctx context.Context, payload []byte) ([]byte, error) {
		res, err := c.Call(ctx, nexusEcho, nil, wamp.List{payload}, nil, nil)
		if err != nil {
			return nil, err
		}
		if len(res.Arguments) != 1 {
			return nil, errors.New("an answer without argument")
		}
		answer, ok := res.Arguments[0].([]byte)
		if !ok {
			return nil, fmt.Errorf("an answer of type %T", res.Arguments[0])
		}
		return answer, nil
	}
	return sameCall(callers, call), c, nil
}
