package tcp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
)

// maxUnixPath is what a socket address holds, on Linux and less elsewhere.
const maxUnixPath = 103

func (c *Carrier) dialUnix(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	if _, err := carrier.Query(addr, known("unix", carrier.Dialing)...); err != nil {
		return nil, err
	}
	path, err := unixPath(addr)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no socket %s: is a router listening on unix://%s? (%w)", path, path, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("socket %s is closed to this user: see its mode, the listener's ?mode= (%w)", path, err)
	case err != nil:
		return nil, carrier.ExplainDial(ctx, addr, err)
	}
	return newUnixConn(nc, path, false), nil
}

func unixPath(addr *url.URL) (string, error) {
	if addr.Host != "" || addr.Path == "" || addr.Path == "/" {
		return "", fmt.Errorf("%s is no path of a socket: write unix:///absolute/path, with three slashes", carrier.Redact(addr))
	}
	path := filepath.Clean(filepath.FromSlash(addr.Path))
	if len(path) > maxUnixPath {
		return "", fmt.Errorf("the path %s is too long for a socket: %d bytes, at most %d", path, len(path), maxUnixPath)
	}
	return path, nil
}

// unixConn is a conn over a unix socket.
type unixConn struct {
	stream.Socket
	identity carrier.Identity
}

// newUnixConn is for one side of the socket at path.
func newUnixConn(nc net.Conn, path string, accepted bool) *unixConn {
	id, known := peerUser(nc)
	opts := &stream.Options{
		LocalAddr: "unix://" + path + "#dialled", RemoteAddr: "unix://" + path,
		Confidential: true, PeerIdentity: known, Explain: explainHeader,
	}
	if accepted {
		opts.LocalAddr, opts.RemoteAddr = opts.RemoteAddr, "unix://"+path+"#"+id.ID
	}
	return &unixConn{Socket: stream.Socket{Conn: stream.New(nc, opts)}, identity: id}
}

// Identity implements [carrier.Identified].
func (c *unixConn) Identity() (carrier.Identity, bool) {
	return c.identity, c.identity.ID != ""
}

func (c *Carrier) listenUnix(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	mode, err := c.unixMode(addr)
	if err != nil {
		return nil, err
	}
	path, err := unixPath(addr)
	if err != nil {
		return nil, err
	}
	ln, err := bindUnix(ctx, path, mode)
	if err != nil {
		return nil, err
	}
	return stream.NewListener(ln, &stream.ListenerOptions{
		Addr: "unix://" + path,
		Wrap: func(nc net.Conn) (carrier.Conn, error) { return newUnixConn(nc, path, true), nil },
	}), nil
}

func (c *Carrier) unixMode(addr *url.URL) (fs.FileMode, error) {
	query, err := carrier.Query(addr, known("unix", carrier.Listening)...)
	if err != nil {
		return 0, err
	}
	if !query.Has("mode") {
		return c.opts.UnixMode, nil
	}
	mode, err := strconv.ParseUint(query.Get("mode"), 8, 32)
	if err != nil || mode > 0o777 {
		return 0, fmt.Errorf("mode=%q is no file mode: write it in octal, for example 0660", query.Get("mode"))
	}
	return fs.FileMode(mode), nil
}

// bindUnix makes a socket that nobody can connect to before it has its mode: it
// is bound in a directory of its own, which only this user can enter, and
// linked to its path when it is ready. A link, unlike a rename, never replaces
// what somebody else has put there. The lock makes looking for a left-over socket
// and putting another in its place one step.
func bindUnix(ctx context.Context, path string, mode fs.FileMode) (*unixListener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".g")
	if err != nil {
		return nil, fmt.Errorf("make a socket in %s: %w", filepath.Dir(path), err)
	}
	defer os.RemoveAll(dir) // what is linked stays
	unlock, err := lockDir(ctx, filepath.Dir(path), lockPatience)
	if err != nil {
		return nil, fmt.Errorf("make a socket in %s: %w", filepath.Dir(path), err)
	}
	defer unlock()
	if err := removeStale(ctx, path, filepath.Join(dir, "old")); err != nil {
		return nil, err
	}
	hidden := filepath.Join(dir, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("make a socket in %s: %w", filepath.Dir(path), err)
	}
	ln.SetUnlinkOnClose(false) // it would look for the hidden name
	if err := publish(hidden, path, mode); err != nil {
		ln.Close()
		return nil, err
	}
	own, err := os.Lstat(path)
	if err != nil {
		ln.Close()
		return nil, err
	}
	return &unixListener{UnixListener: ln, path: path, own: own}, nil
}

// lockPatience is for many routers that start at once on a busy machine.
const lockPatience = 2 * time.Second

// publish gives the socket its mode, then its path.
func publish(hidden, path string, mode fs.FileMode) error {
	if err := os.Chmod(hidden, mode); err != nil {
		return err
	}
	err := place(hidden, path)
	if errors.Is(err, fs.ErrExist) {
		return inUse(path)
	}
	return err
}

// place gives a socket another path, which must be free.
func place(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(from, to) // a file system without links; it was free a moment ago
}

func inUse(path string) error {
	return fmt.Errorf("unix://%s is in use: is another router running there? (%w)", path, syscall.EADDRINUSE)
}

// removeStale removes a socket on which nobody answers. It moves it aside first
// and asks again there: without the lock another router may have removed the old
// one, and put its own into the place, between a look and a removal.
func removeStale(ctx context.Context, path, aside string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is no socket: choose another path, or remove it", path)
	}
	if answers(ctx, path) {
		return inUse(path)
	}
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the socket that was left over: %w", err)
	}
	if answers(ctx, aside) {
		return errors.Join(inUse(path), place(aside, path))
	}
	return nil
}

// answers reports whether somebody listens on the socket, or may: only a
// refusal is a no.
func answers(ctx context.Context, path string) bool {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		nc.Close()
		return true
	}
	return !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrNotExist)
}

// unixListener removes its socket when it is closed, if it is still its own.
type unixListener struct {
	*net.UnixListener
	path string
	own  fs.FileInfo
	once sync.Once
}

func (l *unixListener) Close() error {
	l.once.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.own) {
			_ = os.Remove(l.path) // a socket left over is removed by the next listener
		}
	})
	return l.UnixListener.Close()
}
