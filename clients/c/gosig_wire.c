/* gosig_wire.c: envelopes and bytes, docs/protocol.md. Each envelope that a client
 * without features sends or receives is described by a string, a character a field,
 * by which one function decodes and one encodes them all.
 *
 * What comes from the router is checked as far as memory is at stake, and that it is
 * in the one form that the protocol allows. That names and texts are UTF-8, and IDs
 * not zero, is the router's business.
 */
#include "gosig_internal.h"

/*	b  a byte           c  a number of 16 bits   n  a name, 1 to 255 bytes
 *	q  eight bytes      u  of 32                 e  a name or nothing
 *	i  sixteen bytes    U  of 64                 t  a text, up to 1,024 bytes
 *	m  the magic        x  of 64, not 0          k  a token or nothing
 *	z  a byte, not 0    L  names    W  numbers   N  nodes
 *	p  the payload, to the end
 */
static const char shapes[] =
    "mbbbieULuuuuukN." /* HELLO */
    "bieUnuuuuukNt."   /* WELCOME */
    "ct."              /* ABORT */
    "-."               /* CHALLENGE: of a feature */
    "-."               /* AUTH */
    "uuqnLL."          /* CONNECT */
    "uctW."            /* CONNECTED */
    "uct."             /* DISCONNECT */
    "nn."              /* SUBSCRIBE */
    "nn."              /* UNSUBSCRIBE */
    "znnct."           /* REFUSED */
    "u."               /* WANT; on: and the turn */
    "ux."              /* ROUTE; begin: and the turn */
    "up."              /* EVENT */
    "uUz."             /* LOST */
    "-."               /* CREDIT: of a feature */
    "UuUnp."           /* REQUEST */
    "Uc."              /* REPLY; and the payload, or a number and a text */
    "U."               /* CANCEL */
    "q."               /* PING */
    "q."               /* PONG */
    "U."               /* SYNC */
    "U."               /* SYNCED */
    "ct.";             /* GOODBYE */

/* The types that may have the flag. */
#define FLAGGED (1ul << GOSIG_T_CONNECT | 1ul << GOSIG_T_DISCONNECT | 1ul << GOSIG_T_WANT | 1ul << GOSIG_T_ROUTE)

static const char *shape_of(unsigned type)
{
	const char *p = shapes;

	while (--type > 0)
		while (*p++ != '.')
			;
	return p;
}

/* What follows the shape, in the cases where that depends. */
static const char *extra(uint8_t type, const gosig_field *f)
{
	if (type == (GOSIG_T_WANT | GOSIG_F_FLAG) || type == (GOSIG_T_ROUTE | GOSIG_F_FLAG))
		return "u.";
	if (type == GOSIG_T_REPLY)
		return f[1].n == 0 ? "p." : "Ut.";
	return ".";
}

/* ---- decoding ---------------------------------------------------------------------- */

typedef struct input {
	const uint8_t *at, *end;
	uint16_t code; /* of the first violation */
} input;

static void fail(input *in, uint16_t code)
{
	if (in->code == GOSIG_OK)
		in->code = code;
	in->end = in->at;
}

static const uint8_t *take(input *in, size_t size)
{
	const uint8_t *p = in->at;

	if (size > (size_t)(in->end - p))
		fail(in, GOSIG_VIOLATION);
	else
		in->at += size;
	return p;
}

static uint8_t byte(input *in)
{
	if (in->at == in->end) {
		fail(in, GOSIG_VIOLATION);
		return 0;
	}
	return *in->at++;
}

/* A number in its shortest form, of so many bits. */
static uint64_t number(input *in, unsigned bits)
{
	uint64_t n = 0;
	unsigned shift = 0;
	uint8_t b;

	do {
		b = byte(in);
		n |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
	} while ((b & 0x80) != 0 && shift < 70);
	if ((b == 0 && shift > 7) || (shift == 70 && b > 1) || (bits < 64 && n >> bits != 0)) {
		fail(in, GOSIG_VIOLATION);
		n = 0;
	}
	return n;
}

