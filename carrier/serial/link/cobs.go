package link

// Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999) takes the zeros
// out of a frame, so that a zero on the line is always the end of one. A block
// is a code n and n-1 bytes that are not zero; it stands for these bytes and a
// zero after them, except that 255 has no zero after its 254 bytes and that the
// zero of the last block is left out:
//
//	11 22 00 33        ->  03 11 22 02 33
//	00                 ->  01 01
//	01 02 ... FE       ->  FF 01 02 ... FE        (254 bytes: no block follows)
//	01 02 ... FE FF    ->  FF 01 02 ... FE 02 FF

// cobsBound returns how many bytes size bytes can become.
func cobsBound(size int) int { return size + size/254 + 1 }

// appendCOBS appends the parts, taken as one piece, to dst without zeros.
func appendCOBS(dst []byte, parts ...[]byte) []byte {
	code := len(dst) // where the running block's code goes
	dst = append(dst, 0)
	full := false // the running block has 254 bytes: open the next only if something follows
	for _, part := range parts {
		for _, b := range part {
			if full {
				code, full = len(dst), false
				dst = append(dst, 0)
			}
			if b != 0 {
				dst = append(dst, b)
			}
			switch {
			case b == 0:
				dst[code] = byte(len(dst) - code)
				code = len(dst)
				dst = append(dst, 0)
			case len(dst)-code == 255:
				dst[code], full = 255, true
			}
		}
	}
	if !full {
		dst[code] = byte(len(dst) - code)
	}
	return dst
}

// decodeCOBS decodes in place and returns the front of p that holds the frame.
// It reports false where p, which must hold no zero, cannot come from an
// encoder: a block that is longer than what is left. One harmless liberty is
// accepted: an empty block after a full one at the end, which some encoders add.
func decodeCOBS(p []byte) ([]byte, bool) {
	n := 0
	for i := 0; i < len(p); {
		code := int(p[i])
		if code == 0 || i+code > len(p) {
			return nil, false
		}
		n += copy(p[n:], p[i+1:i+code])
		i += code
		if code < 255 && i < len(p) {
			p[n] = 0
			n++
		}
	}
	return p[:n], true
}
