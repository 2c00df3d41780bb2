/* gosig_wire.c: envelopes and bytes, docs/protocol.md. Each envelope that a client
 * without features sends or receives is described by a row of bytes, one a field, by
 * which one function decodes and one encodes them all.
 *
 * What comes from the router is checked as far as memory is at stake, and that it is
 * in the one form that the protocol allows. That names and texts are UTF-8, and IDs
 * not zero, is the router's business.
 */
#include "gosig_internal.h"

/* How a field is written: so many bytes, 1 to 16, or what follows here; NOT_0 says that
 * it must not be zero or empty. */
enum {
	REST = 0, /* the payload, to the end */
	BYTE = 1,
	NUMBER = 32, /* of 64 bits */
	NUMBER_32,
	NUMBER_16,
	STRING, /* a name, up to 255 bytes */
	TEXT,   /* up to 1,024 */
	TOKEN,  /* sixteen bytes or none */
	NAMES,  /* lists */
	NUMBERS,
	NEVER, /* of a feature */
	NOT_0 = 128,
	NAME = STRING | NOT_0,
	END = 240,  /* of the envelope */
	STOP,       /* the same, where the shape goes on */
	IF_FLAG,    /* what follows is there only with the flag 20 */
	IF_FAILED   /* up to STOP if the field before is 0, else what is behind that */
};

static const uint8_t shapes[] = {
    7, 16, STRING, BYTE, BYTE, NAME, NUMBER_32, NUMBER_32, BYTE, BYTE, BYTE, TOKEN, BYTE, END, /* HELLO, as it is sent */
    BYTE, 16, STRING, NUMBER, NAME, NUMBER_32, NUMBER_32, NUMBER_32, NUMBER_32, NUMBER_32, TOKEN, REST, END, /* WELCOME; what stands behind the token is not looked at */
    NUMBER_16, TEXT, END, /* ABORT */
    16, NAMES, REST, END, /* CHALLENGE; what stands behind the methods is not looked at */
    NAME, REST, END,      /* AUTH */
    NUMBER_32, NUMBER_32, 8, NAME, NAMES, NAMES, END,           /* CONNECT */
    NUMBER_32, NUMBER_16, TEXT, NUMBERS, END,                   /* CONNECTED */
    NUMBER_32, NUMBER_16, TEXT, END,                            /* DISCONNECT */
    NAME, NAME, END,                                            /* SUBSCRIBE */
    NAME, NAME, END,                                            /* UNSUBSCRIBE */
    BYTE | NOT_0, NAME, NAME, NUMBER_16, TEXT, END,             /* REFUSED */
    NUMBER_32, IF_FLAG, NUMBER_32, END,                         /* WANT */
    NUMBER_32, NUMBER | NOT_0, IF_FLAG, NUMBER_32, END,         /* ROUTE */
    NUMBER_32, REST, END,                                       /* EVENT */
    NUMBER_32, NUMBER, BYTE | NOT_0, END,                       /* LOST */
    NEVER, END,                                                 /* CREDIT */
    NUMBER, NUMBER_32, NUMBER, NAME, REST, END,                 /* REQUEST */
    NUMBER, NUMBER_16, IF_FAILED, REST, STOP, NUMBER, TEXT, END, /* REPLY */
    NUMBER, END,                                                /* CANCEL */
    8, END,                                                     /* PING */
    8, END,                                                     /* PONG */
    NUMBER, END,                                                /* SYNC */
    NUMBER, END,                                                /* SYNCED */
    NUMBER_16, TEXT, END};                                      /* GOODBYE */

/* The types that may have the flag. */
#define FLAGGED (1ul << GOSIG_T_CONNECT | 1ul << GOSIG_T_DISCONNECT | 1ul << GOSIG_T_WANT | 1ul << GOSIG_T_ROUTE)

const uint8_t *gosig_shape(unsigned type)
{
	const uint8_t *p = shapes;

	for (type &= 0x1f; --type > 0;)
		while (*p++ != END)
			;
	return p;
}

/* The next field of an envelope with that first byte, or END or more; last is the value of the
 * field before. */
unsigned gosig_next_field(const uint8_t **shape, unsigned type, gosig_word last)
{
	unsigned kind = *(*shape)++;

	if (kind == IF_FLAG)
		kind = (type & GOSIG_F_FLAG) != 0 ? *(*shape)++ : END;
	if (kind == IF_FAILED) {
		if (last != GOSIG_OK)
			*shape += 2;
		kind = *(*shape)++;
	}
	return kind;
}

