package mem

import "github.com/gosig/gosig/carrier"

// info is all that an address may say.
func info() carrier.SchemeInfo {
	return carrier.SchemeInfo{
		Scheme: "mem", Syntax: "mem://name",
		Protects: "staying within the process",
		Proves:   "?as=name when dialling",
		Params: []carrier.Param{
			{Name: "as", Use: carrier.Dialing, Meaning: "who the dialler is"},
		},
	}
}

// Describe implements [carrier.Describer].
func (n *Network) Describe() []carrier.SchemeInfo { return []carrier.SchemeInfo{info()} }
