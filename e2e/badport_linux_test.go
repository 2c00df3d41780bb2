package e2e

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/e2e/child"
	"github.com/gosig/gosig/sig"
)

// TestBadPorts: what "gosig serve" says of a port that it cannot have, before it ends.
func TestBadPorts(t *testing.T) {
	t.Parallel()
	master, path, err := linesim.OpenPTY()
	require.NoError(t, err)
	t.Cleanup(func() { master.Close() })

	says, as := forbidden(t, path)
	assert.Contains(t, failing(t, as, "serve", "--listen", "serial://"+path), "no permission to open the port: "+says)
	require.NoError(t, os.Chmod(path, 0o600))

	serve(t, "--listen", "serial://"+path)
	assert.Contains(t, failing(t, nil, "serve", "--listen", "serial://"+path), "the port is busy: another program has it open")
	none := filepath.Join(t.TempDir(), "ttyUSB0")
	assert.Contains(t, failing(t, nil, "serve", "--listen", "serial://"+none), "there is no port "+none+": is it plugged in?")
}

// forbidden takes the right to open a port from this user, or from the one that it
// returns, and returns what is said of it.
func forbidden(t *testing.T, path string) (says string, as *syscall.SysProcAttr) {
	t.Helper()
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod(path, 0))
		return "its mode is", nil
	}
	const group = 20 // dialout, of many systems
	require.NoError(t, os.Chown(path, 0, group))
	require.NoError(t, os.Chmod(path, 0o660))
	name := strconv.Itoa(group)
	if g, err := user.LookupGroupId(name); err == nil {
		name = g.Name
	}
	require.NoError(t, os.Chmod(filepath.Dir(gosig(t)), 0o755)) // nobody is to run it
	return "join the group " + name + " (sudo usermod -aG " + name + " $USER)", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// failing runs gosig, which is to end with 1, and returns what it said.
func failing(t *testing.T, as *syscall.SysProcAttr, args ...string) string {
	t.Helper()
	var said child.Output
	cmd := exec.CommandContext(patient(t), gosig(t), args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Stderr = "/", as, &said
	_ = cmd.Run() // see the code
	require.Equal(t, 1, cmd.ProcessState.ExitCode(), "%v: %s", args, &said)
	return said.String()
}

// TestTwoRoutersOnOneLine: each says so, once, and a device that comes in the place of
// one of them is served.
func TestTwoRoutersOnOneLine(t *testing.T) {
	t.Parallel()
	c := newCable(t, shortDir(t), 0, linesim.Damage{})
	const says = "both ends of this line listen, such as two routers: one of them must dial"
	one := serve(t, "--listen", "serial://"+c.router.Path()+"?pace=off")
	two := serve(t, "--listen", "serial://"+c.device.Path()+"?pace=off")
	one.logged(says)
	two.logged(says)
	two.kill()
	dial(t, "cbor", []string{"serial://" + c.device.Path() + "?pace=off"})
}

// TestSameNameOnTwoPorts: the second device is told that the name is taken, and has it
// when the first has gone (P10).
func TestSameNameOnTwoPorts(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	cables := []*cable{newCable(t, dir, 0, linesim.Damage{}), newCable(t, dir, 1, linesim.Damage{})}
	serve(t, "--listen", "serial://"+dir+"/ttyUSB*?pace=off")
	var devices []*client
	for _, c := range cables {
		devices = append(devices, dial(t, "cbor", []string{"serial://" + c.device.Path() + "?pace=off"}))
	}
	pump := sig.Spec{Events: []sig.Name{"speed"}}
	first := devices[0].connect(t, "pump", pump)
	devices[1].knows(t, "pump")
	second, err := devices[1].Connect("pump", pump)
	if err == nil {
		<-second.Done()
		err = second.Err()
	}
	require.ErrorIs(t, err, sig.ErrNameTaken)
	assert.NoError(t, first.Err())

	cables[0].router.Unplug()
	await(t, "the name to be free", func() bool {
		s, err := devices[1].Connect("pump", pump)
		return err == nil && s.Emit("speed", 1) == nil
	})
}

// shortDir is a folder whose name is short and has no # in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gosig-ports-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
