/* fuzz.c: bytes from nowhere, for the link, for envelopes, for CBOR. With libFuzzer
 * (clang -fsanitize=fuzzer) as it is; with -DGOSIG_FUZZ_MAIN a program that takes
 * files, or a number of inputs to make up:
 *
 *	fuzz FILE...
 *	fuzz 100000
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../gosig_internal.h"

static const uint8_t *input;
static size_t input_size;
static uint32_t now;

static size_t give(void *context, uint8_t *bytes, size_t size)
{
	(void)context;
	if (size > input_size)
		size = input_size;
	if (size > 0)
		memcpy(bytes, input, size);
	input += size;
	input_size -= size;
	return size;
}

static size_t take(void *context, const uint8_t *bytes, size_t size)
{
	(void)context;
	(void)bytes;
	return size;
}

static uint32_t tell_time(void *context)
{
	(void)context;
	return now;
}

static uint32_t seven(void *context)
{
	(void)context;
	return 7;
}

static const gosig_port port = {take, give, tell_time, seven, NULL, 115200};

static gosig g;
static gosig_event events[2] = {{.name = "temp"}, {.name = "lamp"}};
static unsigned heard;

static void on_asked(gosig *c, const gosig_asked *a, void *context)
{
	(void)context;
	heard += (unsigned)strlen(a->method);
	if (a->size > 0)
		heard += a->data[a->size - 1];
	(void)gosig_answer(c, a->ticket, a->data, a->size);
}

static void on_signal(gosig *c, const gosig_signal *s, void *context)
{
	gosig_reader r;

	(void)c;
	(void)context;
	heard += (unsigned)strlen(s->sender) + (unsigned)strlen(s->event);
	if (s->text != NULL)
		heard += (unsigned)strlen(s->text);
	gosig_read_begin(&r, s->data, s->size);
	while (gosig_skip(&r))
		heard++;
}

static void on_reply(gosig *c, const gosig_reply *r, void *context)
{
	(void)c;
	(void)context;
	heard += (unsigned)strlen(r->text) + (unsigned)r->size;
}

static void on_change(gosig *c, gosig_state state, uint16_t code, const char *text)
{
	(void)c;
	heard += (unsigned)state + code + (unsigned)strlen(text);
}

static const gosig_method methods[] = {{"echo", on_asked, NULL}};
static gosig_sender sender;
static gosig_subscription subscriptions[3];
static gosig_peer peer;
static gosig_call call;

static void begin(void)
{
	memset(&sender, 0, sizeof sender);
	sender.name = "s";
	sender.events = events;
	sender.event_count = 2;
	sender.methods = methods;
	sender.method_count = 1;
	sender.any = on_asked;
	memset(subscriptions, 0, sizeof subscriptions);
	subscriptions[0].sender = subscriptions[0].event = "**";
	subscriptions[1].sender = "k*/**";
	subscriptions[1].event = "#connect";
	subscriptions[2].sender = "kitchen";
	subscriptions[2].event = "temp";
	memset(&peer, 0, sizeof peer);
	peer.name = "kitchen";
	gosig_init(&g, &port, "fuzz", "cbor");
	gosig_on_change(&g, on_change);
	(void)gosig_connect(&g, &sender);
	gosig_watch(&g, &peer);
	for (int i = 0; i < 3; i++) {
		subscriptions[i].handle = on_signal;
		(void)gosig_subscribe(&g, &subscriptions[i]);
	}
}

/* The raw bytes of a line. */
static void fuzz_line(const uint8_t *data, size_t size)
{
	begin();
	input = data;
	input_size = size;
	while (input_size > 0) {
		(void)gosig_poll(&g);
		now += 7;
	}
	(void)gosig_poll(&g);
}

/* Hands the link a frame that is well made: the CRC keeps everything else out. */
static void feed(uint8_t type, uint8_t seq, uint8_t ack, uint8_t sid, const uint8_t *payload, size_t size)
{
	static uint8_t line[2 * GOSIG_LONGEST];
	gosig_stuffing s;

	gosig_stuff_begin(&s, line, (uint32_t)type << 4 | (type == GOSIG_SYN ? 0 : 8) | (uint32_t)seq << 8 | (uint32_t)ack << 16 | (uint32_t)sid << 24);
	while (size-- > 0)
		gosig_stuff(&s, *payload++);
	input_size = gosig_stuff_end(&s, line);
	input = line;
	(void)gosig_poll(&g);
}

/* A session that is open, and frames in it that are as the input says. */
static uint8_t open_link(void)
{
	uint8_t syn[20] = {1, 2, 3, 4, 0, 0, 0, 0, 1, 1, 8, 2, 246, 0, 0xe8, 3, 0, 0, 1, 0};

	memcpy(syn + 4, &g.link.nonce, 4);
	feed(GOSIG_SYN, 0, 0, 0, syn, sizeof syn);
	return g.link.s.peer_id;
}

