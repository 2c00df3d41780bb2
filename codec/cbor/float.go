package cbor

import "math"

// widen16 returns the value of an IEEE 754 half-precision float:
// sign 1, exponent 5 (bias 15), fraction 10 bits.
func widen16(bits uint16) float64 {
	exponent, fraction := int(bits>>10&31), float64(bits&1023)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		f = math.Inf(1)
		if fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(fraction+1024, exponent-25)
	}
	if bits>>15 != 0 {
		f = -f
	}
	return f
}

// narrow16 returns f as a half-precision float, if it is one.
func narrow16(f float32) (uint16, bool) {
	bits := math.Float32bits(f)
	sign := uint16(bits >> 16 & 0x8000)
	exponent, fraction := int(bits>>23&255)-127, bits&(1<<23-1)
	switch {
	case bits<<1 == 0:
		return sign, true
	case exponent == 128 && fraction == 0:
		return sign | 31<<10, true
	case exponent >= -14 && exponent <= 15 && fraction&(1<<13-1) == 0:
		return sign | uint16(exponent+15)<<10 | uint16(fraction>>13), true
	case exponent >= -24 && exponent < -14:
		// A subnormal one: whole multiples of 2^-24.
		whole := fraction | 1<<23
		shift := uint(-exponent - 1)
		if whole&(1<<shift-1) == 0 {
			return sign | uint16(whole>>shift), true
		}
	}
	return 0, false
}

// appendFloat writes the shortest form that keeps the value (RFC 8949 §4.2.1).
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) {
		return append(dst, float16, 0x7e, 0)
	}
	single := float32(f)
	if float64(single) != f {
		return appendWord(dst, float64bit, 8, math.Float64bits(f))
	}
	if half, ok := narrow16(single); ok {
		return appendWord(dst, float16, 2, uint64(half))
	}
	return appendWord(dst, float32bit, 4, uint64(math.Float32bits(single)))
}

// appendWord writes a head and the low size bytes of word, the highest first.
func appendWord(dst []byte, head byte, size int, word uint64) []byte {
	dst = append(dst, head)
	for shift := 8 * (size - 1); shift >= 0; shift -= 8 {
		dst = append(dst, byte(word>>shift))
	}
	return dst
}
