package router

import (
	"net"
	"strings"
)

// loopback reports whether an address, of the form of a URL or without a scheme,
// is an IP address of this machine alone.
func loopback(address string) bool {
	rest := trimScheme(address)
	rest, _, _ = strings.Cut(rest, "/")
	rest, _, _ = strings.Cut(rest, "?")
	h, _, err := net.SplitHostPort(rest)
	if err != nil {
		return false
	}
	ip := net.ParseIP(h)
	return ip != nil && ip.IsLoopback()
}

// localListener reports whether only this machine can reach a listener.
func localListener(url string) bool {
	scheme, _, _ := strings.Cut(url, "://")
	return scheme == "mem" || scheme == "unix" || loopback(url)
}
