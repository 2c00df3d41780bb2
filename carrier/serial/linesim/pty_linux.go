package linesim

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// OpenPTY opens a pseudo-terminal in raw mode: what is written to the master is
// read by whoever opens the terminal by its name, and the other way round. It
// needs no cgo. Nobody has the terminal open yet; Read of the master fails with
// EIO while that is so.
func OpenPTY() (master *os.File, name string, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	if name, err = setUp(master); err != nil {
		return nil, "", errors.Join(fmt.Errorf("open a pseudo-terminal: %w", err), master.Close())
	}
	return master, name, nil
}

func setUp(master *os.File) (string, error) {
	var unlock, number int32
	var mode syscall.Termios
	for _, step := range []struct {
		request uintptr
		arg     unsafe.Pointer
	}{
		{syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)},
		{syscall.TIOCGPTN, unsafe.Pointer(&number)},
		{syscall.TCGETS, unsafe.Pointer(&mode)},
	} {
		if err := ioctl(master, step.request, step.arg); err != nil {
			return "", err
		}
	}
	makeRaw(&mode) // before anybody opens it, or it would echo
	if err := ioctl(master, syscall.TCSETS, unsafe.Pointer(&mode)); err != nil {
		return "", err
	}
	name := fmt.Sprintf("/dev/pts/%d", number)
	// Open and close it once: the system tells a terminal that nobody has open
	// only from one that somebody had.
	terminal, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	return name, terminal.Close()
}

func makeRaw(mode *syscall.Termios) {
	mode.Iflag &^= syscall.IGNBRK | syscall.BRKINT | syscall.PARMRK | syscall.ISTRIP | syscall.INLCR | syscall.IGNCR | syscall.ICRNL | syscall.IXON
	mode.Oflag &^= syscall.OPOST
	mode.Lflag &^= syscall.ECHO | syscall.ECHONL | syscall.ICANON | syscall.ISIG | syscall.IEXTEN
	mode.Cflag = mode.Cflag&^(syscall.CSIZE|syscall.PARENB) | syscall.CS8
	mode.Cc[syscall.VMIN], mode.Cc[syscall.VTIME] = 1, 0
}

// control runs a system call on a file's descriptor, without making it block
// as File.Fd would.
func control(f *os.File, call func(fd uintptr) syscall.Errno) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var errno syscall.Errno
	if err := conn.Control(func(fd uintptr) { errno = call(fd) }); err != nil {
		return err
	}
	if errno != 0 {
		return errno
	}
	return nil
}

func ioctl(f *os.File, request uintptr, arg unsafe.Pointer) error {
	return control(f, func(fd uintptr) syscall.Errno {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(arg))
		return errno
	})
}

// pollFD is struct pollfd.
type pollFD struct {
	fd              int32
	events, revents int16
}

const pollHUP = 0x10

// hungUp reports whether nobody has the terminal open.
func hungUp(master *os.File) bool {
	var ask pollFD
	err := control(master, func(fd uintptr) syscall.Errno {
		ask.fd = int32(fd)
		for {
			var now syscall.Timespec
			_, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&ask)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
			if errno != syscall.EINTR { // as when the runtime wants to run something else
				return errno
			}
		}
	})
	return err != nil || ask.revents&pollHUP != 0
}

// unread returns how many bytes a program has written that nobody has read.
func unread(master *os.File) int {
	var n int32
	if err := ioctl(master, syscall.TIOCINQ, unsafe.Pointer(&n)); err != nil {
		return 0
	}
	return int(n)
}

// speeds are the codes of a terminal's usual ones.
var speeds = map[uint32]int{
	syscall.B1200: 1200, syscall.B2400: 2400, syscall.B4800: 4800, syscall.B9600: 9600,
	syscall.B19200: 19200, syscall.B38400: 38400, syscall.B57600: 57600, syscall.B115200: 115200,
	syscall.B230400: 230400, syscall.B460800: 460800, syscall.B500000: 500000, syscall.B576000: 576000,
	syscall.B921600: 921600, syscall.B1000000: 1000000, syscall.B1152000: 1152000, syscall.B1500000: 1500000,
	syscall.B2000000: 2000000, syscall.B2500000: 2500000, syscall.B3000000: 3000000, syscall.B3500000: 3500000, syscall.B4000000: 4000000,
}

// speedOf returns the speed a terminal is set to, 0 if it is an unusual one.
func speedOf(master *os.File) int {
	const mask = 0o10017 // CBAUD
	var mode syscall.Termios
	if err := ioctl(master, syscall.TCGETS, unsafe.Pointer(&mode)); err != nil {
		return 0
	}
	return speeds[mode.Cflag&mask]
}
