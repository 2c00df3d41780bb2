/* gosig_frame.c: frames between zeros, by COBS, with a CRC-32: docs/serial-link.md
 * section 2.
 *
 *	00 | COBS( type and credit, seq, ack, sid | bitmap | payload | CRC-32 ) | 00
 */
#include "gosig_internal.h"

/* CRC-32/ISO-HDLC, four bits at a time: a table of 64 bytes. */
GOSIG_LOCAL uint32_t gosig_crc(uint32_t crc, uint8_t byte)
{
	static const uint32_t table[16] = {
	    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};

	crc ^= byte;
	crc = crc >> 4 ^ table[crc & 15];
	return crc >> 4 ^ table[crc & 15];
}

/* A block of 254 bytes is full; the next opens only if something follows. */
static void stuff(gosig_stuffing *s, uint8_t byte)
{
	if (s->at - s->code == 255) {
		*s->code = 255;
		s->code = s->at++;
	}
	if (byte != 0) {
		*s->at++ = byte;
		return;
	}
	*s->code = (uint8_t)(s->at - s->code);
	s->code = s->at++;
}

GOSIG_LOCAL void gosig_stuff_begin(gosig_stuffing *s, uint8_t *out)
{
	*out++ = 0;
	s->code = out;
	s->at = out + 1;
	s->crc = 0xffffffff;
}

GOSIG_LOCAL void gosig_stuff(gosig_stuffing *s, uint8_t byte)
{
	s->crc = gosig_crc(s->crc, byte);
	stuff(s, byte);
}

GOSIG_LOCAL void gosig_stuff_number(gosig_stuffing *s, uint32_t n, int size)
{
	for (; size > 0; size--, n >>= 8)
		gosig_stuff(s, (uint8_t)n);
}

GOSIG_LOCAL size_t gosig_stuff_end(gosig_stuffing *s, const uint8_t *out)
{
	gosig_stuff_number(s, ~s->crc, 4);
	*s->code = (uint8_t)(s->at - s->code); /* 255 of a full one */
	*s->at++ = 0;
	return (size_t)(s->at - out);
}

/* An empty block after a full one at the end is accepted: some encoders add it. */
GOSIG_LOCAL size_t gosig_unstuff(uint8_t *p, size_t size)
{
	uint8_t *to = p;
	const uint8_t *from = p, *end = p + size;
	uint8_t code, i;

	while (from < end) {
		code = *from++;
		if (code == 0 || code - 1 > end - from)
			return 0;
		for (i = 1; i < code; i++)
			*to++ = *from++;
		if (code < 255 && from < end)
			*to++ = 0;
	}
	return (size_t)(to - p);
}

GOSIG_LOCAL bool gosig_parse_frame(uint8_t *p, size_t size, gosig_frame *f)
{
	uint32_t crc = 0xffffffff;
	size_t i;

	size = gosig_unstuff(p, size);
	if (size < 8)
		return false;
	for (i = 0; i < size; i++)
		crc = gosig_crc(crc, p[i]);
	if (crc != 0xdebb20e3) /* what is left when the CRC itself has been taken in */
		return false;
	f->type = p[0] >> 4 & 7;
	f->gaps = p[0] >> 7;
	f->credit = p[0] & 15;
	f->seq = p[1];
	f->ack = p[2];
	f->sid = p[3];
	f->bitmap = 0;
	f->payload = p + 4;
	f->size = size - 8;
	if (f->gaps) {
		if (f->size < 2)
			return false;
		f->bitmap = (uint16_t)(p[4] | p[5] << 8);
		f->payload += 2;
		f->size -= 2;
	}
	return true;
}
