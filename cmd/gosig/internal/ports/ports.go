// Package ports lists the serial ports of this host, with the names of the USB
// devices behind them where the system knows those. It opens none: opening a port
// resets many boards.
//
//	list, err := ports.List("/")
package ports

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// Port is a serial port. Its JSON keys are a promise.
type Port struct {
	Path   string `json:"path"`             // /dev/ttyUSB0: may be another one tomorrow
	Stable string `json:"stable,omitempty"` // below /dev/serial/by-id, or by-path: stays
	URL    string `json:"url"`              // to listen on or to connect to, by the stable path where there is one
	Driver string `json:"driver,omitempty"`
	USB    *USB   `json:"usb"`
	Access string `json:"access"` // "ok", or why this user may not open it
}

// USB is the device that a port is a part of, as it describes itself.
type USB struct {
	VendorID  string `json:"vendor_id"` // four hexadecimal digits
	ProductID string `json:"product_id"`
	Vendor    string `json:"vendor,omitempty"`
	Product   string `json:"product,omitempty"`
	Serial    string `json:"serial,omitempty"`
	Interface string `json:"interface,omitempty"` // where a device has several ports
}

// AccessOK is the access of a port that this user may open.
const AccessOK = "ok"

// ErrUnknown: this system does not tell which ports it has.
var ErrUnknown = errors.New("this system does not tell which serial ports it has")

// List returns the ports of the system whose files are below root, sorted.
func List(root string) ([]Port, error) {
	tree := tree{root}
	class, err := os.ReadDir(tree.at("sys/class/tty"))
	if errors.Is(err, fs.ErrNotExist) {
		return tree.byName()
	} else if err != nil {
		return nil, fmt.Errorf("list serial ports: %w", err)
	}
	stable := tree.stablePaths()
	list := []Port{}
	for _, entry := range class {
		if p, ok := tree.port(entry.Name()); ok {
			p.Stable = stable[p.Path]
			list = append(list, tree.finish(p))
		}
	}
	slices.SortFunc(list, func(a, b Port) int { return natural(a.Path, b.Path) })
	return list, nil
}

// tree is where the system's files are.
type tree struct{ root string }

func (t tree) at(name string) string { return filepath.Join(t.root, filepath.FromSlash(name)) }

// port looks at an entry of /sys/class/tty. One without a device behind it is a
// console or a pseudo-terminal, one whose UART has no type is a place for a UART
// that is not there.
func (t tree) port(name string) (Port, bool) {
	entry := t.at("sys/class/tty/" + name)
	device, err := filepath.EvalSymlinks(filepath.Join(entry, "device"))
	if err != nil || read(entry, "type") == "0" {
		return Port{}, false
	}
	p := Port{Path: "/dev/" + name, Driver: base(device, "driver"), USB: t.usb(device)}
	return p, true
}

// usb looks for the USB device that a device is a part of: in the first of the
// folders above it that has one's numbers.
func (t tree) usb(device string) *USB {
	top, err := filepath.EvalSymlinks(t.at("sys"))
	if err != nil {
		return nil
	}
	usb := USB{}
	for dir := device; strings.HasPrefix(dir, top+string(filepath.Separator)); dir = filepath.Dir(dir) {
		usb.Interface = cmp.Or(usb.Interface, read(dir, "interface"))
		if usb.VendorID = read(dir, "idVendor"); usb.VendorID == "" {
			continue
		}
		usb.ProductID, usb.Serial = read(dir, "idProduct"), read(dir, "serial")
		usb.Vendor, usb.Product = read(dir, "manufacturer"), read(dir, "product")
		return &usb
	}
	return nil
}

// stablePaths are the names that stay, by the port they stand for now. A name by
// what the device is goes before one by where it is plugged in.
func (t tree) stablePaths() map[string]string {
	names := map[string]string{}
	for _, dir := range []string{"dev/serial/by-path", "dev/serial/by-id"} {
		links, _ := os.ReadDir(t.at(dir)) // without udev there are none
		for _, link := range links {
			target, err := os.Readlink(filepath.Join(t.at(dir), link.Name()))
			if err == nil {
				names["/dev/"+filepath.Base(target)] = "/" + dir + "/" + link.Name()
			}
		}
	}
	return names
}

// byName lists ports where they are known by their names alone.
func (t tree) byName() ([]Port, error) {
	list := []Port{}
	known := false
	for _, pattern := range []string{"dev/cu.*", "dev/cuaU[0-9]*", "dev/cua[0-9]*", "dev/dtyU[0-9]*"} {
		found, _ := filepath.Glob(t.at(pattern)) // the patterns are good
		for _, name := range found {
			if base := filepath.Base(name); !slices.Contains([]string{".lock", ".init"}, filepath.Ext(base)) {
				list, known = append(list, t.finish(Port{Path: "/dev/" + base})), true
			}
		}
	}
	if _, err := os.Stat(t.at("dev")); err != nil && !known {
		return nil, ErrUnknown
	}
	slices.SortFunc(list, func(a, b Port) int { return natural(a.Path, b.Path) })
	return list, nil
}

func (t tree) finish(p Port) Port {
	p.URL = (&url.URL{Scheme: "serial", Path: cmp.Or(p.Stable, p.Path)}).String()
	p.Access = access(t.at(p.Path))
	return p
}

// read returns what a small file says, fit for a terminal: much of it comes from
// devices.
func read(dir, name string) string {
	const most = 200
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, most)
	n, _ := f.Read(buf) // nothing of it is nothing
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) && c != '\n' {
			return '?'
		}
		return c
	}, string(buf[:n])))
}

// base is the last name of what a link points to.
func base(dir, name string) string {
	target, err := os.Readlink(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

// natural compares names so that the numbers in them count: ttyUSB2 comes before
// ttyUSB10.
func natural(a, b string) int {
	textA, textB := strings.TrimRight(a, "0123456789"), strings.TrimRight(b, "0123456789")
	return cmp.Or(cmp.Compare(textA, textB), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
