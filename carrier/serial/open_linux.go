package serial

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	tarm "github.com/tarm/serial"
)

// systemPort is a port that is open twice. tarm/serial has set it, by a handle on
// which nothing is read or written: its descriptor blocks behind the back of
// package os, so that Close would wait for a Read until a byte comes, and each
// Read would keep a thread. The other handle is for everything else: it waits in
// the runtime's poller, Close unblocks it, and io.EOF means that the port is gone.
type systemPort struct {
	*os.File
	setter *tarm.Port
}

func openSystem(line Line) (_ *systemPort, err error) {
	f, err := os.OpenFile(line.Path, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // what is returned says more
		}
	}()
	// Before it is set: another program's line is not to be disturbed.
	if err := lock(f); err != nil {
		return nil, err
	}
	setter, err := tarm.OpenPort(&tarm.Config{
		Name: line.Path, Baud: line.Baud, Parity: tarmParity(line.Parity), StopBits: tarm.StopBits(line.StopBits),
	})
	if err != nil {
		return nil, err
	}
	// For programs that do not look for the lock. It does not hold for root.
	exclusive := control(f, func(fd int) error {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TIOCEXCL, 0); errno != 0 {
			return errno
		}
		return nil
	})
	if exclusive != nil {
		return nil, errors.Join(fmt.Errorf("claim it: %w", exclusive), setter.Close())
	}
	return &systemPort{f, setter}, nil
}

// lockPatience is for how long a port that is locked is tried again. Where this process
// has just closed it, a program that it is starting this moment may still hold a copy of
// the descriptor, and of the lock.
const lockPatience = 200 * time.Millisecond

func lock(f *os.File) error {
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err := control(f, func(fd int) error { return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) })
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Since(begun) >= lockPatience {
			return err
		}
	}
}

// Close closes both handles, the one that may wait for the last bytes last.
func (p *systemPort) Close() error { return errors.Join(p.File.Close(), p.setter.Close()) }

// control makes a system call on the descriptor of f, without making it block.
func control(f *os.File, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = call(int(fd)) })
	return errors.Join(err, failed)
}
