package certs

import "github.com/gosig/gosig/carrier"

const both = carrier.Dialing | carrier.Listening

// Params describes [DialParams] and [ListenParams], for a carrier's
// [carrier.Describer]. The result is the caller's.
func Params() []carrier.Param {
	return []carrier.Param{
		{Name: "ca", Use: both, Meaning: "file with the CA that the peer's certificate must be signed by; a listener with one requires certificates of its clients"},
		{Name: "cert", Use: both, Meaning: "file with this side's certificate; with key"},
		{Name: "key", Use: both, Meaning: "file with the key of cert"},
		{Name: "server_name", Use: carrier.Dialing, Meaning: "the name the server's certificate must have; by default the host"},
		{Name: "client_auth", Use: carrier.Listening, Meaning: "none, verify (if the client has one), require (default with ca)"},
	}
}

// MinTLSParam describes [MinTLS].
func MinTLSParam() carrier.Param {
	return carrier.Param{Name: MinTLS, Use: both, Meaning: "1.3 (default) or 1.2"}
}
