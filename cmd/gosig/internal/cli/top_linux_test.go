package cli

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// busyRouter is one that a client emits to all the time.
func busyRouter(t *testing.T) string {
	t.Helper()
	hub, desk := sig.New(nil), sig.New(nil)
	carriers := []carrier.Carrier{tcp.New(nil)}
	srv, err := router.NewServerRouter(hub, &router.ServerOptions{Carriers: carriers, Codecs: []codec.Codec{cbor.New()}, Name: "plant", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	addr, err := srv.Listen(t.Context(), "tcp://127.0.0.1:0")
	require.NoError(t, err)
	cr, err := router.NewClientRouter(desk, []string{addr}, &router.ClientOptions{Carriers: carriers, Codecs: []codec.Codec{cbor.New()}, Name: "press\x1b[31m", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, cr.WaitConnected(t.Context()))
	_, err = sig.Subscribe(hub, "press", "temp", func(sig.Event) {}, nil)
	require.NoError(t, err)
	press, err := desk.Connect("press", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			_ = press.Emit("temp", 1) // counted at the other end
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
		cr.Close()
		srv.Close()
		desk.Close()
		hub.Close()
	})
	return addr
}

// TestTopInAPipe: objects with rates, one a line; text in blocks.
func TestTopInAPipe(t *testing.T) {
	addr := busyRouter(t)
	var out, notices strings.Builder
	require.Zero(t, run(t.Context(), []string{"top", "-c", addr, "--interval", "200ms", "--count", "3", "-o", "json"}, Streams{Out: &out, Err: &notices}), &notices)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	var first, last topLine
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &first))
	require.NoError(t, json.Unmarshal([]byte(lines[2]), &last))
	assert.Nil(t, first.Rate)
	require.NotNil(t, last.Rate)
	assert.Positive(t, last.Rate.EventsIn)
	assert.Greater(t, last.Router.Total.EventsIn, first.Router.Total.EventsIn)
	assert.Equal(t, "plant", last.Router.Router)
	assert.Equal(t, 2, last.Router.Connections)

	out.Reset()
	require.Zero(t, run(t.Context(), []string{"top", "-c", addr, "--interval", "100ms", "--count", "2"}, Streams{Out: &out, Err: &notices}), &notices)
	assert.Equal(t, 2, strings.Count(out.String(), "CLIENT"))
	assert.NotContains(t, out.String(), "\x1b", "neither clearing nor what a client calls itself")
	assert.Contains(t, out.String(), `press\x1b[31m`)
	assert.Regexp(t, `plant  2 connections`, out.String())
	assert.Equal(t, 2, run(t.Context(), []string{"top", "-c", addr, "--interval", "1ms"}, Streams{Out: &out, Err: &notices}))
}

// TestTopOnATerminal draws the picture anew.
func TestTopOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	screen, tty := openTerminal(t)
	addr := busyRouter(t)
	ended := make(chan int, 1) // one value
	var notices strings.Builder
	go func() {
		ended <- run(t.Context(), []string{"top", "-c", addr, "--interval", "100ms", "--count", "3"}, Streams{Out: tty, Err: &notices})
		tty.Close() // the screen's reader gets its end
	}()
	var seen strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := screen.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			break
		}
	}
	assert.Zero(t, <-ended, notices.String())
	assert.Equal(t, 3, strings.Count(seen.String(), "\x1b[H\x1b[2J"))
	assert.Contains(t, seen.String(), "events/s in")
}