static void fuzz_frames(const uint8_t *data, size_t size)
{
	uint8_t sid;
	size_t n;

	begin();
	sid = open_link();
	while (size >= 5) {
		n = data[4] < size - 5 ? data[4] : size - 5;
		if (n > GOSIG_MTU)
			n = GOSIG_MTU;
		feed(data[0] & 0xf, data[1], data[2], (data[3] & 7) == 0 ? data[3] : sid, data + 5, n);
		now += data[3];
		data += 5 + n;
		size -= 5 + n;
		if (!g.link.s.open)
			sid = open_link();
	}
}

/* Hands the client a message as the link would, as frames of its session. */
static void message(uint8_t *seq, const uint8_t *data, size_t size)
{
	uint8_t stream[GOSIG_MAX_FRAME + 2];
	size_t at = 0, n, i;

	if (size > GOSIG_MAX_FRAME)
		size = GOSIG_MAX_FRAME;
	for (i = size; i >= 0x80; i >>= 7)
		stream[at++] = (uint8_t)(i | 0x80);
	stream[at++] = (uint8_t)i;
	memcpy(stream + at, data, size);
	size += at;
	for (at = 0; at < size && g.link.s.open; at += n) {
		n = size - at < 200 ? size - at : 200;
		feed(GOSIG_DATA, (*seq)++, g.link.s.next, g.link.s.peer_id, stream + at, n);
	}
}

/* A connection that is open, and envelopes as the input says. */
static void fuzz_envelopes(const uint8_t *data, size_t size)
{
	static const uint8_t welcome[] = {2, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 0, 4, 'c', 'b', 'o', 'r', 0, 0, 0, 0, 0, 0, 0, 0};
	uint8_t seq = 0;
	size_t n;

	begin();
	(void)open_link();
	message(&seq, welcome, sizeof welcome);
	while (size >= 2) {
		n = ((size_t)data[0] | (size_t)data[1] << 8) % 600;
		if (n > size - 2)
			n = size - 2;
		now += 5;
		message(&seq, data + 2, n);
		if (peer.here && call.done == NULL) {
			call.done = on_reply;
			(void)gosig_request(&g, &peer, "double", "\1", 1, 1000, &call);
		}
		(void)gosig_emit(&g, &sender, seq & 1, data, n % 40);
		data += 2 + n;
		size -= 2 + n;
	}
	gosig_stop(&g, 1);
	call.done = NULL;
}

static void fuzz_values(const uint8_t *data, size_t size)
{
	gosig_field f[GOSIG_FIELDS];
	uint8_t *copy = malloc(size + 1); /* of exactly that size, so that a byte too far is seen */
	gosig_reader r;
	float x;
	int64_t n;

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	(void)gosig_decode(copy, size, f);
	gosig_read_begin(&r, copy, size);
	for (;;) {
		if (gosig_read_float(&r, &x) || gosig_read_int(&r, &n) || gosig_read_null(&r))
			continue;
		(void)gosig_read_key(&r, "n");
		if (!gosig_skip(&r))
			break;
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] & 3) {
	case 0:
		fuzz_line(data + 1, size - 1);
		break;
	case 1:
		fuzz_frames(data + 1, size - 1);
		break;
	case 2:
		fuzz_envelopes(data + 1, size - 1);
		break;
	default:
		fuzz_values(data + 1, size - 1);
	}
	return 0;
}

#ifdef GOSIG_FUZZ_MAIN

static uint32_t seed = 1;

static uint32_t any_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

/* Inputs that come near what is expected: envelopes' types, small numbers. */
static size_t make_up(uint8_t *data, size_t most)
{
	size_t size = 1 + any_number() % most, i;

	for (i = 0; i < size; i++)
		data[i] = (uint8_t)(any_number() % 4 == 0 ? any_number() : any_number() % 32);
	return size;
}

static size_t read_file(const char *path, uint8_t *data, size_t most)
{
	FILE *f = fopen(path, "rb");
	size_t size;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	size = fread(data, 1, most, f);
	(void)fclose(f);
	return size;
}

int main(int argc, char **argv)
{
	static uint8_t data[65536];
	unsigned long count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0, i;

	for (i = 0; i < count; i++)
		(void)LLVMFuzzerTestOneInput(data, make_up(data, 600));
	for (i = 1; count == 0 && i < (unsigned long)argc; i++)
		(void)LLVMFuzzerTestOneInput(data, read_file(argv[i], data, sizeof data));
	printf("%lu inputs, %u\n", count == 0 ? (unsigned long)argc - 1 : count, heard);
	return 0;
}
#endif
