package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/carrier/quic"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// hub is the router in the middle, which listens on every carrier.
type hub struct {
	reg     *sig.Registry
	server  *router.ServerRouter
	clients []carrier.Carrier // for those who connect to it
	addrs   []string          // as one connects to them
	secrets *secrets
	device  *device // on the serial line; nil: there is none
	log     *slog.Logger
}

func startHub(ctx context.Context) (h *hub, err error) {
	h = &hub{log: slog.New(slog.NewTextHandler(io.Discard, nil))} // the screen tells what happens
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if h.secrets, err = newSecrets(); err != nil {
		return nil, err
	}
	network := mem.New()
	s := h.secrets
	if len(devicePosts) > 0 {
		if h.device, err = newDevice(s.folder); err != nil {
			return nil, fmt.Errorf("carrier serial: %w", err)
		}
	}
	h.clients = []carrier.Carrier{
		tcp.New(&tcp.Options{CAs: s.roots, Logger: h.log}),
		quic.New(&quic.Options{CAs: s.roots, Logger: h.log}),
		dtls.New(&dtls.Options{PSKs: s.keys, PSKIdentity: demoIdentity, Logger: h.log}),
		ws.New(&ws.Options{CAs: s.roots, Logger: h.log}),
		serial.New(&serial.Options{Logger: h.log}),
		network,
	}
	h.reg = sig.New(&sig.Options{Name: "demo"})
	h.server, err = router.NewServerRouter(h.reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{
			tcp.New(&tcp.Options{Certificate: &s.cert, Logger: h.log}),
			quic.New(&quic.Options{Certificate: &s.cert, Logger: h.log}),
			dtls.New(&dtls.Options{PSKs: s.keys, Logger: h.log}),
			ws.New(&ws.Options{Certificate: &s.cert, Logger: h.log}),
			serial.New(&serial.Options{Logger: h.log}),
			network,
		},
		Codecs: []codec.Codec{cbor.New(), json.New()},
		Name:   "demo", Logger: h.log,
	})
	if err != nil {
		return nil, err
	}
	return h, h.listen(ctx)
}

// listen opens a listener for each post.
func (h *hub) listen(ctx context.Context) error {
	for _, p := range posts {
		addr := p.scheme + "://127.0.0.1:0"
		switch p.scheme {
		case "unix":
			addr = "unix://" + filepath.ToSlash(filepath.Join(h.secrets.folder, "gosig.sock"))
		case "mem":
			addr = "mem://demo"
		case "serial":
			addr = h.device.routerAddr()
		}
		real, err := h.server.Listen(ctx, addr)
		if err != nil {
			return fmt.Errorf("carrier %s: %w", p.scheme, err)
		}
		h.addrs = append(h.addrs, real)
	}
	return nil
}

// addr is where the router listens with that scheme.
func (h *hub) addr(scheme string) string {
	for _, a := range h.addrs {
		if strings.HasPrefix(a, scheme+"://") {
			return a
		}
	}
	return ""
}

// dialAddr is what a client with that scheme connects to: the router, or the
// device's end of the line to it.
func (h *hub) dialAddr(scheme string) string {
	if scheme == "serial" {
		return h.device.addr()
	}
	return h.addr(scheme)
}

// protects is what a carrier says of its scheme.
func (h *hub) protects(scheme string) string {
	for _, c := range h.clients {
		for _, info := range carrier.Describe(c) {
			if info.Scheme == scheme {
				return info.Protects
			}
		}
	}
	return ""
}

// connection is one registry that is joined to the hub. The first failure of its
// carrier is kept.
type connection struct {
	reg    *sig.Registry
	client *router.ClientRouter
	scheme string
	intact context.Context // ends, with its cause, when the connection fails
	fail   context.CancelCauseFunc
}

func (h *hub) connect(ctx context.Context, name, scheme, codecName string) (*connection, error) {
	codecs := map[string]codec.Codec{"json": json.New(), "cbor": cbor.New()}
	c := &connection{reg: sig.New(&sig.Options{Name: name}), scheme: scheme}
	c.intact, c.fail = context.WithCancelCause(context.Background())
	var err error
	c.client, err = router.NewClientRouter(c.reg, []string{h.dialAddr(scheme)}, &router.ClientOptions{
		Carriers: h.clients, Codecs: []codec.Codec{codecs[codecName]}, Name: name, Logger: h.log, OnState: c.state,
	})
	if err != nil {
		c.fail(err)
		return nil, errors.Join(err, c.reg.Close())
	}
	waiting, stop := context.WithCancel(ctx)
	defer context.AfterFunc(c.intact, stop)()
	defer stop()
	if err = c.client.WaitConnected(waiting); err == nil {
		return c, nil
	}
	err = errors.Join(c.failure(), ctx.Err(), err)
	c.close()
	return nil, fmt.Errorf("connect %s by %s: %w", name, scheme, err)
}

// state notes a connection that cannot be made, or was lost.
func (c *connection) state(s router.State) {
	if s.Phase == router.Connecting && s.Err != nil {
		c.fail(s.Err)
	}
}

// failure is why the carrier has failed; nil if it has not.
func (c *connection) failure() error {
	if c.intact.Err() == nil {
		return nil
	}
	return fmt.Errorf("carrier %s: %w", c.scheme, context.Cause(c.intact))
}

// close ends the connection without waiting; safe to call again.
func (c *connection) close() {
	_ = c.client.Close() // the end of a demo has nobody to tell
	_ = c.reg.Close()
	c.fail(nil)
}

func (h *hub) close() error {
	if h.server != nil {
		_ = h.server.Close() // as above
	}
	if h.reg != nil {
		_ = h.reg.Close()
	}
	if h.device != nil {
		_ = h.device.line.Close() // as above
	}
	if h.secrets == nil {
		return nil
	}
	return os.RemoveAll(h.secrets.folder)
}
