/* tool.c: the parts of the client, by commands on standard input, a line each, with
 * one line of answer. The tests in Go give it the test vectors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../gosig_wire.c"

#define MOST 65536

static uint8_t in[MOST];
static size_t in_size;
static gosig_link link_;

static void read_hex(const char *s)
{
	unsigned b;

	for (in_size = 0; in_size < MOST && sscanf(s, "%2x", &b) == 1; s += 2)
		in[in_size++] = (uint8_t)b;
}

static void print_hex(const uint8_t *p, size_t size)
{
	if (size == 0)
		printf("-");
	while (size-- > 0)
		printf("%02x", *p++);
}

static void do_crc(void)
{
	uint32_t crc = 0xffffffff;
	size_t i;

	for (i = 0; i < in_size; i++)
		crc = gosig_crc(crc, in[i]);
	printf("%08x", (unsigned)~crc);
}

static void do_stuff(void)
{
	static uint8_t out[2 * MOST];
	gosig_stuffing s;
	size_t i;

	s.code = out;
	s.at = out + 1;
	for (i = 0; i < in_size; i++)
		gosig_stuff_plain(&s, in[i]);
	*s.code = (uint8_t)(s.at - s.code);
	print_hex(out, (size_t)(s.at - out));
}

static void do_unstuff(void)
{
	size_t size = gosig_unstuff(in, in_size);

	print_hex(in, size);
}

static void do_frame(void)
{
	gosig_frame f;

	if (!gosig_parse_frame(in, in_size, &f)) {
		printf("bad");
		return;
	}
	printf("%d %d %d %d %d %d %u ", f.head[0] >> 4 & 7, f.head[0] >> 7, f.head[0] & 15, f.head[GOSIG_HEAD_SEQ], f.head[GOSIG_HEAD_ACK],
	       f.head[GOSIG_HEAD_SID], f.bitmap);
	print_hex(f.payload, f.size);
}

static gosig_word words[32], *word;

/* The link's ring from its beginning, which is what was encoded behind its length. */
static void encode(uint8_t type)
{
	size_t size = gosig_encode(type, words, 0, NULL), at = 0;

	memset(&link_, 0, sizeof link_);
	(void)gosig_encode(type, words, size, &link_);
	while (link_.ring[at++] >= 0x80)
		;
	print_hex(link_.ring + at, link_.s.size - at);
}

/* Prints a list, and puts one of names into the form that the encoder takes. */
static void do_list(bool names, gosig_field list)
{
	static const char *all[4096];
	static size_t used;

	*word++ = (gosig_word)(all + used);
	*word++ = list.n;
	*word++ = sizeof *all;
	printf("[");
	while (list.n > 0) {
		if (!names) {
			printf("%u,", (unsigned)gosig_next_number(&list));
			continue;
		}
		all[used] = gosig_next_name(&list);
		print_hex((const uint8_t *)all[used], strlen(all[used]));
		printf(",");
		used = (used + 1) % 4000;
	}
	printf("]");
}

/* Prints a field, and puts it behind the words. */
static void do_field(unsigned kind, const gosig_field *f)
{
	kind &= ~(unsigned)NOT_0;
	if (kind >= NAMES) {
		do_list(kind == NAMES, *f);
	} else if (kind == NUMBER) {
		*word++ = f->n;
		*word++ = f->hi;
		printf("%llu", (unsigned long long)gosig_number(f));
	} else if (kind == BYTE || kind == NUMBER_16 || kind == NUMBER_32) {
		*word++ = f->n;
		printf("%u", (unsigned)f->n);
	} else {
		*word++ = (gosig_word)f->p;
		if (kind == REST)
			*word++ = f->n;
		print_hex(f->p, f->n);
	}
}

