package cli

import (
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/gosig/gosig/cmd/gosig/internal/config"
)

// sizeFlag is a flag for a number of bytes, written as in a configuration.
type sizeFlag struct{ to *int }

func (f *sizeFlag) Type() string { return "size" }

func (f *sizeFlag) String() string {
	if f.to == nil {
		return ""
	}
	return config.Size{Bytes: int64(*f.to)}.String()
}

func (f *sizeFlag) Set(s string) error {
	v, err := config.ParseSize(s)
	if err != nil {
		return err
	}
	if v < 1 || v > math.MaxInt32 {
		return fmt.Errorf("%s is not from 1B to 2GiB", s)
	}
	*f.to = int(v)
	return nil
}

// rateFlag is a flag for a number a second: "500", "500/s", "10k/s", "2M/s".
type rateFlag struct{ to *float64 }

func (f *rateFlag) Type() string { return "rate" }

func (f *rateFlag) String() string {
	if f.to == nil || *f.to == 0 {
		return ""
	}
	return strconv.FormatFloat(*f.to, 'f', -1, 64) + "/s"
}

func (f *rateFlag) Set(s string) error {
	number, factor := strings.TrimSuffix(s, "/s"), 1.0
	for suffix, by := range map[string]float64{"k": 1e3, "M": 1e6} {
		if rest, ok := strings.CutSuffix(number, suffix); ok {
			number, factor = rest, by
			break
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v > 0) || v*factor > 1e9 {
		return fmt.Errorf("%q is no rate; write it like 500, 500/s, 10k/s or 2M/s", s)
	}
	*f.to = v * factor
	return nil
}

// terminal reports whether w is one, on which a line can be drawn over and over.
func terminal(w io.Writer) bool {
	if l, ok := w.(*lockedWriter); ok {
		w = l.w
	}
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a character device as well
	return err != nil || !os.SameFile(info, null)
}
