//go:build unix

package serial

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// whoMay says how to become one who may open a port.
func whoMay(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "its directory does not let you in"
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if mode := info.Mode().Perm(); !ok || mode&0o060 != 0o060 {
		return fmt.Sprintf("its mode is %v, which lets no group read and write", mode)
	}
	group := strconv.Itoa(int(st.Gid))
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	if group == "root" {
		return "its group is root: change that with a rule of udev"
	}
	return fmt.Sprintf("join the group %s (sudo usermod -aG %s $USER) and log in again", group, group)
}
