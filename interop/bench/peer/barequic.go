package peer

import (
	"context"
	"net"
	"time"

	"github.com/quic-go/quic-go"
)

// bareQUIC is one bidirectional stream of quic-go, which the client opens with
// its first byte, as a net.Conn. Nothing is set but what keeps an idle
// connection alive.
type bareQUIC struct {
	*quic.Stream // nil on the server's side before the first Read
	conn         *quic.Conn
}

const bareALPN = "bench"

func bareConfig() *quic.Config { return &quic.Config{KeepAlivePeriod: 10 * time.Second} }

// quicListener accepts connections, each for its one stream.
type quicListener struct{ *quic.Listener }

func listenQUIC(env Env) (net.Listener, error) {
	config, err := env.serverTLS()
	if err != nil {
		return nil, err
	}
	config.NextProtos = []string{bareALPN}
	ln, err := quic.ListenAddr("127.0.0.1:0", config, bareConfig())
	if err != nil {
		return nil, err
	}
	return quicListener{ln}, nil
}

func (l quicListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept(context.Background())
	if err != nil {
		return nil, err
	}
	return &bareQUIC{conn: conn}, nil
}

func dialQUIC(env Env) (net.Conn, error) {
	config, err := env.clientTLS()
	if err != nil {
		return nil, err
	}
	config.NextProtos = []string{bareALPN}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := quic.DialAddr(ctx, env.Address, config, bareConfig())
	if err != nil {
		return nil, err
	}
	s, err := conn.OpenStream()
	return &bareQUIC{s, conn}, err
}

// Read waits for the stream first.
func (c *bareQUIC) Read(p []byte) (int, error) {
	if c.Stream == nil {
		s, err := c.conn.AcceptStream(c.conn.Context())
		if err != nil {
			return 0, err
		}
		c.Stream = s
	}
	return c.Stream.Read(p)
}

// Close ends the whole connection.
func (c *bareQUIC) Close() error         { return c.conn.CloseWithError(0, "") }
func (c *bareQUIC) LocalAddr() net.Addr  { return c.conn.LocalAddr() }
func (c *bareQUIC) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }
