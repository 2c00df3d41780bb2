package peer

import (
	"context"
	"errors"
	"io"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// natsSystem is nats-server with nats.go: asynchronous publishing, a callback
// that is never told off as a slow consumer, replies on the client's shared
// inbox.
type natsSystem struct{}

func (natsSystem) Serve(env Env) (string, io.Closer, error) {
	tls, err := env.serverTLS()
	if err != nil {
		return "", nil, err
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		TLS: tls != nil, TLSConfig: tls, TLSTimeout: patience.Seconds(),
	})
	if err != nil {
		return "", nil, err
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		return "", nil, errors.New("nats-server is not ready")
	}
	return s.Addr().String(), closing(s.Shutdown), nil
}

func dialNATS(env Env) (*nats.Conn, error) {
	tls, err := env.clientTLS()
	if err != nil {
		return nil, err
	}
	opts := []nats.Option{nats.Timeout(patience)}
	if tls != nil {
		opts = append(opts, nats.Secure(tls))
	}
	return nats.Connect("nats://"+env.Address, opts...)
}

func (natsSystem) Connect(env Env) (io.Closer, error) {
	nc, err := dialNATS(env)
	if err != nil {
		return nil, err
	}
	return closing(nc.Close), nil
}

type natsPublisher struct {
	io.Closer
	nc       *nats.Conn
	subjects []string
	next     int
}

func (natsSystem) Publish(env Env, topics []Topic) (Publisher, error) {
	nc, err := dialNATS(env)
	if err != nil {
		return nil, err
	}
	p := &natsPublisher{Closer: closing(nc.Close), nc: nc}
	for _, t := range topics {
		p.subjects = append(p.subjects, t.join("."))
	}
	return p, nil
}

func (p *natsPublisher) Publish(payload []byte, n int) error {
	for range n {
		if err := p.nc.Publish(p.subjects[p.next], payload); err != nil {
			return err
		}
		if p.next++; p.next == len(p.subjects) {
			p.next = 0
		}
	}
	return nil
}

func (natsSystem) Subscribe(env Env, topic *Topic, take func([]byte)) (io.Closer, error) {
	nc, err := dialNATS(env)
	if err != nil {
		return nil, err
	}
	subject := "bench.*.*"
	if topic != nil {
		subject = topic.join(".")
	}
	sub, err := nc.Subscribe(subject, func(m *nats.Msg) { take(m.Data) })
	if err != nil {
		return nil, err
	}
	return closing(nc.Close), errors.Join(sub.SetPendingLimits(-1, -1), nc.Flush())
}

const natsEcho = "bench.echo"

func (natsSystem) Respond(env Env) (io.Closer, error) {
	nc, err := dialNATS(env)
	if err != nil {
		return nil, err
	}
	_, err = nc.Subscribe(natsEcho, func(m *nats.Msg) {
		_ = m.Respond(m.Data) // a lost answer fails the caller
	})
	return closing(nc.Close), errors.Join(err, nc.Flush())
}

func (natsSystem) Request(env Env, callers int) ([]Call, io.Closer, error) {
	nc, err := dialNATS(env)
	if err != nil {
		return nil, nil, err
	}
	call := func(ctx context.Context, payload []byte) ([]byte, error) {
		m, err := nc.RequestWithContext(ctx, natsEcho, payload)
		if err != nil {
			return nil, err
		}
		return m.Data, nil
	}
	return sameCall(callers, call), closing(nc.Close), nil
}
