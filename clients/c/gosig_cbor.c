/* gosig_cbor.c: values and bytes, RFC 8949. What is written is in its shortest form
 * and of definite length, as the codec "cbor" of gosig wants it; what is read may be
 * in any form but of indefinite length or tagged. */
#include "gosig_internal.h"

enum { UINT = 0, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };
enum { FALSE = 20, TRUE = 21, NOTHING = 22, UNDEFINED = 23, HALF = 25, SINGLE = 26, DOUBLE = 27 };

/* ---- writing ------------------------------------------------------------------------ */

void gosig_write_begin(gosig_writer *w, void *buffer, size_t capacity)
{
	w->data = buffer;
	w->size = 0;
	w->capacity = capacity;
	w->full = false;
}

static void put(gosig_writer *w, const void *bytes, size_t size)
{
	if (w->full || size > w->capacity - w->size) {
		w->full = true;
		return;
	}
	if (size > 0)
		memcpy(w->data + w->size, bytes, size);
	w->size += size;
}

/* A byte with the kind and what follows it, then 1 << power bytes of n. */
static void put_sized(gosig_writer *w, unsigned lead, uint64_t n, unsigned power)
{
	uint8_t bytes[9];
	size_t size = (size_t)1 << power, i;

	bytes[0] = (uint8_t)lead;
	for (i = size; i > 0; i--, n >>= 8)
		bytes[i] = (uint8_t)n;
	put(w, bytes, size + 1);
}

static void put_head(gosig_writer *w, unsigned kind, uint64_t n)
{
	uint8_t lead = (uint8_t)(kind << 5 | (uint32_t)n);
	unsigned power = n > UINT32_MAX ? 3 : n > 0xffff ? 2 : n > 0xff ? 1 : 0;

	if (n < 24)
		put(w, &lead, 1);
	else
		put_sized(w, kind << 5 | (24 + power), n, power);
}

void gosig_write_uint(gosig_writer *w, uint64_t n) { put_head(w, UINT, n); }

void gosig_write_int(gosig_writer *w, int64_t n)
{
	uint64_t sign = n < 0 ? UINT64_MAX : 0;

	put_head(w, n < 0 ? NEGATIVE : UINT, (uint64_t)n ^ sign);
}

void gosig_write_float(gosig_writer *w, float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof bits);
	put_sized(w, SIMPLE << 5 | SINGLE, bits, 2);
}

void gosig_write_bool(gosig_writer *w, bool b) { put_head(w, SIMPLE, FALSE + b); }

void gosig_write_null(gosig_writer *w) { put_head(w, SIMPLE, NOTHING); }

static void put_string(gosig_writer *w, unsigned kind, const void *bytes, size_t size)
{
	put_head(w, kind, size);
	put(w, bytes, size);
}

void gosig_write_text(gosig_writer *w, const char *text) { put_string(w, TEXT, text, strlen(text)); }

void gosig_write_bytes(gosig_writer *w, const void *bytes, size_t size) { put_string(w, BYTES, bytes, size); }

void gosig_write_array(gosig_writer *w, size_t count) { put_head(w, ARRAY, count); }

void gosig_write_map(gosig_writer *w, size_t count) { put_head(w, MAP, count); }

/* ---- reading ------------------------------------------------------------------------ */

void gosig_read_begin(gosig_reader *r, const void *data, size_t size)
{
	static const uint8_t nothing = 0;

	r->at = size == 0 ? &nothing : data; /* of no data the address may be NULL */
	r->end = r->at + size;
}

/* The head of a value: its number, which may be the length of what it counts, and
 * where what it counts begins. */
typedef struct head {
	uint64_t n;
	const uint8_t *p;
	unsigned info;
	gosig_type type;
} head;

/* Takes the next value if it is of one of those types, given by bits: of an array or a
 * map its head. */
static bool take(gosig_reader *r, unsigned types, head *h)
{
	static const uint8_t simple[] = {GOSIG_BOOL, GOSIG_BOOL, GOSIG_NULL, GOSIG_END, GOSIG_END, GOSIG_FLOAT, GOSIG_FLOAT, GOSIG_FLOAT};
	const uint8_t *p = r->at;
	unsigned type, info, size = 0;
	uint64_t n;

	if (p == r->end)
		return false;
	type = GOSIG_UINT + (*p >> 5);
	n = info = *p++ & 31u;
	if (info > 27)
		return false; /* reserved, or of indefinite length */
	if (info >= 24) {
		size = 1u << (info - 24);
		n = 0;
	}
	if (size > (size_t)(r->end - p))
		return false;
	for (; size > 0; size--)
		n = n << 8 | *p++;
	if (type == GOSIG_UINT + SIMPLE)
		type = info < FALSE ? GOSIG_END : simple[info - FALSE];
	else if (type == GOSIG_UINT + TAG)
		return false;
	else if (type >= GOSIG_BYTES && n > (size_t)(r->end - p))
		return false; /* each element takes a byte */
	if ((types >> type & 1) == 0)
		return false;
	h->n = n;
	h->p = p;
	h->info = info;
	h->type = (gosig_type)type;
	r->at = type == GOSIG_BYTES || type == GOSIG_TEXT ? p + (size_t)n : p;
	return true;
}

#define ANY (~1u << GOSIG_END)

gosig_type gosig_read_type(const gosig_reader *r)
{
	gosig_reader at = *r;
	head h;

	return take(&at, ANY, &h) ? h.type : GOSIG_END;
}

