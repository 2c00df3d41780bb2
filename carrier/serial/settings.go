package serial

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/gosig/gosig/carrier"
)

// Line says which port to open, and how it is set. A byte has always 8 data bits:
// the link needs all of them.
type Line struct {
	Path     string // "/dev/ttyUSB0", "COM3"
	Baud     int    // bits a second
	Parity   Parity
	StopBits int // 1 or 2
}

// leastBaud is the lowest speed that is taken: at a lower one a router's handshake lasts
// longer than either side waits.
const leastBaud = 1200

// Parity of a byte on the line.
type Parity string

// The parities; "" is none.
const (
	None Parity = "none"
	Odd  Parity = "odd"
	Even Parity = "even"
)

// bitsPerByte counts the start bit as well.
func (l *Line) bitsPerByte() int {
	n := 1 + 8 + l.StopBits
	if l.Parity == Odd || l.Parity == Even {
		n++
	}
	return n
}

// settings are what an address says, and the options where it says nothing.
type settings struct {
	line       Line
	paced      bool
	mtu        int
	window     int
	maxMessage int
	keepalive  time.Duration
	patience   time.Duration // for the handshake of whoever dials
}

// scheme is what this carrier serves, and all that its addresses may say.
func scheme() carrier.SchemeInfo {
	const both = carrier.Dialing | carrier.Listening
	return carrier.SchemeInfo{
		Scheme: "serial", Syntax: "serial:///dev/ttyUSB0, or when listening a pattern: serial:///dev/serial/by-id/*",
		Protects: "nothing, but for damage: CRC-32, and sent again",
		Proves:   "path of the port",
		Params: []carrier.Param{
			{Name: "baud", Use: both, Meaning: "bits a second, 1200 at least; default 115200"},
			{Name: "parity", Use: both, Meaning: "none, odd or even; default none"},
			{Name: "stop", Use: both, Meaning: "stop bits, 1 or 2; default 1"},
			{Name: "pace", Use: both, Meaning: "line: no faster than the line takes bytes; off: for ports that have no speed, such as USB CDC-ACM; default line"},
			{Name: "mtu", Use: both, Meaning: "most payload bytes in a frame of the link, 32 to 4096; default 246; less for a bad line or a small peer"},
			{Name: "window", Use: both, Meaning: "frames on their way at once, 1 to 15; default 15"},
			{Name: "max_message", Use: both, Meaning: "largest message that is accepted, in bytes; default 65536"},
			{Name: "keepalive", Use: both, Meaning: "silence after which the peer is asked for a sign of life, 50ms to 60s, given up after 3.5 times that; default 1s"},
		},
	}
}

// Describe implements [carrier.Describer].
func (c *Carrier) Describe() []carrier.SchemeInfo { return []carrier.SchemeInfo{scheme()} }

// settings checks all of an address.
func (c *Carrier) settings(addr *url.URL, side carrier.Use) (*settings, error) {
	if addr.Scheme != "serial" {
		return nil, fmt.Errorf("scheme %q is not serial", addr.Scheme)
	}
	info := scheme()
	query, err := carrier.Query(addr, info.Names(side)...)
	if err != nil {
		return nil, err
	}
	path, err := portPath(addr)
	if err != nil {
		return nil, err
	}
	o := &c.opts
	s := &settings{
		line:  Line{Path: path, Baud: o.Baud, Parity: o.Parity, StopBits: o.StopBits},
		paced: !o.Unpaced, mtu: o.MTU, window: o.Window, maxMessage: o.MaxMessage,
		keepalive: o.Keepalive, patience: o.HandshakeTimeout,
	}
	p := params{query: query}
	p.number("baud", &s.line.Baud, leastBaud, 20_000_000)
	p.word("parity", (*string)(&s.line.Parity), string(None), string(Odd), string(Even))
	p.number("stop", &s.line.StopBits, 1, 2)
	p.number("mtu", &s.mtu, 32, 4096)
	p.number("window", &s.window, 1, 15)
	p.number("max_message", &s.maxMessage, 1, 1<<28-1)
	p.duration("keepalive", &s.keepalive, 50*time.Millisecond, time.Minute)
	pace := ""
	if p.word("pace", &pace, "line", "off"); pace != "" {
		s.paced = pace == "line"
	}
	return s, errors.Join(p.errs...)
}

// portPath takes the path of a port, or a pattern of paths, out of an address.
func portPath(addr *url.URL) (string, error) {
	if addr.Host != "" {
		return "", fmt.Errorf("%s has a host, and a port has a path: write serial:///%s", carrier.Redact(addr), strings.TrimPrefix(addr.Host+addr.Path, "/"))
	}
	path := addr.Path
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/")
	}
	if strings.Trim(path, "/") == "" {
		return "", errors.New("the address names no port: write serial:///dev/ttyUSB0")
	}
	if _, err := filepath.Match(path, ""); err != nil {
		return "", fmt.Errorf("pattern %q: %w", path, err)
	}
	return path, nil
}

// isPattern reports whether the path stands for many.
func (s *settings) isPattern() bool { return strings.ContainsAny(s.line.Path, "*?[") }

// params reads the parameters of a query, and keeps what is wrong.
type params struct {
	query url.Values
	errs  []error
}

func (p *params) wrong(name, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("parameter %s=%s: %s", name, p.query.Get(name), fmt.Sprintf(format, args...)))
}

func (p *params) number(name string, to *int, least, most int) {
	if !p.query.Has(name) {
		return
	}
	n, err := strconv.Atoi(p.query.Get(name))
	if err != nil || n < least || n > most {
		p.wrong(name, "want a number from %d to %d", least, most)
		return
	}
	*to = n
}

func (p *params) duration(name string, to *time.Duration, least, most time.Duration) {
	if !p.query.Has(name) {
		return
	}
	d, err := time.ParseDuration(p.query.Get(name))
	if err != nil || d < least || d > most {
		p.wrong(name, "want a duration from %v to %v", least, most)
		return
	}
	*to = d
}

func (p *params) word(name string, to *string, words ...string) {
	if !p.query.Has(name) {
		return
	}
	given := p.query.Get(name)
	for _, w := range words {
		if given == w {
			*to = w
			return
		}
	}
	p.wrong(name, "want one of %s", strings.Join(words, ", "))
}
