/* gosig_cbor.c: values and bytes, RFC 8949. What is written is in its shortest form
 * and of definite length, as the codec "cbor" of gosig wants it; what is read may be
 * in any form but of indefinite length or tagged. */
#include "gosig_internal.h"

enum { UINT = 0, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };
enum { FALSE = 20, TRUE = 21, NOTHING = 22, UNDEFINED = 23, HALF = 25, SINGLE = 26, DOUBLE = 27 };

#define MAX_DEPTH 16 /* of arrays and maps in each other, that are skipped */

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

/* A byte with the kind and what follows it, then so many bytes of n. */
static void put_sized(gosig_writer *w, uint8_t lead, uint64_t n, size_t size)
{
	uint8_t bytes[9];
	size_t i;

	bytes[0] = lead;
	for (i = size; i > 0; i--, n >>= 8)
		bytes[i] = (uint8_t)n;
	put(w, bytes, size + 1);
}

static void put_head(gosig_writer *w, uint8_t kind, uint64_t n)
{
	uint8_t power = n > UINT32_MAX ? 3 : n > 0xffff ? 2 : n > 0xff ? 1 : 0;

	kind = (uint8_t)(kind << 5);
	if (n < 24)
		put_sized(w, (uint8_t)(kind | n), 0, 0);
	else
		put_sized(w, (uint8_t)(kind | (24 + power)), n, (size_t)1 << power);
}

void gosig_write_uint(gosig_writer *w, uint64_t n) { put_head(w, UINT, n); }

void gosig_write_int(gosig_writer *w, int64_t n)
{
	if (n < 0)
		put_head(w, NEGATIVE, ~(uint64_t)n);
	else
		put_head(w, UINT, (uint64_t)n);
}

void gosig_write_float(gosig_writer *w, float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof bits);
	put_sized(w, SIMPLE << 5 | SINGLE, bits, 4);
}

void gosig_write_bool(gosig_writer *w, bool b) { put_head(w, SIMPLE, b ? TRUE : FALSE); }

void gosig_write_null(gosig_writer *w) { put_head(w, SIMPLE, NOTHING); }

static void put_string(gosig_writer *w, uint8_t kind, const void *bytes, size_t size)
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

/* The head of a value: its kind, its number, the length of what it counts. */
typedef struct head {
	uint64_t n;
	const uint8_t *after;
	uint8_t kind, info;
} head;

static bool read_head(const gosig_reader *r, head *h)
{
	const uint8_t *p = r->at;
	size_t left = (size_t)(r->end - p), size;

	if (left == 0)
		return false;
	h->kind = *p >> 5;
	h->info = *p++ & 31;
	h->n = h->info;
	if (h->info >= 24) {
		if (h->info > 27)
			return false; /* reserved, or of indefinite length */
		size = (size_t)1 << (h->info - 24);
		if (size > left - 1)
			return false;
		for (h->n = 0; size > 0; size--)
			h->n = h->n << 8 | *p++;
	}
	h->after = p;
	left = (size_t)(r->end - p);
	switch (h->kind) {
	case BYTES:
	case TEXT:
		return h->n <= left;
	case ARRAY:
		return h->n <= left; /* each element takes a byte */
	case MAP:
		return h->n <= left / 2;
	case TAG:
		return false;
	case SIMPLE:
		return h->info >= FALSE && h->info <= DOUBLE && h->info != 24 && h->info != UNDEFINED;
	default:
		return true;
	}
}

gosig_type gosig_read_type(const gosig_reader *r)
{
	head h;

	if (!read_head(r, &h))
		return GOSIG_END;
	if (h.kind != SIMPLE)
		return (gosig_type)(GOSIG_UINT + h.kind);
	return h.info >= HALF ? GOSIG_FLOAT : h.info == NOTHING ? GOSIG_NULL : GOSIG_BOOL;
}

/* Reads the head of a value if it is of that kind. */
static bool read_kind(gosig_reader *r, uint8_t kind, head *h)
{
	if (!read_head(r, h) || h->kind != kind)
		return false;
	r->at = h->after;
	return true;
}

bool gosig_read_uint(gosig_reader *r, uint64_t *n)
{
	head h;

	if (!read_kind(r, UINT, &h))
		return false;
	*n = h.n;
	return true;
}

bool gosig_read_int(gosig_reader *r, int64_t *n)
{
	head h;

	if (!read_head(r, &h) || h.kind > NEGATIVE || h.n > INT64_MAX)
		return false;
	r->at = h.after;
	*n = h.kind == NEGATIVE ? -1 - (int64_t)h.n : (int64_t)h.n;
	return true;
}

