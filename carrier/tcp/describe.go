package tcp

import (
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

// schemes is what this carrier serves, and all that its addresses may say.
func schemes() []carrier.SchemeInfo {
	return []carrier.SchemeInfo{
		{
			Scheme: "tcp", Syntax: "tcp://host:port",
			Protects: "nothing",
		},
		{
			Scheme: "tls", Syntax: "tls://host:port",
			Protects: "TLS 1.3, ALPN " + ALPN,
			Proves:   "certificate: its one URI name, else its one DNS name",
			Params:   append(certs.Params(), certs.MinTLSParam()),
		},
		{
			Scheme: "unix", Syntax: "unix:///path",
			Protects: "file mode, by default 0600",
			Proves:   "uid:1000, on Linux",
			Params: []carrier.Param{
				{Name: "mode", Use: carrier.Listening, Meaning: "mode of the socket, in octal"},
			},
		},
	}
}

// Describe implements [carrier.Describer].
func (c *Carrier) Describe() []carrier.SchemeInfo { return schemes() }

// known are the parameters of a scheme on one side.
func known(scheme string, side carrier.Use) []string {
	for _, s := range schemes() {
		if s.Scheme == scheme {
			return s.Names(side)
		}
	}
	return nil
}