/* A number that must not be above a bound. */
static size_t count(input *in, size_t most)
{
	uint64_t n = number(in, 64);

	if (n <= most)
		return (size_t)n;
	fail(in, GOSIG_TOO_LARGE);
	return 0;
}

static void bytes(input *in, gosig_field *f, size_t size)
{
	f->size = size;
	f->p = take(in, size);
}

static void string(input *in, gosig_field *f, size_t most) { bytes(in, f, count(in, most)); }

/* Checks a list and leaves it in the frame: its memory is what has come. */
static void list(input *in, gosig_field *f, char kind)
{
	size_t n = count(in, 4096);
	gosig_field element;

	f->n = n;
	f->p = in->at;
	for (; n > 0 && in->code == GOSIG_OK; n--) {
		if (kind == 'W') {
			(void)number(in, 32);
			continue;
		}
		if (kind == 'N')
			(void)take(in, 16);
		string(in, &element, 255);
		if (kind == 'L' && element.size == 0)
			fail(in, GOSIG_VIOLATION);
	}
	f->size = (size_t)(in->at - f->p);
}

static void decode_field(input *in, char kind, gosig_field *f)
{
	f->n = 1;
	switch (kind) {
	case 'b':
	case 'z':
		f->n = byte(in);
		break;
	case 'c':
		f->n = number(in, 16);
		break;
	case 'u':
		f->n = number(in, 32);
		break;
	case 'U':
	case 'x':
		f->n = number(in, 64);
		break;
	case 'q':
		bytes(in, f, 8);
		break;
	case 'i':
		bytes(in, f, 16);
		break;
	case 'n':
	case 'e':
		string(in, f, 255);
		break;
	case 't':
		string(in, f, 1024);
		break;
	case 'k':
		string(in, f, 255);
		if ((f->size & ~(size_t)16) != 0)
			f->n = 0;
		break;
	case 'p':
		bytes(in, f, (size_t)(in->end - in->at));
		break;
	case 'L':
	case 'W':
	case 'N':
		list(in, f, kind);
		return;
	default: /* nothing that a client without features receives */
		f->n = 0;
		kind = 'k';
	}
	if (kind == 'n')
		f->n = f->size;
	if (f->n == 0 && (kind == 'z' || kind == 'x' || kind == 'n' || kind == 'k'))
		fail(in, GOSIG_VIOLATION);
}

