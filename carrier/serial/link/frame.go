package link

import (
	"encoding/binary"
	"hash/crc32"
)

// A frame on the line, between zeros and stuffed by COBS:
//
//	+------------+-----+-----+-----+===========+=============+--------------+
//	| type|credit| seq | ack | sid | 2: bitmap | payload ... | 4: CRC-32 LE |
//	+------------+-----+-----+-----+===========+=============+--------------+
//	  high | low nibble              if flagged   0 ... MTU    over all before
//
// docs/serial-link.md says what each field means.

// frameType is the high nibble of the first byte, without the flag.
type frameType byte

const (
	frameSYN    frameType = 1 // opens a session, wants an answer
	frameSYNACK frameType = 2 // the answer to a SYN, wants none
	frameRST    frameType = 3 // refuses or ends a session
	frameDATA   frameType = 4 // the next bytes of the stream
	frameACK    frameType = 5 // acknowledgement and credit alone
	framePING   frameType = 6 // wants an ACK
	frameDGRAM  frameType = 7 // best effort: sent once
)

// flagGaps, in the high nibble, says that a bitmap follows the header: something
// is missing, and these are the frames that are there beyond it. An ACK with it
// is what other protocols call a NAK.
const flagGaps = 8

const (
	headerSize = 4
	bitmapSize = 2
	crcSize    = 4
	frameExtra = headerSize + bitmapSize + crcSize // beside the payload, at most
	synSize    = 20                                // payload of SYN and SYNACK
	rstSize    = 6                                 // payload of RST
)

// frame is one frame, decoded. Its payload is part of the buffer it was read from.
type frame struct {
	kind    frameType
	credit  byte // free receive buffers from ack on
	seq     byte // of DATA its own number, else the next number to be used
	ack     byte // the next number expected
	sid     byte // of the session
	gaps    bool // something is missing
	bitmap  uint16
	payload []byte
}

// scratch is where a frame's header and the payload of an opening are put
// together; part of the machine, so that nothing is allocated.
type scratch struct {
	head [headerSize + bitmapSize]byte
	body [synSize]byte
}

// header returns the bytes before the payload.
func (f *frame) header(buf *[headerSize + bitmapSize]byte) []byte {
	kind := byte(f.kind)
	n := headerSize
	if f.gaps {
		kind |= flagGaps
		n += bitmapSize
	}
	buf[0], buf[1], buf[2], buf[3] = kind<<4|f.credit&15, f.seq, f.ack, f.sid
	binary.LittleEndian.PutUint16(buf[headerSize:], f.bitmap)
	return buf[:n]
}

// appendFrame appends f as it goes over the line. The payload of f is in up to
// two pieces, since a ring may be cut in two.
func appendFrame(dst []byte, f *frame, more []byte, buf *scratch) []byte {
	var sum [crcSize]byte
	h := f.header(&buf.head)
	crc := crc32.ChecksumIEEE(h)
	crc = crc32.Update(crc, crc32.IEEETable, f.payload)
	crc = crc32.Update(crc, crc32.IEEETable, more)
	binary.LittleEndian.PutUint32(sum[:], crc)
	dst = append(dst, 0)
	dst = appendCOBS(dst, h, f.payload, more, sum[:])
	return append(dst, 0)
}

// parseFrame decodes what stood between two zeros, in place. It reports false
// for what is damaged or no frame at all.
func parseFrame(p []byte) (f frame, ok bool) {
	p, ok = decodeCOBS(p)
	if !ok || len(p) < headerSize+crcSize {
		return f, false
	}
	body, sum := p[:len(p)-crcSize], p[len(p)-crcSize:]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(sum) {
		return f, false
	}
	kind := body[0] >> 4
	f = frame{
		kind: frameType(kind &^ flagGaps), gaps: kind&flagGaps != 0,
		credit: body[0] & 15, seq: body[1], ack: body[2], sid: body[3], payload: body[headerSize:],
	}
	if !f.gaps {
		return f, true
	}
	if len(f.payload) < bitmapSize {
		return f, false
	}
	f.bitmap = binary.LittleEndian.Uint16(f.payload)
	f.payload = f.payload[bitmapSize:]
	return f, true
}