/* The bits of a float: m * 2^-fraction * 2^e, of which m has a bit more than the
 * fraction unless it is too small for its format, or a whole number; rounded. */
static uint32_t float_bits(uint64_t m, int fraction, int e)
{
	if (m == 0)
		return 0;
	for (; m >> fraction == 0; e--)
		m <<= 1;
	m &= ~((uint64_t)1 << fraction);
	if (fraction > 23)
		m = ((m >> (fraction - 24)) + 1) >> 1;
	else
		m <<= 23 - fraction;
	e += 127;
	if (e <= 0)
		return 0; /* too small for a float, but for a few that are nearly so */
	/* Rounding may carry into the exponent, which is then right. */
	return e >= 255 ? 0x7f800000 : ((uint32_t)e << 23) + (uint32_t)m;
}

/* Of a float of another size, by the sizes of its parts. */
static uint32_t resize(uint64_t bits, int exponent, int fraction)
{
	int most = (1 << exponent) - 1, e = (int)(bits >> fraction) & most;
	uint64_t one = (uint64_t)1 << fraction, m = bits & (one - 1);

	if (e == most)
		return m == 0 ? 0x7f800000 : 0x7fc00000;
	if (e == 0)
		e = 1;
	else
		m |= one;
	return float_bits(m, fraction, e - most / 2);
}

bool gosig_read_float(gosig_reader *r, float *x)
{
	head h;
	uint32_t bits, sign = 0;

	if (!read_head(r, &h) || (h.kind > NEGATIVE && (h.kind != SIMPLE || h.info < HALF)))
		return false;
	if (h.kind == NEGATIVE) {
		sign = 1;
		h.n += h.n != UINT64_MAX;
	}
	if (h.kind != SIMPLE) {
		bits = float_bits(h.n, 63, 63);
	} else if (h.info == SINGLE) {
		bits = (uint32_t)h.n;
	} else {
		sign = (uint32_t)(h.n >> (h.info == HALF ? 15 : 63));
		bits = h.info == HALF ? resize(h.n, 5, 10) : resize(h.n, 11, 52);
	}
	bits |= sign << 31;
	r->at = h.after;
	memcpy(x, &bits, sizeof bits);
	return true;
}

bool gosig_read_bool(gosig_reader *r, bool *b)
{
	if (gosig_read_type(r) != GOSIG_BOOL)
		return false;
	*b = (*r->at++ & 31) == TRUE;
	return true;
}

bool gosig_read_null(gosig_reader *r)
{
	if (gosig_read_type(r) != GOSIG_NULL)
		return false;
	r->at++;
	return true;
}

/* Reads a value of that kind, of which it counts so many bytes or elements. */
static const uint8_t *read_counted(gosig_reader *r, uint8_t kind, size_t *count)
{
	head h;

	if (!read_kind(r, kind, &h))
		return NULL;
	*count = (size_t)h.n;
	if (kind <= TEXT)
		r->at += h.n;
	return h.after;
}

bool gosig_read_text(gosig_reader *r, const char **text, size_t *size)
{
	const uint8_t *p = read_counted(r, TEXT, size);

	*text = (const char *)p;
	return p != NULL;
}

bool gosig_read_bytes(gosig_reader *r, const uint8_t **bytes, size_t *size)
{
	*bytes = read_counted(r, BYTES, size);
	return *bytes != NULL;
}

bool gosig_read_array(gosig_reader *r, size_t *count) { return read_counted(r, ARRAY, count) != NULL; }

bool gosig_read_map(gosig_reader *r, size_t *count) { return read_counted(r, MAP, count) != NULL; }

/* Values that are still to come, at each depth, in place of recursion. */
bool gosig_skip(gosig_reader *r)
{
	size_t todo[MAX_DEPTH];
	size_t depth = 0;
	const uint8_t *begin = r->at;
	head h;

	todo[0] = 1;
	for (;;) {
		while (todo[depth] == 0)
			if (depth-- == 0)
				return true;
		todo[depth]--;
		if (!read_head(r, &h))
			break;
		r->at = h.after;
		if (h.kind == BYTES || h.kind == TEXT)
			r->at += h.n;
		if (h.kind != ARRAY && h.kind != MAP)
			continue;
		if (++depth == MAX_DEPTH)
			break;
		todo[depth] = (size_t)(h.kind == MAP ? 2 * h.n : h.n);
	}
	r->at = begin;
	return false;
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
