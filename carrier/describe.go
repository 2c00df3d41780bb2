package carrier

import "slices"

// Use says on which side of a connection a parameter of a URL means something.
type Use uint8

// The uses; a parameter of both sides has both.
const (
	Dialing   Use = 1 << 0
	Listening Use = 1 << 1
)

// String says it in a word.
func (u Use) String() string {
	switch u {
	case Dialing:
		return "dial"
	case Listening:
		return "listen"
	case Dialing | Listening:
		return "both"
	}
	return "neither"
}

// Param describes one query parameter of a URL.
type Param struct {
	Name    string
	Use     Use
	Meaning string // one line; the default where there is one
}

// SchemeInfo describes one scheme of a [Carrier], for people.
type SchemeInfo struct {
	Scheme   string  // "tls"
	Syntax   string  // how a URL is written, without parameters: "tls://host:port"
	Protects string  // what keeps others from reading along: "nothing", "TLS 1.3"
	Proves   string  // how a peer proves who it is; "" if it cannot
	Params   []Param // every query parameter there is
}

// Names returns the names of the parameters that mean something on a side: what
// [Query] is to know there.
func (s SchemeInfo) Names(side Use) []string {
	var names []string
	for _, p := range s.Params {
		if p.Use&side != 0 {
			names = append(names, p.Name)
		}
	}
	return names
}

// Describer is a [Carrier] that explains its addresses.
type Describer interface {
	// Describe returns one entry for each of Schemes, in the same order. It
	// neither blocks nor fails, and the result is the caller's.
	Describe() []SchemeInfo
}

// Describe returns what c says of its schemes: one entry for each of
// c.Schemes(), with nothing but the scheme where c does not describe it.
func Describe(c Carrier) []SchemeInfo {
	var known []SchemeInfo
	if d, ok := c.(Describer); ok {
		known = d.Describe()
	}
	all := make([]SchemeInfo, 0, len(c.Schemes()))
	for _, scheme := range c.Schemes() {
		info := SchemeInfo{Scheme: scheme}
		if i := slices.IndexFunc(known, func(s SchemeInfo) bool { return s.Scheme == scheme }); i >= 0 {
			info = known[i]
		}
		all = append(all, info)
	}
	return all
}
