package ports

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// system builds the files of one, each "name" with its content, or
// "name -> target".
func system(t *testing.T, files ...string) string {
	root := t.TempDir()
	for _, f := range files {
		name, content, isFile := strings.Cut(f, "=")
		link, target, isLink := strings.Cut(f, " -> ")
		switch {
		case isLink:
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, link)), 0o755))
			require.NoError(t, os.Symlink(target, filepath.Join(root, link)))
		case isFile:
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(content+"\n"), 0o644))
		default:
			require.NoError(t, os.MkdirAll(filepath.Join(root, f), 0o755))
		}
	}
	return root
}

// bus is a host with an FTDI adapter, a board with two CDC-ACM ports, a UART of
// its own, three places for UARTs, and consoles.
var bus = []string{
	"sys/devices/pci0/usb1/1-1/idVendor=0403", "sys/devices/pci0/usb1/1-1/idProduct=6001",
	"sys/devices/pci0/usb1/1-1/manufacturer=FTDI", "sys/devices/pci0/usb1/1-1/product=FT232R USB UART",
	"sys/devices/pci0/usb1/1-1/serial=A50285BI", "sys/devices/pci0/usb1/idVendor=1d6b",
	"sys/devices/pci0/usb1/1-1/1-1:1.0/ttyUSB10/driver -> ../../../../../../bus/usb-serial/drivers/ftdi_sio",
	"sys/devices/pci0/usb1/1-1/1-1:1.0/ttyUSB10/tty/ttyUSB10/dev=188:0",
	"sys/devices/pci0/usb1/1-1/1-1:1.0/ttyUSB10/tty/ttyUSB10/device -> ../../../ttyUSB10",
	"sys/class/tty/ttyUSB10 -> ../../devices/pci0/usb1/1-1/1-1:1.0/ttyUSB10/tty/ttyUSB10",
	"sys/devices/pci0/usb1/1-2/idVendor=2e8a", "sys/devices/pci0/usb1/1-2/idProduct=000a",
	"sys/devices/pci0/usb1/1-2/product=Pico \x1b[2J board",
	"sys/devices/pci0/usb1/1-2/1-2:1.2/interface=Second port",
	"sys/devices/pci0/usb1/1-2/1-2:1.2/driver -> ../../../../../bus/usb/drivers/cdc_acm",
	"sys/devices/pci0/usb1/1-2/1-2:1.2/tty/ttyUSB2/device -> ../../../1-2:1.2",
	"sys/class/tty/ttyUSB2 -> ../../devices/pci0/usb1/1-2/1-2:1.2/tty/ttyUSB2",
	"sys/devices/pnp0/00:00/driver -> ../../../bus/pnp/drivers/serial",
	"sys/class/tty/ttyS0/type=4", "sys/class/tty/ttyS0/device -> ../../../devices/pnp0/00:00",
	"sys/class/tty/ttyS1/type=0", "sys/class/tty/ttyS1/device -> ../../../devices/pnp0/00:00",
	"sys/class/tty/tty0/dev=4:0", "sys/class/tty/ptmx/dev=5:2", "sys/class/tty/odd/device -> /nowhere",
	"dev/ttyUSB10=", "dev/ttyUSB2=", "dev/ttyS0=",
	"dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0 -> ../../ttyUSB10",
	"dev/serial/by-path/pci-0-usb-0:1:1.0-port0 -> ../../ttyUSB10",
	"dev/serial/by-path/pci-0-usb-0:2:1.2 -> ../../ttyUSB2",
}

func TestList(t *testing.T) {
	list, err := List(system(t, bus...))
	require.NoError(t, err)
	assert.Equal(t, []Port{
		{Path: "/dev/ttyS0", URL: "serial:///dev/ttyS0", Driver: "serial", Access: "ok"},
		{
			Path: "/dev/ttyUSB2", Stable: "/dev/serial/by-path/pci-0-usb-0:2:1.2", URL: "serial:///dev/serial/by-path/pci-0-usb-0:2:1.2",
			Driver: "cdc_acm", Access: "ok",
			USB: &USB{VendorID: "2e8a", ProductID: "000a", Product: "Pico ?[2J board", Interface: "Second port"},
		},
		{
			Path: "/dev/ttyUSB10", Stable: "/dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0",
			URL: "serial:///dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0", Driver: "ftdi_sio", Access: "ok",
			USB: &USB{VendorID: "0403", ProductID: "6001", Vendor: "FTDI", Product: "FT232R USB UART", Serial: "A50285BI"},
		},
	}, list)
}

func TestNoPorts(t *testing.T) {
	list, err := List(system(t, "sys/class/tty"))
	require.NoError(t, err)
	assert.Empty(t, list)
	assert.NotNil(t, list)
}

// Systems without sysfs name their ports in a way of their own.
func TestByName(t *testing.T) {
	list, err := List(system(t, "dev/cu.usbserial-110=", "dev/cu.Bluetooth=", "dev/cuaU0=", "dev/cuaU0.lock=", "dev/tty.usbserial-110=", "dev/null="))
	require.NoError(t, err)
	var paths []string
	for _, p := range list {
		paths = append(paths, p.Path)
		assert.Nil(t, p.USB)
		assert.Equal(t, "serial://"+p.Path, p.URL)
	}
	assert.Equal(t, []string{"/dev/cu.Bluetooth", "/dev/cu.usbserial-110", "/dev/cuaU0"}, paths)

	_, err = List(system(t, "somewhere"))
	assert.ErrorIs(t, err, ErrUnknown)
}

// A file that a port's name stands for may be missing, or closed to this user.
func TestAccess(t *testing.T) {
	root := system(t, "sys/devices/x/driver=", "sys/class/tty/ttyS0/device -> ../../../devices/x", "dev/null=")
	list, err := List(root)
	require.NoError(t, err)
	assert.Equal(t, "no such file or directory", list[0].Access)
	assert.Empty(t, list[0].Driver)
}

// TestThisHost: whatever this host has can be listed.
func TestThisHost(t *testing.T) {
	list, err := List("/")
	require.NoError(t, err)
	for _, p := range list {
		assert.NotEmpty(t, p.Path)
		assert.NotEmpty(t, p.Access)
	}
}
