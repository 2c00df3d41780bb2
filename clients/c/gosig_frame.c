/* gosig_frame.c: frames between zeros, by COBS, with a CRC-32: docs/serial-link.md
 * section 2.
 *
 *	00 | COBS( type and credit, seq, ack, sid | bitmap | payload | CRC-32 ) | 00
 */
#include "gosig_internal.h"

/* CRC-32/ISO-HDLC, bit by bit: some 40 cycles for each byte of the line, and no
 * table. */
uint32_t gosig_crc(uint32_t crc, uint8_t byte)
{
	unsigned bit;

	crc ^= byte;
	for (bit = 0; bit < 8; bit++)
		crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
	return crc;
}

/* Ends a block of COBS and opens the next. */
static void end_block(gosig_stuffing *s)
{
	*s->code = (uint8_t)(s->at - s->code);
	s->code = s->at++;
}

/* A block of 254 bytes is full; the next opens only if something follows. */
void gosig_stuff_plain(gosig_stuffing *s, uint8_t byte)
{
	if (s->at - s->code == 255)
		end_block(s);
	if (byte == 0)
		end_block(s);
	else
		*s->at++ = byte;
}

void gosig_stuff(gosig_stuffing *s, uint8_t byte)
{
	s->crc = gosig_crc(s->crc, byte);
	gosig_stuff_plain(s, byte);
}

void gosig_stuff_number(gosig_stuffing *s, uint32_t n, unsigned size)
{
	for (; size > 0; size--, n >>= 8)
		gosig_stuff(s, (uint8_t)n);
}

void gosig_stuff_begin(gosig_stuffing *s, uint8_t *out, uint32_t header)
{
	*out++ = 0;
	s->code = out++;
	s->at = out;
	s->crc = 0xffffffff;
	gosig_stuff_number(s, header, 4);
}

size_t gosig_stuff_end(gosig_stuffing *s, const uint8_t *out)
{
	gosig_stuff_number(s, ~s->crc, 4);
	end_block(s);
	*s->code = 0;
	return (size_t)(s->at - out);
}

/* An empty block after a full one at the end is accepted: some encoders add it. */
size_t gosig_unstuff(uint8_t *p, size_t size)
{
	uint8_t *to = p;
	const uint8_t *from = p, *end = p + size;
	unsigned code, left;

	while (from < end) {
		left = code = *from++;
		if (code == 0 || code - 1 > (size_t)(end - from))
			return 0;
		while (--left > 0)
			*to++ = *from++;
		if (code < 255 && from < end)
			*to++ = 0;
	}
	return (size_t)(to - p);
}

bool gosig_parse_frame(uint8_t *p, size_t size, gosig_frame *f)
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
	f->head = p;
	f->payload = p + 4;
	f->size = size - 8;
	f->bitmap = 0;
	if ((p[0] & GOSIG_GAPS << 4) != 0) {
		if (f->size < 2)
			return false;
		f->bitmap = p[4] | (unsigned)p[5] << 8;
		f->payload += 2;
		f->size -= 2;
	}
	return true;
}
