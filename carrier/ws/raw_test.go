package ws_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/ws"
)

// patience bounds what must not get stuck.
const patience = time.Minute

// opcodes of WebSocket frames.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10

	final = 0x80
)

// wsFrame returns a WebSocket frame as a client sends it. The first byte is the
// opcode with its flags. The mask is zeros, which is as good as any.
func wsFrame(first byte, payload []byte) []byte {
	return append(wsHeader(first, uint64(len(payload))), payload...)
}

func wsHeader(first byte, size uint64) []byte {
	h := []byte{first}
	switch {
	case size < 126:
		h = append(h, 0x80|byte(size))
	case size < 1<<16:
		h = binary.BigEndian.AppendUint16(append(h, 0x80|126), uint16(size))
	default:
		h = binary.BigEndian.AppendUint64(append(h, 0x80|127), size)
	}
	return append(h, 0, 0, 0, 0)
}

func message(payload []byte) []byte { return wsFrame(final|opBinary, payload) }

func batch(frames ...string) []byte {
	var b []byte
	for _, f := range frames {
		b = carrier.AppendFrame(b, []byte(f))
	}
	return b
}

// peer speaks to a listener by hand.
type peer struct {
	net.Conn
	r *bufio.Reader
}

func dialTCP(t testing.TB, ln carrier.Listener) *peer {
	u, err := url.Parse(ln.Addr())
	require.NoError(t, err)
	nc, err := net.Dial("tcp", u.Host)
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(patience)))
	return &peer{nc, bufio.NewReader(nc)}
}

// upgradeRequest is what a client must send at least.
const upgradeRequest = "GET /gosig HTTP/1.1\r\n" +
	"Host: router.example\r\n" +
	"Connection: Upgrade\r\n" +
	"Upgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Protocol: gosig.v1\r\n\r\n"

// with returns the request with one header changed, added, or with value ""
// left out.
func with(name, value string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSuffix(upgradeRequest, "\r\n\r\n"), "\r\n") {
		if !strings.HasPrefix(line, name+":") {
			lines = append(lines, line)
		}
	}
	if value != "" {
		lines = append(lines, name+": "+value)
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// ask sends a request and returns the answer's status and text.
func (p *peer) ask(t testing.TB, request string) (int, string) {
	_, err := io.WriteString(p, request)
	require.NoError(t, err)
	resp, err := http.ReadResponse(p.r, nil)
	require.NoError(t, err)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp.StatusCode, ""
	}
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// upgraded returns a hand-made client's connection and the router's end of it.
func upgraded(t testing.TB, ln carrier.Listener) (*peer, carrier.Conn) {
	p := dialTCP(t, ln)
	code, text := p.ask(t, upgradeRequest)
	require.Equal(t, http.StatusSwitchingProtocols, code, text)
	conn, err := ln.Accept(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return p, conn
}

// reset ends a connection without ceremony.
func (p *peer) reset(t testing.TB) {
	require.NoError(t, p.Conn.(*net.TCPConn).SetLinger(0))
	p.Close()
}

// closed waits until the other side has ended the connection.
func (p *peer) closed(t testing.TB) {
	_, err := io.Copy(io.Discard, p.r)
	var timeout net.Error
	require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "the connection is still open")
}

func listen(t testing.TB, opts *ws.Options, addr string) carrier.Listener {
	ln, err := newSet(t, opts).Listen(t.Context(), addr)
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	return ln
}

// talk sends a frame each way.
func talk(t testing.TB, a, b carrier.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, c := range [][2]carrier.Conn{{a, b}, {b, a}} {
		want := batch("hello", "again")
		require.NoError(t, c[0].Send(ctx, want))
		got, err := c[1].Receive(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// connect dials a listener and returns both ends.
func connect(t testing.TB, ln carrier.Listener, dialer *carrier.Set, addr string) (client, server carrier.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := dialer.Dial(ctx, addr)
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	server, err = ln.Accept(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { server.Close() })
	return client, server
}

func (p *peer) closeWrite(t testing.TB) {
	require.NoError(t, p.Conn.(*net.TCPConn).CloseWrite())
}

// upgradedLater is upgraded for a listener that has other things to do: what it
// closes or lets wait too long is tried again.
func upgradedLater(t testing.TB, ln carrier.Listener) (*peer, carrier.Conn) {
	accepted := make(chan carrier.Conn, 1) // the one connection
	go func() {
		if c, err := ln.Accept(t.Context()); err == nil {
			accepted <- c
		}
	}()
	for {
		p := dialTCP(t, ln)
		_, _ = io.WriteString(p, upgradeRequest)
		if resp, err := http.ReadResponse(p.r, nil); err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
			conn := <-accepted
			t.Cleanup(func() { conn.Close() })
			return p, conn
		}
		p.Close()
	}
}

// readAll reads the router's frames until so many bytes of messages have come,
// and counts the pongs among them.
func (p *peer) readAll(t testing.TB, want int) (pongs, payload int) {
	for payload < want || pongs < 100 {
		var h [8]byte
		_, err := io.ReadFull(p.r, h[:2])
		require.NoError(t, err)
		first, size := h[0], uint64(h[1])
		switch size {
		case 126:
			_, err = io.ReadFull(p.r, h[:2])
			size = uint64(binary.BigEndian.Uint16(h[:]))
		case 127:
			_, err = io.ReadFull(p.r, h[:])
			size = binary.BigEndian.Uint64(h[:])
		}
		require.NoError(t, err)
		_, err = io.CopyN(io.Discard, p.r, int64(size))
		require.NoError(t, err)
		if first == final|opPong {
			pongs++
		} else {
			payload += int(size)
		}
	}
	return pongs, payload
}
