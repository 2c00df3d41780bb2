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
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// hub is the router in the middle.
type hub struct {
	reg     *sig.Registry
	server  *router.ServerRouter
	clients []carrier.Carrier // for those who connect to it
	addrs   []string          // as one connects to them
	folder  string            // of the unix socket
	log     *slog.Logger
}

func startHub(ctx context.Context) (h *hub, err error) {
	h = &hub{log: slog.New(slog.NewTextHandler(io.Discard, nil))} // the screen tells what happens
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if h.folder, err = os.MkdirTemp("", "gosig-demo-"); err != nil {
		return nil, err
	}
	cert, roots, err := newCertificate()
	if err != nil {
		return nil, err
	}
	network := mem.New()
	h.clients = []carrier.Carrier{network, tcp.New(&tcp.Options{CAs: roots, Logger: h.log})}
	h.reg = sig.New(&sig.Options{Name: "demo"})
	h.server, err = router.NewServerRouter(h.reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{network, tcp.New(&tcp.Options{Certificate: &cert, Logger: h.log})},
		Codecs:   []codec.Codec{cbor.New(), json.New()},
		Name:     "demo", Logger: h.log,
	})
	if err != nil {
		return nil, err
	}
	for _, addr := range []string{
		"tcp://127.0.0.1:0", "unix://" + filepath.ToSlash(filepath.Join(h.folder, "gosig.sock")), "tls://127.0.0.1:0", "mem://demo",
	} {
		real, err := h.server.Listen(ctx, addr)
		if err != nil {
			return nil, err
		}
		h.addrs = append(h.addrs, real)
	}
	return h, nil
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

// connection is one registry that is joined to the hub.
type connection struct {
	reg    *sig.Registry
	client *router.ClientRouter
}

func (h *hub) connect(ctx context.Context, name, scheme, codecName string) (*connection, error) {
	codecs := map[string]codec.Codec{"json": json.New(), "cbor": cbor.New()}
	c := &connection{reg: sig.New(&sig.Options{Name: name})}
	var err error
	c.client, err = router.NewClientRouter(c.reg, []string{h.addr(scheme)}, &router.ClientOptions{
		Carriers: h.clients, Codecs: []codec.Codec{codecs[codecName]}, Name: name, Logger: h.log,
	})
	if err != nil {
		return nil, errors.Join(err, c.reg.Close())
	}
	if err := c.client.WaitConnected(ctx); err != nil {
		c.close()
		return nil, fmt.Errorf("connect %s by %s: %w", name, scheme, err)
	}
	return c, nil
}

// close ends the connection without waiting; safe to call again.
func (c *connection) close() {
	_ = c.client.Close() // the end of a demo has nobody to tell
	_ = c.reg.Close()
}

func (h *hub) close() error {
	if h.server != nil {
		_ = h.server.Close() // as above
	}
	if h.reg != nil {
		_ = h.reg.Close()
	}
	if h.folder == "" {
		return nil
	}
	return os.RemoveAll(h.folder)
}