bool gosig_read_uint(gosig_reader *r, uint64_t *n)
{
	head h;

	if (!take(r, 1u << GOSIG_UINT, &h))
		return false;
	*n = h.n;
	return true;
}

bool gosig_read_int(gosig_reader *r, int64_t *n)
{
	gosig_reader at = *r;
	head h;

	if (!take(&at, 1u << GOSIG_UINT | 1u << GOSIG_NEGATIVE, &h) || h.n >> 63 != 0)
		return false;
	*r = at;
	*n = (int64_t)(h.type == GOSIG_UINT ? h.n : ~h.n);
	return true;
}

/* The bits of a float that is m / 2^63 * 2^e, rounded. */
static uint32_t float_bits(uint64_t m, int e)
{
	uint32_t top;

	if (m == 0)
		return 0;
	for (; m >> 63 == 0; e--)
		m <<= 1;
	top = (uint32_t)(m >> 32);
	e += 126; /* the highest bit of m is added to it, and may be carried there by rounding */
	if (e < 0)
		return 0; /* too small for a float, but for a few that are nearly so */
	return e > 253 ? 0x7f800000 : ((uint32_t)e << 23) + (top >> 8) + (top >> 7 & 1);
}

/* Of a float of any size, of which high is the upper part, with the sign: exponent is
 * how many bits that one has. */
static uint32_t resize(uint32_t high, uint32_t low, unsigned exponent)
{
	int most = (1 << exponent) - 1, e = (int)(high << 1 >> (32 - exponent));
	uint32_t m = high << (exponent + 1) >> 1 | low >> (32 - exponent);

	if (e == most)
		return m == 0 ? 0x7f800000 : 0x7fc00000;
	if (e == 0)
		e = 1;
	else
		m |= 0x80000000;
	return float_bits((uint64_t)m << 32, e - most / 2);
}

bool gosig_read_float(gosig_reader *r, float *x)
{
	head h;
	uint32_t bits, high;

	if (!take(r, 1u << GOSIG_UINT | 1u << GOSIG_NEGATIVE | 1u << GOSIG_FLOAT, &h))
		return false;
	if (h.type == GOSIG_FLOAT) {
		high = (uint32_t)(h.n >> 32);
		if (h.info < DOUBLE)
			high = (uint32_t)h.n << (h.info == HALF ? 16 : 0);
		bits = h.info == SINGLE ? high : resize(high, (uint32_t)h.n, 3 * (h.info - HALF) + 5);
	} else {
		high = h.type == GOSIG_NEGATIVE ? 0x80000000 : 0;
		if (high != 0 && h.n != UINT64_MAX) /* which is rounded up as well */
			h.n++;
		bits = float_bits(h.n, 63);
	}
	bits |= high & 0x80000000;
	memcpy(x, &bits, sizeof bits);
	return true;
}

bool gosig_read_bool(gosig_reader *r, bool *b)
{
	head h;

	if (!take(r, 1u << GOSIG_BOOL, &h))
		return false;
	*b = h.info == TRUE;
	return true;
}

bool gosig_read_null(gosig_reader *r)
{
	head h;

	return take(r, 1u << GOSIG_NULL, &h);
}

/* Takes a value that counts so many bytes or elements; NULL: it is of another type. */
static const void *take_counted(gosig_reader *r, unsigned types, size_t *count)
{
	head h;

	if (!take(r, types, &h))
		return NULL;
	*count = (size_t)h.n;
	return h.p;
}

bool gosig_read_text(gosig_reader *r, const char **text, size_t *size) { return (*text = take_counted(r, 1u << GOSIG_TEXT, size)) != NULL; }

bool gosig_read_bytes(gosig_reader *r, const uint8_t **bytes, size_t *size) { return (*bytes = take_counted(r, 1u << GOSIG_BYTES, size)) != NULL; }

bool gosig_read_array(gosig_reader *r, size_t *count) { return take_counted(r, 1u << GOSIG_ARRAY, count) != NULL; }

bool gosig_read_map(gosig_reader *r, size_t *count) { return take_counted(r, 1u << GOSIG_MAP, count) != NULL; }

/* Counts the values that are still to come, in place of recursion. An array of n has
 * n bytes at least behind it, so that the count cannot overflow. */
bool gosig_skip(gosig_reader *r)
{
	gosig_reader at = *r;
	size_t todo = 1;
	head h;

	for (; todo > 0; todo--) {
		if (!take(&at, ANY, &h))
			return false;
		if (h.type == GOSIG_ARRAY || h.type == GOSIG_MAP)
			todo += (size_t)h.n << (h.type - GOSIG_ARRAY);
	}
	*r = at;
	return true;
}

bool gosig_read_key(gosig_reader *r, const char *key)
{
	size_t count, size;
	const char *text;
	gosig_reader at = *r;

	if (!gosig_read_map(&at, &count))
		return false;
	for (; count > 0; count--) {
		if (!gosig_read_text(&at, &text, &size))
			return false;
		if (size == strlen(key) && memcmp(text, key, size) == 0) {
			*r = at;
			return true;
		}
		if (!gosig_skip(&at))
			return false;
	}
	return false;
}

bool gosig_valid(const void *data, size_t size)
{
	gosig_reader r;

	gosig_read_begin(&r, data, size);
	return gosig_skip(&r) && r.at == r.end;
}
