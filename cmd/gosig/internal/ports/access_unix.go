//go:build unix

package ports

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

const (
	mayRead  = 4 // of access(2)
	mayWrite = 2
)

// access says whether this user may open a file, and if not, what to do.
func access(path string) string {
	err := syscall.Access(path, mayRead|mayWrite)
	if err == nil {
		return AccessOK
	}
	if !errors.Is(err, syscall.EACCES) {
		return err.Error()
	}
	info, statErr := os.Stat(path)
	if statErr != nil {
		return err.Error()
	}
	return "permission denied" + whichGroup(info)
}

// whichGroup names the one that may open a file; "" if none may.
func whichGroup(info os.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode().Perm()&0o060 != 0o060 || stat.Gid == 0 {
		return ""
	}
	group := strconv.Itoa(int(stat.Gid))
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return fmt.Sprintf(": join the group %s", group)
}
