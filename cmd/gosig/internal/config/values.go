package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is written like "10s", "1m30s" or "250ms".
type Duration struct {
	time.Duration
	set bool // the file mentions it
	// err waits for validate, which knows the line: the decoder forgets the
	// place of an error about a number.
	err error
}

// NewDuration is the duration as if a file mentioned it.
func NewDuration(d time.Duration) Duration { return Duration{Duration: d, set: true} }

// UnmarshalText reads a duration; it must have a unit and not be negative.
func (d *Duration) UnmarshalText(text []byte) error {
	d.set = true
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		d.err = fmt.Errorf("%q is no duration; write it with a unit, like \"10s\" or \"250ms\"", text)
		return nil
	}
	d.Duration = v
	return nil
}

// Size is a number of bytes, written like "512KiB", "1MiB" or 4096.
type Size struct {
	Bytes int64
	set   bool  // the file mentions it
	err   error // as in Duration
}

var units = []struct {
	suffix string
	factor int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// UnmarshalText reads a size; see [ParseSize].
func (s *Size) UnmarshalText(text []byte) error {
	s.set = true
	s.Bytes, s.err = ParseSize(string(text))
	return nil
}

// ParseSize reads a number of bytes. Units are binary; "MB" is refused rather
// than guessed at.
func ParseSize(text string) (int64, error) {
	number, factor := strings.TrimSpace(text), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	v, err := strconv.ParseInt(number, 10, 64)
	if err != nil || v < 0 || v > math.MaxInt/factor {
		return 0, fmt.Errorf("%q is no size; write it like 4096, \"64KiB\" or \"1MiB\"", text)
	}
	return v * factor, nil
}

// String writes it in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range units {
		if s.Bytes != 0 && s.Bytes%u.factor == 0 {
			return strconv.FormatInt(s.Bytes/u.factor, 10) + u.suffix
		}
	}
	return "0B"
}

// Count is a number of things.
type Count struct {
	N   int
	set bool  // the file mentions it
	err error // as in Duration
}

// UnmarshalText reads a number that is not negative.
func (c *Count) UnmarshalText(text []byte) error {
	c.set = true
	v, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil {
		c.err = fmt.Errorf("%q is no number from 0 to %d", text, math.MaxInt32)
		return nil
	}
	c.N = int(v)
	return nil
}

// Level is the least severe message that is logged: debug, info, warn, error.
type Level string

// Slog returns the level for a logger; an empty one is info.
func (l Level) Slog() (slog.Level, error) {
	switch l {
	case "debug":
		return slog.LevelDebug, nil
	case "info", "":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("%q is no log level; there are debug, info, warn and error", string(l))
}

// Format is how a log line looks.
type Format string

// The two formats of slog.
const (
	FormatText Format = "text"
	FormatJSON Format = "json"
)

// Validate accepts text, json and nothing.
func (f Format) Validate() error {
	switch f {
	case FormatText, FormatJSON, "":
		return nil
	}
	return fmt.Errorf("%q is no log format; there are text and json", string(f))
}

// CodecName names a codec the binary has.
type CodecName string

// Codecs are the codecs the binary has, in the order in which they are
// preferred if nothing else is said.
var Codecs = []CodecName{"cbor", "json", "raw"}

// Validate accepts the names of Codecs.
func (c CodecName) Validate() error {
	for _, known := range Codecs {
		if known == c {
			return nil
		}
	}
	return fmt.Errorf("%q is no codec; there are cbor, json and raw", string(c))
}

// ErrInvalid is in every error about what a file says, as opposed to the
// file's not being readable at all.
var ErrInvalid = errors.New("invalid configuration")

// Error is one mistake in a configuration.
type Error struct {
	File string // as it was given; empty if it is about flags
	Line int    // from 1; 0 if the mistake has no place
	Text string
}

func (e *Error) Error() string {
	if e.File == "" {
		return e.Text
	}
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

// Unwrap makes it match [ErrInvalid].
func (e *Error) Unwrap() error { return ErrInvalid }
