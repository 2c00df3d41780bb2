package ws

import (
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

// schemes is what this carrier serves, and all that its addresses may say.
func schemes() []carrier.SchemeInfo {
	origin := carrier.Param{
		Name: "origin", Use: carrier.Listening,
		Meaning: "web pages that may connect, like https://app.example, several with commas between them; by default none",
	}
	return []carrier.SchemeInfo{
		{
			Scheme: plain, Syntax: "ws://host:port/path",
			Protects: "nothing",
			Params:   []carrier.Param{origin},
		},
		{
			Scheme: secure, Syntax: "wss://host:port/path",
			Protects: "TLS 1.3",
			Proves:   "certificate: its one URI name, else its one DNS name",
			Params:   append(certs.Params(), certs.MinTLSParam(), origin),
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
