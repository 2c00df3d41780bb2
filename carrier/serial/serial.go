// Package serial carries frames over serial lines: serial://.
//
//	c := serial.New(nil)
//	set, err := carrier.NewSet(c)
//	ln, err := set.Listen(ctx, "serial:///dev/ttyUSB*?baud=115200")
//	conn, err := set.Dial(ctx, "serial:///dev/ttyS0?baud=115200")
//
// # Addresses
//
//	serial:///dev/ttyUSB0?baud=115200&parity=none&stop=1
//	serial:///dev/serial/by-id/*?baud=921600&mtu=120&window=4
//	serial:///COM3?baud=115200
//
// A listener takes the path of one port, or a pattern as [filepath.Match] knows
// them: then it opens every port of such a name, those that come later as well,
// and any number of them at once. A path without wildcards must be there when
// listening begins. A parameter of an address wins over the same one of [Options].
//
// # What a connection is
//
// Package link makes the line reliable; docs/serial-link.md specifies it. A
// connection is one session of the link, which begins when the two ends have found
// each other and ends when one of them closes, restarts, or is not heard of any
// more. A listener keeps its ports open and hands out one connection after
// another for each; whoever dials opens the port for one connection, and closes it
// with that. What was sent when a session ended, and not acknowledged, may or may
// not have arrived; no part of it is delivered in the next one.
//
// A Receive whose context ends has lost nothing. A Send whose context ends has
// broken the connection, since a part of a message may be out. Close waits while
// the peer goes on acknowledging what was sent: for half a second and the time of
// some frames after each acknowledgement, and at most for 10 s.
//
// [carrier.Identity] is the path of the port, with the method "serial-port":
// whoever is connected to that socket.
//
// # Ports that go
//
// A port that fails, as when its adapter is pulled out, ends its connection. A
// listener opens it again as soon as it is back, looking for it every 0.1 s to
// begin with and every 5 s later. A client router dials again by itself.
//
// # Other ports
//
// tarm/serial opens and configures the ports of the system. [Options.Open] takes
// anything else that moves bytes: another library, a network, a pipe.
package serial

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial/link"
)

// Method is that of the [carrier.Identity] of a port.
const Method = "serial-port"

// Options of [New]; the zero value works.
type Options struct {
	// Open opens ports; default: [OpenPort]. It is called for one port at a
	// time and path, in a goroutine that is left alone if it does not return
	// when its context has ended.
	Open Opener

	// Baud is the speed in bits a second, 1200 at least; default 115200.
	Baud int
	// Parity is none, odd or even; default: none.
	Parity Parity
	// StopBits is 1 or 2; default 1.
	StopBits int
	// Unpaced hands frames to the port as fast as it takes them, and not at
	// the speed of the line: for ports that have no speed, such as USB devices
	// that only look like one (CDC-ACM), networks, pseudo-terminals.
	Unpaced bool

	// MTU, Window, MaxMessage and Keepalive are those of [link.Options], and
	// so are their defaults: 246, 15, 64 KiB, 1 s.
	MTU, Window, MaxMessage int
	Keepalive               time.Duration

	// HandshakeTimeout is how long whoever dials waits for the other end to
	// answer; default 4 s.
	HandshakeTimeout time.Duration
	// AnyPeer lets Dial open a session also with an end that dials, such as a
	// device that looks for a router: for tools that look at a line.
	AnyPeer bool
	// ScanEvery is how often a listener looks for new ports of its pattern;
	// default 0.5 s.
	ScanEvery time.Duration
	// Logger gets what happens to the ports of a listener; default
	// slog.Default().
	Logger *slog.Logger
}

const (
	defaultBaud             = 115200
	defaultMTU              = 246
	defaultWindow           = 15
	defaultMaxMessage       = 1 << 16
	defaultKeepalive        = time.Second
	defaultHandshakeTimeout = 4 * time.Second
	defaultScanEvery        = 500 * time.Millisecond

	// ahead is how long before the line falls idle the next frame is handed to
	// the port: about as long as this goroutine may be late.
	ahead = 3 * time.Millisecond
)

// Carrier is a [carrier.Carrier] for serial.
type Carrier struct {
	opts Options
}

// New returns the carrier. nil means the defaults.
func New(opts *Options) *Carrier {
	c := &Carrier{}
	if opts != nil {
		c.opts = *opts
	}
	o := &c.opts
	if o.Open == nil {
		o.Open = OpenPort
	}
	orElse(&o.Baud, defaultBaud)
	orElse(&o.StopBits, 1)
	orElse(&o.MTU, defaultMTU)
	orElse(&o.Window, defaultWindow)
	orElse(&o.MaxMessage, defaultMaxMessage)
	orElse(&o.Keepalive, defaultKeepalive)
	orElse(&o.HandshakeTimeout, defaultHandshakeTimeout)
	orElse(&o.ScanEvery, defaultScanEvery)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return c
}

func orElse[T int | time.Duration](field *T, byDefault T) {
	if *field == 0 {
		*field = byDefault
	}
}

// Schemes implements [carrier.Carrier].
func (c *Carrier) Schemes() []string { return []string{"serial"} }

// Dial opens the port of addr, see [carrier.Carrier]. The link's handshake runs
// by itself from there; [carrier.Handshake], and the first Receive or Send, wait
// for it.
func (c *Carrier) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	s, err := c.settings(addr, carrier.Dialing)
	if err != nil {
		return nil, err
	}
	if s.isPattern() {
		return nil, fmt.Errorf("%s is a pattern, and one dials one port: write its path", carrier.Redact(addr))
	}
	rwc, err := openPort(ctx, c.opts.Open, s.line)
	if err != nil {
		return nil, err
	}
	role := link.RoleDial
	if c.opts.AnyPeer {
		role = link.RoleAny
	}
	return dialled(s, rwc, role), nil
}

// Listen opens the port of addr, or those of its pattern, see [carrier.Carrier].
func (c *Carrier) Listen(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	s, err := c.settings(addr, carrier.Listening)
	if err != nil {
		return nil, err
	}
	l := newListener(c.opts, s, addr)
	if s.isPattern() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l.watch()
		return l, nil
	}
	rwc, err := openPort(ctx, c.opts.Open, s.line)
	if err != nil {
		return nil, err
	}
	l.serve(s.line.Path, rwc)
	return l, nil
}

// linkOptions are those of one end of the line.
func (s *settings) linkOptions(role link.Role, nonce uint32) *link.Options {
	o := &link.Options{
		Nonce: nonce, Role: role, MTU: s.mtu, Window: s.window, MaxMessage: s.maxMessage, Keepalive: s.keepalive,
		Datagrams: sentDatagrams,
	}
	if s.paced {
		o.Baud, o.Ahead = s.line.Baud*10/s.line.bitsPerByte(), ahead
		o.TxBuffer = s.txBuffer()
	}
	return o
}

// txBuffer is how much waits in the link at most: what a line carries in half a
// second, but three frames at least and no more than may be on their way. What
// waits longer waits with whoever sends, who may have something more urgent, and
// Close need not wait for it.
func (s *settings) txBuffer() int {
	return min(max(s.rate()/2, 3*s.mtu), max(s.window*s.mtu, s.mtu+4))
}

// rate is how many bytes a second the line carries.
func (s *settings) rate() int { return s.line.Baud / s.line.bitsPerByte() }
