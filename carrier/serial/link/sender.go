package link

import "time"

// sender holds the stream that goes out: a ring of bytes, of which the front is
// in frames that are on their way and the back waits. A message enters as its
// length, seven bits a byte and least significant first, and its bytes.
//
//	       una            next                       (frame numbers)
//	        v              v
//	+------+--------------+-----------------+------+
//	| free |  in frames   |     waiting     | free |   (bytes of the ring)
//	+------+--------------+-----------------+------+
//	        ^ head         ^ head+inFrames   ^ head+size
type sender struct {
	ring     []byte
	head     int // the oldest byte that is not acknowledged
	size     int
	inFrames int
	partial  int // bytes of the message that is being written which are still to come

	open   bool
	una    byte // the oldest frame that is not acknowledged
	next   byte // the number of the next new frame
	edge   byte // the first number that the peer has no buffer for
	window byte
	frames [maxWindow + 1]sent // by number modulo 16

	stamp   uint32 // counts transmissions of DATA
	arrived uint32 // the latest that has arrived, as far as is known
	lost    int    // frames marked lost
	size0   int    // the peer's MTU
	level   uint   // frames are cut to size0 >> level
	loss    uint32 // share of frames that got lost lately, of 65536
	settled int    // frames judged since the level changed

	timer    time.Duration // from when on an answer is waited for
	retries  uint          // times that none came
	progress time.Duration // when something was acknowledged last, or was sent with nothing under way
}

// sent is a frame on its way.
type sent struct {
	size    int
	offset  int // in the ring
	stamp   uint32
	ends    time.Duration // when its last byte is on the line
	arrived bool
	lost    bool
}

const (
	minChunk  = 24 // no frame is cut smaller for the sake of noise
	maxLevel  = 3
	lossShift = 5  // the share of lost frames is an average over about 32
	settle    = 24 // frames after which a level may be judged
)

func (s *sender) init(o *Options) { s.ring = make([]byte, o.TxBuffer) }

func (s *sender) start(now time.Duration, p *Peer) {
	*s = sender{
		ring: s.ring, open: true, size0: p.MTU,
		window: byte(min(p.Window, maxWindow)), edge: byte(p.Window),
		timer: now, progress: now,
	}
}

func (s *sender) stop() { *s = sender{ring: s.ring} }

// Start begins a message of size bytes, to be given to Write. It takes its room
// in the buffer from the message's bytes as they come, so that size may exceed
// the buffer. Errors: [ErrClosed], [ErrTooLarge], [ErrNoRoom] (nothing has
// happened: try again later), [ErrInside].
func (m *Machine) Start(size int) error {
	s := &m.tx
	switch {
	case !s.open:
		return ErrClosed
	case s.partial > 0:
		return ErrInside
	case size < 0 || size > m.sess.peer.MaxMessage:
		return ErrTooLarge
	case s.room() < lengthSize(size):
		return ErrNoRoom
	}
	s.partial = size
	for ; size >= 0x80; size >>= 7 {
		s.push(byte(size) | 0x80)
	}
	s.push(byte(size))
	return nil
}

// Write gives the next bytes of the message that was started and returns how
// many of them were taken: as many as there is room for. p may be reused. The
// error is [ErrClosed] when the message's session has ended.
func (m *Machine) Write(p []byte) (int, error) {
	s := &m.tx
	if !s.open {
		return 0, ErrClosed
	}
	n := min(len(p), s.room(), s.partial)
	at := (s.head + s.size) % len(s.ring)
	k := copy(s.ring[at:], p[:n])
	copy(s.ring, p[k:n])
	s.size += n
	s.partial -= n
	return n, nil
}

// Send is Start and Write of a message that has room as a whole: it takes all of
// p, which may be reused, or nothing.
func (m *Machine) Send(p []byte) error {
	if m.tx.open && m.tx.partial == 0 && len(p) <= m.sess.peer.MaxMessage && m.tx.room() < lengthSize(len(p))+len(p) {
		return ErrNoRoom
	}
	if err := m.Start(len(p)); err != nil {
		return err
	}
	_, err := m.Write(p)
	return err
}

// Room returns how many bytes the transmit buffer has room for; a message takes
// its own size and up to four bytes.
func (m *Machine) Room() int { return m.tx.room() }

// Idle reports whether everything that was sent has been acknowledged, or there
// is no session.
func (m *Machine) Idle() bool { return m.tx.size == 0 && m.tx.una == m.tx.next }

func (s *sender) room() int { return len(s.ring) - s.size }

func (s *sender) push(b byte) {
	s.ring[(s.head+s.size)%len(s.ring)] = b
	s.size++
}

func lengthSize(size int) int {
	n := 1
	for ; size >= 0x80; size >>= 7 {
		n++
	}
	return n
}

func (s *sender) at(seq byte) *sent { return &s.frames[seq%(maxWindow+1)] }

// outstanding returns how many frames are on their way.
func (s *sender) outstanding() byte { return s.next - s.una }

// waiting returns how many bytes are in no frame yet.
func (s *sender) waiting() int { return s.size - s.inFrames }

// canSend reports whether a new frame may go.
func (s *sender) canSend() bool {
	return s.waiting() > 0 && s.outstanding() < s.window && s.edge-s.next-1 < 128
}

// chunk returns how many bytes a new frame carries at most.
func (s *sender) chunk() int { return max(s.size0>>s.level, min(minChunk, s.size0)) }

// cut makes a new frame of the bytes that wait and returns its number.
func (s *sender) cut(now time.Duration) byte {
	if s.outstanding() == 0 {
		s.progress = now
	}
	seq := s.next
	*s.at(seq) = sent{size: min(s.waiting(), s.chunk()), offset: (s.head + s.inFrames) % len(s.ring)}
	s.inFrames += s.at(seq).size
	s.next++
	return seq
}

// oldestLost returns the oldest frame that is to be sent again.
func (s *sender) oldestLost() (byte, bool) {
	for seq := s.una; s.lost > 0 && seq != s.next; seq++ {
		if s.at(seq).lost {
			return seq, true
		}
	}
	return 0, false
}

// bytes returns a frame's bytes, in two pieces where the ring ends between them.
func (s *sender) bytes(f *sent) (p, more []byte) {
	if over := f.offset + f.size - len(s.ring); over > 0 {
		return s.ring[f.offset:], s.ring[:over]
	}
	return s.ring[f.offset : f.offset+f.size], nil
}

// transmitted notes that a frame goes out now and will have gone at ends.
func (s *sender) transmitted(seq byte, ends time.Duration) {
	f := s.at(seq)
	if f.lost {
		f.lost = false
		s.lost--
	}
	s.stamp++
	f.stamp, f.ends = s.stamp, ends
	s.timer = ends
}
