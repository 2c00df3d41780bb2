//go:build windows || (cgo && (darwin || freebsd || openbsd || netbsd || dragonfly))

package serial

import (
	"io"

	tarm "github.com/tarm/serial"
)

func openSystem(line Line) (io.ReadWriteCloser, error) {
	p, err := tarm.OpenPort(&tarm.Config{
		Name: line.Path, Baud: line.Baud, Parity: tarmParity(line.Parity), StopBits: tarm.StopBits(line.StopBits),
		ReadTimeout: readTimeout,
	})
	if err != nil {
		return nil, err
	}
	return newTimed(p), nil
}
