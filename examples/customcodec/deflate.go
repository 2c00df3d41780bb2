package main

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sync"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
)

// maxPlain bounds what a few bytes from a peer may unpack to.
const maxPlain = 4 << 20

// deflated is JSON, compressed: for slow lines and long texts.
type deflated struct {
	json codec.Codec

	mu sync.Mutex
	w  *flate.Writer // a megabyte, so there is one, and callers take turns
}

func newDeflated() *deflated {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // fails for an unknown level only
	return &deflated{json: json.New(), w: w}
}

func (*deflated) ID() codec.ID { return "json+deflate" }

func (c *deflated) Append(dst []byte, v any) ([]byte, error) {
	plain, err := c.json.Append(nil, v)
	if err != nil {
		return dst, err
	}
	out := bytes.NewBuffer(dst)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.w.Reset(out)
	if _, err = c.w.Write(plain); err == nil {
		err = c.w.Close()
	}
	return out.Bytes(), err
}

func (c *deflated) Decode(data []byte, into any) error {
	packed := bytes.NewReader(data)
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(packed), maxPlain+1))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", codec.ErrMalformed, err)
	case len(plain) > maxPlain:
		return fmt.Errorf("%w: unpacks to more than %d bytes", codec.ErrLimit, maxPlain)
	case packed.Len() > 0:
		return fmt.Errorf("%w: bytes after the end", codec.ErrMalformed)
	}
	return c.json.Decode(plain, into)
}
