//go:build linux || windows || (cgo && (darwin || freebsd || openbsd || netbsd || dragonfly))

package serial

import tarm "github.com/tarm/serial"

func tarmParity(p Parity) tarm.Parity {
	switch p {
	case Odd:
		return tarm.ParityOdd
	case Even:
		return tarm.ParityEven
	}
	return tarm.ParityNone
}