/* ---- decoding ---------------------------------------------------------------------- */

typedef struct input {
	uint8_t *at;
	const uint8_t *end;
	uint16_t code; /* of the first violation */
} input;

static void fail(input *in, uint16_t code)
{
	if (in->code == GOSIG_OK)
		in->code = code;
	in->end = in->at;
}

static void take_bytes(input *in, gosig_field *f, size_t size)
{
	f->p = in->at;
	if (size > (size_t)(in->end - in->at))
		fail(in, GOSIG_VIOLATION);
	else
		in->at += size;
	f->n = (uint32_t)size;
}

static uint8_t take_byte(input *in)
{
	if (in->at != in->end)
		return *in->at++;
	fail(in, GOSIG_VIOLATION);
	return 0;
}

/* A number in its shortest form. */
static void take_number(input *in, gosig_field *f)
{
	const uint8_t *begin = in->at, *p;
	uint64_t n = 0;
	uint8_t b;

	do
		b = take_byte(in);
	while (b >= 0x80);
	p = in->at;
	if ((b == 0 && p - begin > 1) || p - begin > 10 || (p - begin == 10 && b > 1))
		fail(in, GOSIG_VIOLATION);
	while (p != begin)
		n = n << 7 | (*--p & 0x7f);
	f->n = (uint32_t)n;
	f->hi = (uint32_t)(n >> 32);
}

/* A number that must not be above a bound. */
static uint32_t take_count(input *in, gosig_field *f, uint32_t most)
{
	take_number(in, f);
	if (f->hi == 0 && f->n <= most)
		return f->n;
	fail(in, GOSIG_TOO_LARGE);
	return 0;
}

/* A string has its length before it, so there is room for a zero behind it if it moves
 * by one byte. */
static void take_string(input *in, gosig_field *f, uint32_t most)
{
	size_t size = take_count(in, f, most);

	take_bytes(in, f, size);
	if (in->code != GOSIG_OK)
		return;
	f->p--;
	memmove(f->p, f->p + 1, size);
	f->p[size] = 0;
}

static void take_field(input *in, unsigned kind, gosig_field *f)
{
	unsigned what = kind & ~(unsigned)NOT_0, n;
	bool bad = what == NEVER;
	gosig_field element;

	f->hi = 0;
	if (what < NUMBER) {
		take_bytes(in, f, what == REST ? (size_t)(in->end - in->at) : what);
		if (what == BYTE && in->code == GOSIG_OK)
			f->n = *f->p;
	} else if (what < STRING) {
		take_number(in, f);
		bad = (what != NUMBER && f->hi != 0) || (what == NUMBER_16 && f->n > 0xffff);
	} else if (what < NAMES) {
		take_string(in, f, what == TEXT ? 1024 : 255);
		bad = what == TOKEN && (f->n & ~16u) != 0;
	} else if (!bad) {
		/* Names become strings, of which each begins where the one before ends, or one
		 * byte later; numbers stay as they are. */
		n = take_count(in, f, 4096);
		f->p = in->at;
		for (; n > 0 && in->code == GOSIG_OK; n--)
			take_field(in, what == NAMES ? NAME : NUMBER_32, &element);
	}
	if (bad || (what != kind && (f->n | f->hi) == 0))
		fail(in, GOSIG_VIOLATION);
}

uint16_t gosig_decode(uint8_t *frame, size_t size, gosig_field *f)
{
	input in = {frame, frame + size, GOSIG_OK};
	const gosig_field *first = f;
	gosig_word last = 0;
	const uint8_t *shape;
	unsigned flags = take_byte(&in), type = flags & 0x1f, kind;

	if (type == GOSIG_T_CONNECT)
		flags &= ~(unsigned)GOSIG_F_FRESH;
	if ((FLAGGED >> type & 1) != 0)
		flags &= ~(unsigned)GOSIG_F_FLAG;
	if (flags != type || type - GOSIG_T_WELCOME > GOSIG_T_GOODBYE - GOSIG_T_WELCOME)
		return GOSIG_VIOLATION;
	shape = gosig_shape(type);
	while ((kind = gosig_next_field(&shape, *frame, last)) < END) {
		take_field(&in, kind, f);
		last = f++->n;
	}
	if (in.at != in.end || (type == GOSIG_T_CONNECT && first[4].n > 0 && first[1].n + (first[4].n - 1) < first[1].n))
		fail(&in, GOSIG_VIOLATION);
	return in.code;
}

