package tcp_test

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
)

func TestUnixMode(t *testing.T) {
	for _, c := range []struct {
		name, query string
		opts        *tcp.Options
		want        fs.FileMode
	}{
		{"default", "", nil, 0o600},
		{"parameter", "?mode=0660", nil, 0o660},
		{"option", "", &tcp.Options{UnixMode: 0o666}, 0o666},
		{"parameter wins", "?mode=600", &tcp.Options{UnixMode: 0o666}, 0o600},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "s")
			ln, err := newSet(t, c.opts).Listen(t.Context(), "unix://"+path+c.query)
			require.NoError(t, err)
			assert.Equal(t, "unix://"+path, ln.Addr())
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, c.want, info.Mode().Perm())
			require.NoError(t, ln.Close())
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, left, "a listener removes its socket, and nothing else is left")
		})
	}
}

func TestUnixStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	require.NoError(t, err)
	left.SetUnlinkOnClose(false)
	require.NoError(t, left.Close()) // as a router that was killed
	ln, err := newSet(t, nil).Listen(t.Context(), "unix://"+path)
	require.NoError(t, err)

	_, err = newSet(t, nil).Listen(t.Context(), "unix://"+path)
	assert.ErrorContains(t, err, "is in use: is another router running there?")
	assert.ErrorIs(t, err, syscall.EADDRINUSE)
	require.NoError(t, ln.Close())
}

// TestUnixManyStarters: of routers that find a left-over socket at the same time
// one gets the path, and keeps it.
func TestUnixManyStarters(t *testing.T) {
	set := newSet(t, nil)
	for range 20 {
		path := filepath.Join(t.TempDir(), "s")
		left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		require.NoError(t, err)
		left.SetUnlinkOnClose(false)
		require.NoError(t, left.Close())
		type outcome struct {
			ln  carrier.Listener
			err error
		}
		outcomes := make(chan outcome, 8) // one each
		for range cap(outcomes) {
			go func() {
				ln, err := set.Listen(context.Background(), "unix://"+path)
				outcomes <- outcome{ln, err}
			}()
		}
		winners := 0
		for range cap(outcomes) {
			o := <-outcomes
			if o.err != nil {
				assert.ErrorIs(t, o.err, syscall.EADDRINUSE)
				continue
			}
			winners++
			defer o.ln.Close()
		}
		assert.Equal(t, 1, winners)
		conn, err := set.Dial(t.Context(), "unix://"+path)
		require.NoError(t, err, "the winner can be dialled")
		conn.Close()
	}
}

// TestUnixLock: who holds the directory's lock keeps routers from starting for a
// while, but not for good.
func TestUnixLock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := tcp.LockDir(t.Context(), dir, time.Minute)
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if runtime.GOOS == "linux" {
		_, err = tcp.LockDir(ended, dir, time.Minute)
		assert.ErrorIs(t, err, context.Canceled, "it is held")
	}
	second, err := tcp.LockDir(t.Context(), dir, time.Millisecond)
	require.NoError(t, err, "held for too long")
	second()
	unlock()
	third, err := tcp.LockDir(ended, dir, time.Minute)
	require.NoError(t, err, "it is free")
	third()
	_, err = tcp.LockDir(t.Context(), filepath.Join(dir, "missing"), time.Minute)
	assert.NoError(t, err, "what is wrong with a directory is said by who makes the socket")
}

func TestUnixLeavesOtherFilesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err := newSet(t, nil).Listen(t.Context(), "unix://"+path)
	assert.ErrorContains(t, err, "is no socket")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(content))
}

func TestUnixCloseLeavesASuccessorsSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	set := newSet(t, nil)
	first, err := set.Listen(t.Context(), "unix://"+path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path)) // an operator's doing
	second, err := set.Listen(t.Context(), "unix://"+path)
	require.NoError(t, err)
	defer second.Close()
	require.NoError(t, first.Close())
	_, err = os.Stat(path)
	assert.NoError(t, err)
}

func TestUnixIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	set := newSet(t, nil)
	ln, err := set.Listen(t.Context(), "unix://"+path)
	require.NoError(t, err)
	defer ln.Close()
	client, err := set.Dial(t.Context(), ln.Addr())
	require.NoError(t, err)
	defer client.Close()
	server, err := ln.Accept(t.Context())
	require.NoError(t, err)
	defer server.Close()
	id, ok := carrier.IdentityOf(server)
	if runtime.GOOS != "linux" {
		assert.False(t, ok)
		return
	}
	assert.True(t, ok)
	assert.Equal(t, carrier.Identity{ID: fmt.Sprintf("uid:%d", os.Getuid()), Method: "unix-peercred"}, id)
	assert.True(t, server.Traits().PeerIdentity)
}
