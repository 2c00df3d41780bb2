package link

import "fmt"

// OfVersion returns the options of an end that speaks another version.
func OfVersion(o Options, version, least byte) Options {
	o.version, o.minVersion = version, least
	return o
}

// Nonce returns the nonce of the session that is open or sought.
func (m *Machine) Nonce() uint32 { return m.sess.nonce }

// SIDs returns what marks the frames of the session, out and in.
func (m *Machine) SIDs() (out, in byte) { return m.sess.sid, m.sess.peerID }

// Frame is a frame, for tests that make their own.
type Frame struct {
	Kind, Credit, Seq, Ack, SID byte
	Gaps                        bool
	Bitmap                      uint16
	Payload                     []byte
}

// AppendFrame appends f as it goes over the line.
func AppendFrame(dst []byte, f Frame) []byte {
	return appendFrame(dst, &frame{
		kind: frameType(f.Kind), credit: f.Credit, seq: f.Seq, ack: f.Ack, sid: f.SID,
		gaps: f.Gaps, bitmap: f.Bitmap, payload: f.Payload,
	}, nil, &scratch{})
}

// ParseFrame decodes what stands between two zeros; p is written to.
func ParseFrame(p []byte) (Frame, bool) {
	f, ok := parseFrame(p)
	return Frame{
		Kind: byte(f.kind), Credit: f.credit, Seq: f.seq, Ack: f.ack, SID: f.sid,
		Gaps: f.gaps, Bitmap: f.bitmap, Payload: f.payload,
	}, ok
}

// Syn returns the payload of a SYN with common settings.
func Syn(nonce, echo uint32) []byte {
	var p [synSize]byte
	s := syn{nonce: nonce, echo: echo, version: 1, minVersion: 1, window: 15, mtu: 246, keepalive: 1000, maxMessage: 1 << 16}
	s.put(&p)
	return p[:]
}

// AppendCOBS and DecodeCOBS are the stuffing alone.
func AppendCOBS(dst, p []byte) []byte    { return appendCOBS(dst, p) }
func DecodeCOBS(p []byte) ([]byte, bool) { return decodeCOBS(p) }

// SID returns what marks the frames from one end to the other.
func SID(from, to uint32) byte { return sid(from, to) }

// Broken says which of the sender's counts is not what it counts, if one is not.
func (m *Machine) Broken() string {
	s := &m.tx
	lost, bytes := 0, 0
	for seq := s.una; seq != s.next; seq++ {
		if s.at(seq).lost {
			lost++
		}
		bytes += s.at(seq).size
	}
	switch {
	case lost != s.lost:
		return fmt.Sprintf("%d frames are lost, it counts %d", lost, s.lost)
	case bytes != s.inFrames || bytes > s.size || s.size > len(s.ring):
		return fmt.Sprintf("%d bytes in frames, it counts %d of %d", bytes, s.inFrames, s.size)
	case s.outstanding() > s.window:
		return fmt.Sprintf("%d frames on their way, at most %d may be", s.outstanding(), s.window)
	}
	return ""
}
