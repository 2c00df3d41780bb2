package peer

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"go.nanomsg.org/mangos/v3"
	"go.nanomsg.org/mangos/v3/protocol/pub"
	"go.nanomsg.org/mangos/v3/protocol/rep"
	"go.nanomsg.org/mangos/v3/protocol/req"
	"go.nanomsg.org/mangos/v3/protocol/sub"
	"go.nanomsg.org/mangos/v3/protocol/xpub"
	"go.nanomsg.org/mangos/v3/protocol/xrep"
	"go.nanomsg.org/mangos/v3/protocol/xreq"
	"go.nanomsg.org/mangos/v3/protocol/xsub"
	_ "go.nanomsg.org/mangos/v3/transport/tcp" // the transport of tcp://
)

// mangosSystem is a pair of mangos devices: publish-subscribe and
// request-reply. Its sockets drop what is over their queues, so those are as
// long as the window. Messages come from its own pool.
type mangosSystem struct{}

// Serve returns four addresses: for publishers, subscribers, callers, responders.
func (mangosSystem) Serve(env Env) (string, io.Closer, error) {
	if env.Secure() {
		return "", nil, ErrNot
	}
	var addresses []string
	var sockets []mangos.Socket
	for _, open := range []func() (mangos.Socket, error){xsub.NewSocket, xpub.NewSocket, xrep.NewSocket, xreq.NewSocket} {
		s, err := open()
		if err != nil {
			return "", nil, err
		}
		setQueues(s, env.Queue)
		l, err := s.NewListener("tcp://127.0.0.1:0", nil)
		if err == nil {
			err = l.Listen()
		}
		if err != nil {
			return "", nil, err
		}
		sockets, addresses = append(sockets, s), append(addresses, l.Address())
	}
	err := errors.Join(mangos.Device(sockets[0], sockets[1]), mangos.Device(sockets[2], sockets[3]))
	shut := closing(func() {
		for _, s := range sockets {
			_ = s.Close() // the process ends
		}
	})
	return strings.Join(addresses, ","), shut, err
}

// setQueues sets those queues that the kind of socket has.
func setQueues(s mangos.Socket, n int) {
	for _, option := range []string{mangos.OptionReadQLen, mangos.OptionWriteQLen} {
		_ = s.SetOption(option, n) // ErrBadOption: it has none
	}
}

// dialMangos connects a socket to one of the server's addresses.
func dialMangos(env Env, which int, open func() (mangos.Socket, error)) (mangos.Socket, error) {
	s, err := open()
	if err != nil {
		return nil, err
	}
	setQueues(s, env.Queue)
	attached := make(chan struct{}, 1) // one socket, one pipe
	s.SetPipeEventHook(func(ev mangos.PipeEvent, _ mangos.Pipe) {
		if ev == mangos.PipeEventAttached {
			attached <- struct{}{}
		}
	})
	if err := s.Dial(strings.Split(env.Address, ",")[which]); err != nil {
		return nil, err
	}
	select {
	case <-attached:
		return s, nil
	case <-time.After(patience):
		return nil, errors.New("no connection")
	}
}

func (mangosSystem) Connect(env Env) (io.Closer, error) { return dialMangos(env, 1, sub.NewSocket) }

type mangosPublisher struct {
	mangos.Socket
	topics []string
	next   int
}

func (mangosSystem) Publish(env Env, topics []Topic) (Publisher, error) {
	s, err := dialMangos(env, 0, pub.NewSocket)
	if err != nil {
		return nil, err
	}
	p := &mangosPublisher{Socket: s}
	for _, t := range topics {
		p.topics = append(p.topics, t.join("."))
	}
	return p, nil
}

func (p *mangosPublisher) Publish(payload []byte, n int) error {
	for range n {
		topic := p.topics[p.next]
		m := mangos.NewMessage(len(topic) + len(payload))
		m.Body = append(append(m.Body, topic...), payload...)
		if err := p.SendMsg(m); err != nil {
			return err
		}
		if p.next++; p.next == len(p.topics) {
			p.next = 0
		}
	}
	return nil
}

func (mangosSystem) Subscribe(env Env, topic *Topic, take func([]byte)) (io.Closer, error) {
	s, err := dialMangos(env, 1, sub.NewSocket)
	if err != nil {
		return nil, err
	}
	prefix := "bench."
	if topic != nil {
		prefix = topic.join(".")
	}
	if err := s.SetOption(mangos.OptionSubscribe, prefix); err != nil {
		return nil, err
	}
	skip := len(Topic{}.join("."))
	go func() { // ends when the socket is closed
		for {
			m, err := s.RecvMsg()
			if err != nil {
				return
			}
			take(m.Body[skip:])
			m.Free()
		}
	}()
	return s, nil
}

// mangosWorkers is how many requests the responder handles at once.
const mangosWorkers = 64

func (mangosSystem) Respond(env Env) (io.Closer, error) {
	s, err := dialMangos(env, 3, rep.NewSocket)
	if err != nil {
		return nil, err
	}
	for range mangosWorkers {
		c, err := s.OpenContext()
		if err != nil {
			return nil, err
		}
		go func() { // ends when the socket is closed
			for {
				m, err := c.RecvMsg()
				if err != nil || c.SendMsg(m) != nil {
					return
				}
			}
		}()
	}
	return s, nil
}

func (mangosSystem) Request(env Env, callers int) ([]Call, io.Closer, error) {
	s, err := dialMangos(env, 2, req.NewSocket)
	if err != nil {
		return nil, nil, err
	}
	var calls []Call
	for range callers {
		c, err := s.OpenContext()
		if err != nil {
			return nil, nil, err
		}
		calls = append(calls, func(_ context.Context, payload []byte) ([]byte, error) {
			if err := c.Send(payload); err != nil {
				return nil, err
			}
			return c.Recv()
		})
	}
	return calls, s, nil
}
