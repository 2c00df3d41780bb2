package link

import "time"

// receive holds the frames that have come until Receive has taken their bytes.
//
//	      first           want              first+window   (frame numbers)
//	        v              v                   v
//	+-------+--------------+-------------------+-----
//	| taken | in order     | some, after a gap | no room
//	+-------+--------------+-------------------+-----
//
// The credit that is granted ends at first+window, which never moves back.
type receive struct {
	slots  []slot // by number; a power of two, at least window
	window byte
	first  byte
	want   byte
	seen   byte // the peer has sent the frames before this number
	used   int  // bytes of the slot first that were taken

	left      int  // bytes of the message that are still to come
	length    int  // of the next message, as far as it has come
	lengthLen uint // bytes of it
	inside    bool // a message's length has come, not all of its bytes

	granted byte          // the end of the credit that was last told
	ackSoon bool          // something came: acknowledge it when nothing else goes out
	ackNow  bool          // a gap was found: tell it before anything else
	hintSet bool          // something damaged came
	hint    time.Duration // tell it then, if nothing has come by then
}

// slot is one receive buffer.
type slot struct {
	data []byte // its capacity is the MTU
	full bool
}

func (r *receive) init(o *Options) {
	n := 1
	for n < o.Window {
		n *= 2
	}
	r.slots = make([]slot, n)
	all := make([]byte, n*o.MTU)
	for i := range r.slots {
		r.slots[i].data = all[i*o.MTU : i*o.MTU : (i+1)*o.MTU]
	}
	r.window = byte(o.Window)
}

func (r *receive) reset() {
	for i := range r.slots {
		r.slots[i].full = false
	}
	*r = receive{slots: r.slots, window: r.window, granted: r.window}
}

func (r *receive) at(seq byte) *slot { return &r.slots[int(seq)&(len(r.slots)-1)] }

// credit returns how many frames from want on have a buffer.
func (r *receive) credit() byte { return r.first + r.window - r.want }

// gap reports whether something that was sent has not come.
func (r *receive) gap() bool { return r.seen != r.want }

// bitmap says which frames have come beyond the one that is missing: bit 0 is
// the number after it.
func (r *receive) bitmap() (bits uint16) {
	for i := byte(0); i+1 < r.credit(); i++ {
		if r.at(r.want + 1 + i).full {
			bits |= 1 << i
		}
	}
	return bits
}

// data takes a DATA frame; it reports whether the frame is new.
func (r *receive) data(seq byte, payload []byte) bool {
	r.ackSoon = true
	ahead := seq - r.want
	if ahead >= r.credit() || r.at(seq).full {
		return false
	}
	s := r.at(seq)
	s.data, s.full = append(s.data[:0], payload...), true
	r.told(seq+1, 1)
	for r.want != r.first+r.window && r.at(r.want).full {
		r.want++
	}
	return true
}

// told: the peer has sent all frames before seq, of which the last here are at
// hand. What is between those known before and these is missing: tell at once.
func (r *receive) told(seq, here byte) {
	if news := seq - r.seen; news > 0 && news < 128 && seq-r.want <= r.window {
		r.ackNow = r.ackNow || news > here
		r.seen = seq
	}
}

// expectHint notes that something damaged has come, of which the peer is told
// unless the next frame comes by then and shows what it was.
func (r *receive) expectHint(by time.Duration) {
	if !r.hintSet {
		r.hintSet, r.hint = true, by
	}
}

// Receive appends to dst what has come of the current message and reports
// whether the message is complete; call it until it is not. The caller keeps
// what it has of a message and passes it in again when more has come: dst grows
// by bytes that came, never by a length that was only declared, and never beyond
// Options.MaxMessage. After a [Lost] event the rest of it will not come.
func (m *Machine) Receive(dst []byte) (message []byte, whole bool) {
	r := &m.rx
	for r.first != r.want {
		s := r.at(r.first)
		if r.inside {
			n := min(r.left, len(s.data)-r.used)
			dst = append(dst, s.data[r.used:r.used+n]...)
			r.used += n
			r.left -= n
		} else if r.used < len(s.data) {
			if !r.lengthByte(s.data[r.used], m.opt.MaxMessage) {
				m.refuseMessage()
				return dst, false
			}
			r.used++
		}
		whole = r.inside && r.left == 0
		if r.used == len(s.data) {
			m.release(s)
		}
		if whole {
			r.inside = false
			return dst, true
		}
	}
	return dst, false
}

// lengthByte takes a byte of a message's length; it reports false when the
// message is too large.
func (r *receive) lengthByte(b byte, limit int) bool {
	r.length |= int(b&0x7f) << (7 * r.lengthLen)
	r.lengthLen++
	switch {
	case r.length > limit, b&0x80 != 0 && r.lengthLen == maxLengthLen, b == 0 && r.lengthLen > 1:
		return false
	case b&0x80 == 0:
		r.left, r.inside = r.length, true
		r.length, r.lengthLen = 0, 0
	}
	return true
}

// release gives the buffer of the oldest frame back, and tells the peer where it
// may be waiting for that.
func (m *Machine) release(s *slot) {
	r := &m.rx
	s.full, r.used = false, 0
	r.first++
	if owed := r.first + r.window - r.granted; r.granted == r.want || owed > r.window/2 {
		r.ackSoon = r.ackSoon || m.sess.open
	}
}

// refuseMessage ends the session over a message that is larger than was agreed.
func (m *Machine) refuseMessage() {
	m.rx.reset()
	if m.sess.open {
		m.reset(ReasonTooLarge)
	}
}
