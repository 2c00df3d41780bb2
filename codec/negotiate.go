package codec

import (
	"fmt"
	"strings"
)

// Negotiate returns the first codec of prefer, which is in the order of the
// client's preference, that is among have. If there is none, the error matches
// ErrNoCommon and names both sides' codecs.
func Negotiate(prefer []ID, have []Codec) (Codec, error) {
	for _, id := range prefer {
		for _, c := range have {
			if c.ID() == id {
				return c, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: asked for %s, have %s", ErrNoCommon, list(prefer), list(IDs(have)))
}

// IDs returns the names of codecs, in their order.
func IDs(codecs []Codec) []ID {
	ids := make([]ID, len(codecs))
	for i, c := range codecs {
		ids[i] = c.ID()
	}
	return ids
}

// Check returns an error when a set of codecs cannot be negotiated: it is
// empty, one is nil, a name is not valid, or two have the same name.
func Check(codecs []Codec) error {
	if len(codecs) == 0 {
		return fmt.Errorf("no codec given")
	}
	seen := make(map[ID]bool, len(codecs))
	for i, c := range codecs {
		if c == nil {
			return fmt.Errorf("codec number %d is nil", i)
		}
		id := c.ID()
		if err := id.Validate(); err != nil {
			return err
		}
		if seen[id] {
			return fmt.Errorf("two codecs are named %q", string(id))
		}
		seen[id] = true
	}
	return nil
}

// list quotes names for an error. They may be a peer's: their number and
// length are bounded.
func list(ids []ID) string {
	if len(ids) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, id := range ids {
		if i == 8 {
			fmt.Fprintf(&b, " and %d more", len(ids)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.40q", string(id))
	}
	return b.String()
}
