package linesim

// uart receives a line at a speed that may not be the sender's. With another one
// it makes other bytes of the same bits, or none:
//
//	sender    --+  +--+        +-----+  +--+--
//	            |__|  |________|     |__|         start, 8 bits, stop
//	receiver    |     ^     ^     ^     ^         samples at 1.5, 2.5 ... 9.5 of its own bits
//
// A byte whose stop bit is no stop bit is left out, as the system does that is
// told to ignore such bytes.
type uart struct {
	now    float64 // in bits of the receiver
	level  byte    // of the line
	inside bool    // a start bit has come
	next   float64 // when the next sample is taken
	bits   int     // samples taken
	value  uint16
}

func newUART() uart { return uart{level: 1} }

// receive appends what is received of bytes sent one after another; ratio is the
// receiver's speed by the sender's.
func (u *uart) receive(dst, sent []byte, ratio float64) []byte {
	for _, b := range sent {
		frame := uint16(b)<<1 | 1<<9
		for i := range 10 {
			dst = u.bit(dst, byte(frame>>i&1), ratio)
		}
	}
	return dst
}

// idle lets the line be silent for as long as any byte takes.
func (u *uart) idle(dst []byte) []byte { return u.bit(dst, 1, 10) }

// bit lets the line have a level for a time.
func (u *uart) bit(dst []byte, level byte, lasts float64) []byte {
	if !u.inside && u.level == 1 && level == 0 {
		u.inside, u.next, u.bits, u.value = true, u.now+1.5, 0, 0
	}
	u.level = level
	u.now += lasts
	for u.inside && u.next < u.now {
		u.value |= uint16(level) << u.bits
		u.bits++
		u.next++
		if u.bits < 9 {
			continue
		}
		u.inside = false
		if u.value>>8 == 1 {
			dst = append(dst, byte(u.value))
		}
	}
	if !u.inside {
		u.now = 0 // so that it never grows; nothing refers to it
	}
	return dst
}
