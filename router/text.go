package router

import (
	"strconv"
	"strings"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// texts and names convert between the strings of envelopes and names.
func texts(names []sig.Name) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return out
}

func names(texts []string) []sig.Name {
	out := make([]sig.Name, len(texts))
	for i, t := range texts {
		out[i] = sig.Name(t)
	}
	return out
}

// bounded cuts a text to what an envelope may carry.
func bounded(text string) string {
	if len(text) > wire.MaxText {
		text = text[:wire.MaxText]
	}
	return strings.ToValidUTF8(text, "?")
}

func quoted(n sig.Name) string { return strconv.Quote(string(n)) }

// trimScheme returns an address without its URL scheme.
func trimScheme(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		return rest
	}
	return address
}

func schemeOf(address string) string {
	scheme, _, _ := strings.Cut(address, "://")
	return scheme
}