const char *gosig_next_name(gosig_field *list)
{
	const char *name;

	while (*list->p >= 0x80) /* of a length of two bytes one is left */
		list->p++;
	name = (const char *)list->p;
	list->p += strlen(name) + 1;
	list->n--;
	return name;
}

uint32_t gosig_next_number(gosig_field *list)
{
	gosig_field f;
	input in;

	in.at = list->p;
	in.end = NULL; /* it has been looked at before */
	take_number(&in, &f);
	list->p = in.at;
	list->n--;
	return f.n;
}

/* ---- encoding ---------------------------------------------------------------------- */

typedef struct output {
	gosig_link *to;
	size_t size;
} output;

static void put(output *out, uint8_t b)
{
	out->size++;
	if (out->to != NULL)
		gosig_link_push(out->to, b);
}

static void put_number(output *out, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		put(out, (uint8_t)(n | 0x80));
	put(out, (uint8_t)n);
}

static void put_bytes(output *out, gosig_word from, size_t size)
{
	const uint8_t *p = (const uint8_t *)from;

	while (size-- > 0)
		put(out, *p++);
}

static void put_string(output *out, const char *s)
{
	put_number(out, strlen(s));
	put_bytes(out, (gosig_word)s, strlen(s));
}

/* Returns what words are left. */
static const gosig_word *put_field(output *out, unsigned kind, const gosig_word *w)
{
	gosig_word first = *w++, n;
	const char *name;

	kind &= ~(unsigned)NOT_0;
	if (kind == TOKEN) {
		kind = first == 0 ? 0 : 16;
		put(out, (uint8_t)kind);
		put_bytes(out, first, kind);
	} else if (kind == REST) {
		put_bytes(out, first, *w++);
	} else if (kind > BYTE && kind < NUMBER) {
		put_bytes(out, first, kind);
	} else if (kind == NUMBER) {
		put_number(out, (uint64_t)*w++ << 32 | first);
	} else if (kind < STRING) { /* a byte is below 128 */
		put_number(out, first);
	} else if (kind < NAMES) {
		put_string(out, (const char *)first);
	} else {
		n = *w++;
		put_number(out, n);
		for (; n > 0; n--, first += *w) {
			memcpy(&name, (const void *)first, sizeof name);
			put_string(out, name);
		}
		w++;
	}
	return w;
}

size_t gosig_encode(unsigned type, const gosig_word *w, size_t size, gosig_link *to)
{
	output out = {to, 0};
	gosig_word last = 0;
	const uint8_t *shape = gosig_shape(type);
	unsigned kind;

	if (to != NULL)
		put_number(&out, size);
	put(&out, (uint8_t)type);
	while ((kind = gosig_next_field(&shape, type, last)) < END) {
		w = put_field(&out, kind, w);
		last = w[-1];
	}
	return out.size;
}

/* ---- strings ------------------------------------------------------------------------------ */

/* A library's strcmp is made for speed, and large. */
bool gosig_same(const char *a, const char *b)
{
	while (*a == *b && *a != 0) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The next segment, or the end. */
static const char *after(const char *s)
{
	while (*s != 0)
		if (*s++ == '/')
			break;
	return s;
}

/* Whether a pattern's first segment is a name's. */
static bool same_segment(const char *pattern, const char *name)
{
	if (*pattern == '*')
		return true;
	while (*pattern == *name && *name != 0 && *name != '/') {
		pattern++;
		name++;
	}
	return (*pattern == 0 || *pattern == '/') && (*name == 0 || *name == '/');
}

/* "*" is one segment, "**" any number: as many as it takes for the rest to match. There
 * are no more than sixteen. */
static bool match(const char *pattern, const char *name)
{
	for (;; name = after(name)) {
		if (pattern[0] == '*' && pattern[1] == '*') {
			if (match(after(pattern), name))
				return true;
		} else if (*pattern == 0 || *name == 0) {
			return *pattern == *name;
		} else if (same_segment(pattern, name)) {
			pattern = after(pattern);
			continue;
		} else {
			return false;
		}
		if (*name == 0)
			return false;
	}
}

/* A name that begins with "#" is matched by "**" alone and by itself. */
bool gosig_match(const char *pattern, const char *name)
{
	if (*name == '#' && !gosig_same(pattern, "**"))
		return gosig_same(pattern, name);
	return match(pattern, name);
}
