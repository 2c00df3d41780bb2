package router

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
)

// prepare checks what both kinds of router are given.
func prepare(carriers []carrier.Carrier, codecs []codec.Codec, limits Limits) (*carrier.Set, error) {
	if len(codecs) == 0 {
		return nil, errors.New("no codec was given; cbor and json serve most")
	}
	seen := make(map[codec.ID]bool)
	for _, c := range codecs {
		if seen[c.ID()] {
			return nil, fmt.Errorf("codec %q was given twice", c.ID())
		}
		seen[c.ID()] = true
	}
	if err := limits.Validate(); err != nil {
		return nil, err
	}
	return carrier.NewSet(carriers...)
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.Default()
	}
	return l
}
