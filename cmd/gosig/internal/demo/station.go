package demo

import (
	"context"
	"fmt"

	"github.com/gosig/gosig/cmd/gosig/internal/host"
	"github.com/gosig/gosig/sig"
)

// post is a place for a sender: what it measures, and by which carrier and
// codec it tells.
type post struct {
	sender  sig.Name
	event   sig.Name
	scheme  string
	codec   string
	measure func(*host.Meter) (any, error)
}

// posts are the senders of the demo. The last one restarts now and then.
var posts = []post{
	{"host/cpu", "usage", "tcp", "json", func(m *host.Meter) (any, error) { return m.CPU() }},
	{"host/memory", "usage", "unix", "cbor", func(m *host.Meter) (any, error) { return m.Memory() }},
	{"host/load", "average", "tls", "json", func(m *host.Meter) (any, error) { return m.Load() }},
	{"host/net", "counters", "mem", "cbor", func(m *host.Meter) (any, error) { return m.Net() }},
}

// station is a sender at its post, on a connection of its own.
type station struct {
	*connection
	post    post
	meter   *host.Meter
	sender  *sig.Sender // nil while it has left
	emitted int
}

func (h *hub) post(ctx context.Context, p post) (*station, error) {
	c, err := h.connect(ctx, string(p.sender), p.scheme, p.codec)
	if err != nil {
		return nil, err
	}
	s := &station{connection: c, post: p, meter: host.New()}
	if err := s.join(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// join connects the sender, and waits until the router knows it and has said
// who listens.
func (s *station) join(ctx context.Context) (err error) {
	if s.sender != nil {
		return nil
	}
	s.sender, err = s.reg.Connect(s.post.sender, sig.Spec{
		Events: []sig.Name{s.post.event},
		Requests: map[sig.Name]sig.RequestHandler{
			"now":  func(context.Context, *sig.Request) (any, error) { return s.post.measure(s.meter) },
			"host": func(context.Context, *sig.Request) (any, error) { return s.meter.Info(), nil },
		},
	})
	if err != nil {
		return fmt.Errorf("connect %s: %w", s.post.sender, err)
	}
	return s.reg.Sync(ctx)
}

func (s *station) leave(reason string) error {
	if s.sender == nil {
		return nil
	}
	err := s.sender.Disconnect(reason)
	s.sender = nil
	return err
}

// emit measures and tells.
func (s *station) emit() error {
	if s.sender == nil {
		return nil
	}
	value, err := s.post.measure(s.meter)
	if err != nil {
		return err
	}
	if err := s.sender.Emit(s.post.event, value); err != nil {
		return fmt.Errorf("emit %s %s: %w", s.post.sender, s.post.event, err)
	}
	s.emitted++
	return nil
}

// shutdown leaves when everything has been sent.
func (s *station) shutdown(ctx context.Context) error {
	if err := s.leave("the demo ends"); err != nil {
		return err
	}
	if err := s.reg.Sync(ctx); err != nil {
		return err
	}
	return s.client.Shutdown(ctx)
}