static void do_decode(void)
{
	gosig_field f[GOSIG_FIELDS], *at = f;
	uint8_t type = in[0];
	uint16_t code = gosig_decode(in, in_size, f);
	const uint8_t *shape;
	unsigned kind;
	gosig_word last = 0;

	printf("%d", code);
	if (code != GOSIG_OK)
		return;
	word = words;
	shape = gosig_shape(type);
	while ((kind = gosig_next_field(&shape, type, last)) < END) {
		printf(" ");
		do_field(kind, at);
		last = at++->n;
	}
	printf(" = ");
	if (type != GOSIG_T_WELCOME && type != GOSIG_T_CHALLENGE && type != GOSIG_T_CONNECTED) /* which are never sent */
		encode(type);
}

static void do_match(const char *line)
{
	char pattern[256], name[256];

	if (sscanf(line, "%255s %255s", pattern, name) == 2)
		printf("%d", gosig_match(pattern, name));
}

static void link_at(const char *line)
{
	unsigned long long ns = strtoull(line, NULL, 10);

	link_.now = (uint32_t)(ns / 1000000);
}

/* A link as the transcripts have it: "boot NS NONCE", "input NS HEX" ... */
static void do_link(const char *verb, const char *line)
{
	static uint8_t message[GOSIG_MAX_FRAME];
	static uint16_t got;
	static bool whole;
	unsigned nonce = 0;
	size_t i;

	link_at(line);
	line = strchr(line, ' ');
	line = line == NULL ? "" : line + 1;
	if (strcmp(verb, "boot") == 0) {
		(void)sscanf(line, "%x", &nonce);
		got = 0;
		whole = false;
		gosig_link_init(&link_, link_.now, 115200, nonce);
	} else if (strcmp(verb, "input") == 0) {
		read_hex(line);
		for (i = 0; i < in_size; i++)
			gosig_link_input(&link_, in[i]);
		if (!whole) /* as a program that takes what there is after each input */
			whole = gosig_link_receive(&link_, message, &got);
	} else if (strcmp(verb, "output") == 0) {
		print_hex(link_.out, gosig_link_output(&link_));
	} else if (strcmp(verb, "send") == 0) {
		read_hex(line);
		for (i = in_size; i >= 0x80; i >>= 7)
			gosig_link_push(&link_, (uint8_t)(i | 0x80));
		gosig_link_push(&link_, (uint8_t)i);
		for (i = 0; i < in_size; i++)
			gosig_link_push(&link_, in[i]);
	} else if (strcmp(verb, "receive") == 0) {
		if (whole)
			print_hex(message, got);
		else
			printf("none");
		got = 0;
		whole = gosig_link_receive(&link_, message, &got);
	} else if (strcmp(verb, "event") == 0) {
		i = gosig_link_event(&link_);
		printf("%u %u", (unsigned)i, link_.reason);
		if (i == GOSIG_LINK_OPENED)
			printf(" %u %u %u", (unsigned)link_.s.mtu, link_.s.window, (unsigned)link_.s.max_message);
		got = 0;
		whole = false;
	} else {
		printf("unknown command");
	}
	if (strcmp(verb, "boot") == 0 || strcmp(verb, "input") == 0 || strcmp(verb, "send") == 0)
		printf("ok");
}

int main(void)
{
	static char line[2 * MOST];
	unsigned a, b;
	char verb[16];
	const char *rest;

	while (fgets(line, sizeof line, stdin) != NULL) {
		if (sscanf(line, "%15s", verb) != 1)
			continue;
		rest = line + strlen(verb);
		rest += *rest == ' ';
		read_hex(rest);
		if (strcmp(verb, "crc") == 0)
			do_crc();
		else if (strcmp(verb, "stuff") == 0)
			do_stuff();
		else if (strcmp(verb, "unstuff") == 0)
			do_unstuff();
		else if (strcmp(verb, "frame") == 0)
			do_frame();
		else if (strcmp(verb, "decode") == 0)
			do_decode();
		else if (strcmp(verb, "match") == 0)
			do_match(rest);
		else if (strcmp(verb, "sid") == 0 && sscanf(rest, "%x %x", &a, &b) == 2)
			printf("%u", gosig_link_sid(a, b));
		else
			do_link(verb, rest);
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
