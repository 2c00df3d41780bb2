package link

import "time"

// acknowledge takes what a frame says about ours. It reports false for what
// cannot be: a number that was never sent.
//
// A line does not let bytes overtake each other. So once a transmission is known
// to have arrived, all that went out before it and did not arrive are lost, and
// are sent again at once, without a timer and never too early. Transmissions are
// counted, not frames: the second sending of a frame can be judged as well.
func (s *sender) acknowledge(now time.Duration, f *frame, took time.Duration) bool {
	if f.ack-s.una > s.outstanding() {
		return false
	}
	if s.outstanding() > 0 || f.ack+f.credit != s.edge {
		s.retries = 0 // but for one that only waits for credit: it asks less and less often
	}
	if edge := f.ack + f.credit; edge-s.edge < 128 {
		s.edge = edge
	}
	if f.ack != s.una {
		s.progress, s.timer = now, max(s.timer, now)
	}
	for s.una != f.ack {
		s.free()
	}
	for i := byte(0); i < 16; i++ {
		if seq := f.ack + 1 + i; f.bitmap>>i&1 == 1 && seq-s.una < s.outstanding() {
			s.arrive(s.at(seq))
		}
	}
	s.judge()
	if f.gaps && f.bitmap == 0 {
		s.hint(now - took)
	}
	return true
}

// free gives back the oldest frame's bytes.
func (s *sender) free() {
	f := s.at(s.una)
	s.arrive(f)
	s.head = (s.head + f.size) % len(s.ring)
	s.size -= f.size
	s.inFrames -= f.size
	s.una++
}

// arrive notes that the peer has a frame.
func (s *sender) arrive(f *sent) {
	if f.arrived {
		return
	}
	f.arrived = true
	if f.lost {
		f.lost = false
		s.lost--
	}
	if int32(f.stamp-s.arrived) > 0 {
		s.arrived = f.stamp
	}
	s.sample(0)
}

// judge marks what the peer must have missed.
func (s *sender) judge() {
	for seq := s.una; seq != s.next; seq++ {
		if f := s.at(seq); !f.arrived && !f.lost && int32(f.stamp-s.arrived) < 0 {
			s.miss(f)
		}
	}
}

func (s *sender) miss(f *sent) {
	f.lost = true
	s.lost++
	s.sample(1 << 16)
}

// hint: the peer got something damaged, or knows of frames that it has not seen,
// and nothing came after them. If our oldest frame was on the line before the
// peer began to say so, it was that one.
func (s *sender) hint(said time.Duration) {
	if s.outstanding() == 0 {
		return
	}
	if f := s.at(s.una); !f.lost && !f.arrived && f.ends <= said {
		s.miss(f)
	}
}

// expire: no answer came in time. The oldest frame goes again; what else is
// missing shows when it arrives. It reports false where nothing is on its way:
// the peer has no buffer, or its word that it has one got lost.
func (s *sender) expire(now time.Duration) bool {
	s.retries++
	s.timer = now
	if s.outstanding() == 0 {
		return false
	}
	f := s.at(s.una)
	f.arrived = false // a peer that said it was there, and expects it now, has taken that back
	s.miss(f)
	return true
}

// sample keeps the average of lost frames, and fits the size of frames to it.
//
// A frame of n bytes beside e of its own gets through with (1-p)^(n+e). Halving n
// pays when the share that is lost exceeds 8 %, then 16 %, then 29 %: about twice
// as much at each step; doubling it pays below half of that.
func (s *sender) sample(lost uint32) {
	s.loss += lost>>lossShift - s.loss>>lossShift
	s.settled++
	if s.settled < settle {
		return
	}
	const step = 1 << 16 / 100
	switch shrink, grow := uint32(9*step)<<s.level, uint32(4*step)<<s.level; {
	case s.loss > shrink && s.level < maxLevel && s.size0>>s.level > minChunk:
		s.relevel(s.level + 1)
	case s.loss < grow>>1 && s.level > 0:
		s.relevel(s.level - 1)
	}
}

// relevel changes the size; what is lost is expected to change in proportion.
func (s *sender) relevel(level uint) {
	if level > s.level {
		s.loss /= 2
	} else {
		s.loss = min(2*s.loss, 1<<16)
	}
	s.level, s.settled = level, 0
}
