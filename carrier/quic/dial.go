package quic

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/gosig/gosig/carrier"
)

// dialer is one Dial.
type dialer struct {
	addr   *url.URL
	tls    *tls.Config
	config *quicgo.Config
	limit  time.Duration // for the handshake
}

func (d *dialer) dial(ctx context.Context) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	remotes, err := resolve(ctx, d.addr)
	if err != nil {
		return nil, carrier.ExplainDial(ctx, d.addr, err)
	}
	for _, remote := range remotes {
		var conn *Conn
		if conn, err = d.try(ctx, remote); err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// resolve returns the addresses of a host, best first.
func resolve(ctx context.Context, addr *url.URL) ([]*net.UDPAddr, error) {
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", addr.Port())
	if err != nil {
		return nil, err
	}
	host := addr.Hostname()
	if host == "" {
		host = "localhost" // as package net does for TCP
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	all := make([]*net.UDPAddr, len(ips))
	for i, ip := range ips {
		all[i] = net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return all, nil
}

// try dials one address.
func (d *dialer) try(ctx context.Context, remote *net.UDPAddr) (*Conn, error) {
	udp, err := net.ListenUDP("udp", anyAddress(remote))
	if err != nil {
		return nil, err
	}
	e := newEndpoint(udp)
	limited, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	watched, refuse := context.WithCancelCause(limited)
	defer refuse(nil)
	stop := watchRefusal(remote, refuse)
	qc, err := e.transport.Dial(watched, remote, d.tls, d.config)
	stop()
	if err == nil {
		return newConn(qc, e, d.tls.ServerName, d.limit, nil), nil
	}
	e.release()
	if cause := context.Cause(watched); cause != nil && limited.Err() == nil {
		err = cause
	}
	return nil, d.explain(ctx, limited, err)
}

func (d *dialer) explain(ctx, limited context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return carrier.ExplainDial(ctx, d.addr, err)
	case timedOut(err), limited.Err() != nil:
		return fmt.Errorf("%s did not answer within %v: is a router listening there, and is the UDP port open in its firewall? (%w)",
			carrier.Redact(d.addr), d.limit, context.DeadlineExceeded)
	case errors.Is(err, syscall.ECONNREFUSED):
		return carrier.ExplainDial(ctx, d.addr, err)
	}
	if err = explain(err); err == io.EOF {
		err = errPeerClosed
	}
	return fmt.Errorf("QUIC handshake with %s: %w", carrier.Redact(d.addr), err)
}

// anyAddress is the local address that follows the network's: none.
func anyAddress(remote *net.UDPAddr) *net.UDPAddr {
	if remote.IP.To4() != nil {
		return &net.UDPAddr{IP: net.IPv4zero}
	}
	return &net.UDPAddr{IP: net.IPv6unspecified}
}

// watchRefusal finds out at once where nobody listens. The socket that dials is
// not connected, and so is not told what the host answers; another one asks with
// an empty packet, which a router ignores. Where packets are dropped silently
// there is no answer, and the handshake's limit decides. The function that it
// returns ends the watching.
func watchRefusal(remote *net.UDPAddr, refuse context.CancelCauseFunc) (stop func()) {
	probe, err := net.DialUDP("udp", nil, remote)
	if err != nil {
		return func() {} // the handshake will say what is wrong
	}
	done := make(chan struct{}) // closed when the watching is over
	go func() {                 // ends with the socket
		defer close(done)
		_, err := probe.Write(nil)
		if err == nil {
			_, err = probe.Read(make([]byte, 1))
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			refuse(err)
		}
	}()
	return func() {
		probe.Close()
		<-done
	}
}
