//go:build !unix

package serial

// whoMay says how to become one who may open a port.
func whoMay(string) string { return "another program may have it, or it belongs to another user" }
