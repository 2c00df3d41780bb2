package demo

import (
	"context"
	"fmt"
	"slices"

	"github.com/gosig/gosig/cmd/gosig/internal/host"
	"github.com/gosig/gosig/sig"
)

// post is a place for a client: by which carrier and codec it is connected, what
// it measures and emits, and which values of that are printed.
type post struct {
	scheme, codec string
	sender, event sig.Name
	measure       func(*host.Meter) (any, error) // nil: of the serial line, see device
	show          []string
}

// posts are the clients of the demo, one on each carrier. Each of them hears all
// the others. The last one restarts.
var posts = slices.Concat([]post{
	{"tcp", "json", "host/cpu", "usage", func(m *host.Meter) (any, error) { return m.CPU() }, []string{"percent", "cores"}},
	{"tls", "cbor", "host/load", "average", func(m *host.Meter) (any, error) { return m.Load() }, []string{"one", "five", "tasks"}},
	{"unix", "json", "host/memory", "usage", func(m *host.Meter) (any, error) { return m.Memory() }, []string{"used_percent", "total_bytes"}},
	{"quic", "cbor", "host/net", "traffic", func(m *host.Meter) (any, error) { return m.Net() }, []string{"rx_bytes_per_second", "tx_bytes_per_second"}},
	{"dtls", "json", "host/sockets", "in_use", func(m *host.Meter) (any, error) { return m.Sockets() }, []string{"tcp", "udp", "all"}},
	{"ws", "cbor", "host/kernel", "activity", func(m *host.Meter) (any, error) { return m.Kernel() }, []string{"switches_per_second", "forks_per_second"}},
	{"wss", "json", "host/uptime", "time", func(m *host.Meter) (any, error) { return m.Uptime() }, []string{"up_seconds"}},
}, devicePosts, []post{
	{"mem", "cbor", "host/process", "size", func(m *host.Meter) (any, error) { return m.Process() }, []string{"goroutines", "heap_bytes"}},
})

// String is the carrier and the codec.
func (p post) String() string { return p.scheme + " " + p.codec }

// station is a client at its post: a sender, and one who hears all the others.
type station struct {
	*connection
	post
	*ear
	meter   *host.Meter // for events
	asked   *host.Meter // for requests: rates are those since the last one
	sender  *sig.Sender // nil while it has left
	emitted int
}

// newStation connects and listens; its sender comes with join.
func (h *hub) newStation(ctx context.Context, p post, screen *screen) (*station, error) {
	c, err := h.connect(ctx, string(p.sender), p.scheme, p.codec)
	if err != nil {
		return nil, err
	}
	if p.measure == nil {
		p.measure = h.device.measure
	}
	s := &station{connection: c, post: p, ear: newEar(p, screen), meter: host.New(), asked: host.New()}
	if err := s.listen(ctx, c.reg); err != nil {
		s.close()
		return nil, fmt.Errorf("listen by %s: %w", p.scheme, err)
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
		Events: []sig.Name{s.event},
		Requests: map[sig.Name]sig.RequestHandler{
			"now":  func(context.Context, *sig.Request) (any, error) { return s.measure(s.asked) },
			"host": func(context.Context, *sig.Request) (any, error) { return s.asked.Info(), nil },
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
	value, err := s.measure(s.meter)
	if err != nil {
		return err
	}
	if err := s.sender.Emit(s.event, value); err != nil {
		return fmt.Errorf("emit %s %s: %w", s.post.sender, s.event, err)
	}
	s.emitted++
	return nil
}