GOSIG_LOCAL uint16_t gosig_decode(const uint8_t *frame, size_t size, gosig_field *f)
{
	input in;
	const char *shape, *more = NULL;
	gosig_field *first = f;
	uint8_t type, flags;

	in.at = frame;
	in.end = frame + size;
	in.code = GOSIG_OK;
	flags = byte(&in);
	type = flags & 0x1f;
	if (type == GOSIG_T_CONNECT)
		flags &= (uint8_t)~GOSIG_F_FRESH;
	if (type < GOSIG_T_WELCOME || type > GOSIG_T_GOODBYE || (flags != type && (flags != (type | GOSIG_F_FLAG) || (FLAGGED >> type & 1) == 0)))
		return GOSIG_VIOLATION;
	for (shape = shape_of(type);; shape++) {
		if (*shape == '.' && more == NULL)
			shape = more = extra(flags, first);
		if (*shape == '.')
			break;
		decode_field(&in, *shape, f++);
	}
	if (in.at != in.end || (type == GOSIG_T_CONNECT && first[4].n > 0 && first[1].n + first[4].n - 1 > UINT32_MAX))
		fail(&in, GOSIG_VIOLATION);
	return in.code;
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

static void put_bytes(output *out, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;

	while (size-- > 0)
		put(out, *p++);
}

static void put_names(output *out, const gosig_field *f)
{
	const uint8_t *p = f->p;
	size_t n = (size_t)f->n;
	const char *name;

	for (; n > 0; n--, p += f->size) {
		memcpy(&name, p, sizeof name);
		put_number(out, strlen(name));
		put_bytes(out, name, strlen(name));
	}
}

static void encode_field(output *out, char kind, const gosig_field *f)
{
	switch (kind) {
	case 'n':
	case 'e':
	case 't':
	case 'k':
		put_number(out, f->size);
		/* fall through */
	case 'm':
	case 'i':
	case 'q':
	case 'p':
		put_bytes(out, f->p, f->size);
		break;
	default: /* a number, a byte below 128, a list that is of names or empty */
		put_number(out, f->n);
		if (kind == 'L')
			put_names(out, f);
	}
}

GOSIG_LOCAL size_t gosig_encode(uint8_t type, const gosig_field *f, gosig_link *to)
{
	output out;
	const char *shape, *more = NULL;
	const gosig_field *first = f;

	out.to = to;
	out.size = 0;
	put(&out, type);
	for (shape = shape_of(type & 0x1f);; shape++) {
		if (*shape == '.' && more == NULL)
			shape = more = extra(type, first);
		if (*shape == '.')
			return out.size;
		encode_field(&out, *shape, f++);
	}
}

/* ---- what is in a frame -------------------------------------------------------------- */

/* The bytes of a string have their length before them, so there is room for a zero
 * if they move by one. The frame is in the client's own buffer. */
GOSIG_LOCAL const char *gosig_string(const gosig_field *f)
{
	uint8_t *p = (uint8_t *)(uintptr_t)f->p - 1;

	memmove(p, f->p, f->size);
	p[f->size] = 0;
	return (const char *)p;
}

static void open_list(input *in, const gosig_field *f)
{
	in->at = f->p;
	in->end = f->p + f->size;
	in->code = GOSIG_OK;
}

static void taken(gosig_field *list, const input *in)
{
	list->size = (size_t)(in->end - in->at);
	list->p = in->at;
	list->n--;
}

GOSIG_LOCAL const char *gosig_next_name(gosig_field *names)
{
	gosig_field f;
	input in;

	open_list(&in, names);
	string(&in, &f, 255);
	taken(names, &in);
	return gosig_string(&f);
}

GOSIG_LOCAL uint32_t gosig_next_number(gosig_field *numbers)
{
	uint32_t n;
	input in;

	open_list(&in, numbers);
	n = (uint32_t)number(&in, 32);
	taken(numbers, &in);
	return n;
}

/* ---- strings ------------------------------------------------------------------------------ */

/* A library's strcmp is made for speed, and large. */
GOSIG_LOCAL bool gosig_same(const char *a, const char *b)
{
	while (*a == *b && *a != 0) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The length of a pattern's or name's first segment. */
static size_t segment(const char *s)
{
	size_t n = 0;

	while (s[n] != 0 && s[n] != '/')
		n++;
	return n;
}

static const char *after(const char *s)
{
	s += segment(s);
	return *s == 0 ? s : s + 1;
}

/* "*" is one segment, "**" any number. On a mismatch only the last "**" can help, by
 * taking one segment more. A name that begins with "#" is matched by "**" alone and by
 * itself. */
GOSIG_LOCAL bool gosig_match(const char *pattern, const char *name)
{
	const char *retry = NULL, *from = NULL;
	size_t n;

	if (gosig_same(pattern, "**") || gosig_same(pattern, name))
		return true;
	if (*name == '#')
		return false;
	while (*pattern != 0 || *name != 0) {
		n = segment(pattern);
		if (n == 2 && memcmp(pattern, "**", 2) == 0) {
			pattern = retry = after(pattern);
			from = name;
		} else if (n > 0 && *name != 0 && ((n == 1 && *pattern == '*') || (n == segment(name) && memcmp(pattern, name, n) == 0))) {
			pattern = after(pattern);
			name = after(name);
		} else if (retry != NULL && *from != 0) {
			pattern = retry;
			name = from = after(from);
		} else {
			return false;
		}
	}
	return true;
}
