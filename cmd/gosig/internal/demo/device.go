package demo

import (
	"errors"
	"path/filepath"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/cmd/gosig/internal/host"
)

// device is the simulated one: the line between it and the router is the real link
// over two pseudo-terminals, at 115,200 baud, of which one bit in 10,000 is
// damaged. What it measures is that line.
type device struct {
	router, own *linesim.Port
	line        *linesim.Line
}

// lineBaud is the speed of the line.
const lineBaud = 115200

// newDevice makes the line, with the paths of its ends in a folder.
func newDevice(folder string) (*device, error) {
	d := &device{line: linesim.NewLine(&linesim.LineOptions{
		Baud: lineBaud, Damage: linesim.Damage{BitErrors: 1e-4}, Seed: 1,
	})}
	var err error
	if d.own, err = linesim.NewPort(filepath.Join(folder, "device")); err == nil {
		d.line.Attach(linesim.A, d.own)
		d.router, err = linesim.NewPort(filepath.Join(folder, "tty"))
	}
	if err != nil {
		return nil, errors.Join(err, d.line.Close())
	}
	d.line.Attach(linesim.B, d.router)
	return d, nil
}

// routerAddr is where the router listens, addr what the device dials.
func (d *device) routerAddr() string { return "serial://" + filepath.ToSlash(d.router.Path()) }
func (d *device) addr() string       { return "serial://" + filepath.ToSlash(d.own.Path()) }

// lineUse is what a line has carried.
type lineUse struct {
	Baud        int    `json:"baud"`
	SentBytes   uint64 `json:"sent_bytes"`
	DamagedBits uint64 `json:"damaged_bits"`
}

// measure counts both directions of the line.
func (d *device) measure(*host.Meter) (any, error) {
	a, b := d.line.Stats(linesim.A), d.line.Stats(linesim.B)
	return lineUse{Baud: lineBaud, SentBytes: a.Bytes + b.Bytes, DamagedBits: a.Noise.Flipped + b.Noise.Flipped}, nil
}
