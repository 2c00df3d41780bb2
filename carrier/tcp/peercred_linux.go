package tcp

import (
	"fmt"
	"net"
	"syscall"

	"github.com/gosig/gosig/carrier"
)

// peerUser asks the kernel which user the peer of a unix socket ran as when it
// connected. The process number is not used: numbers are reused.
func peerUser(nc net.Conn) (carrier.Identity, bool) {
	uc, ok := nc.(*net.UnixConn)
	if !ok {
		return carrier.Identity{}, false
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return carrier.Identity{}, false
	}
	var cred *syscall.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || credErr != nil {
		return carrier.Identity{}, false
	}
	return carrier.Identity{ID: fmt.Sprintf("uid:%d", cred.Uid), Method: "unix-peercred"}, true
}
