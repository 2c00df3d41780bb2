/* unit.c: what the test vectors do not say: CBOR, and the client alone. It prints
 * what is wrong, and how many checks there were. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../gosig_internal.h"

static int checks, failures;

#define CHECK(what) check(what, #what, __LINE__)

static void check(bool ok, const char *what, int line)
{
	checks++;
	if (ok)
		return;
	failures++;
	printf("unit.c:%d: %s\n", line, what);
}

/* ---- CBOR ----------------------------------------------------------------------------- */

/* Appendix A of RFC 8949, as far as gosig uses it. */
static const struct {
	const char *hex;
	int64_t n;
} integers[] = {
    {"00", 0}, {"01", 1}, {"0a", 10}, {"17", 23}, {"1818", 24}, {"1819", 25}, {"1864", 100}, {"1903e8", 1000},
    {"1a000f4240", 1000000}, {"1b000000e8d4a51000", 1000000000000}, {"20", -1}, {"29", -10}, {"3863", -100}, {"3903e7", -1000},
    {"1b7fffffffffffffff", INT64_MAX}, {"3b7fffffffffffffff", INT64_MIN}, {"18ff", 255}, {"190100", 256}, {"19ffff", 65535},
    {"1a00010000", 65536}, {"1affffffff", 4294967295}, {"1b0000000100000000", 4294967296}};

static size_t unhex(const char *s, uint8_t *to)
{
	size_t n = 0;
	unsigned b;

	for (; sscanf(s, "%2x", &b) == 1; s += 2)
		to[n++] = (uint8_t)b;
	return n;
}

static void test_integers(void)
{
	uint8_t want[16], got[16];
	gosig_writer w;
	gosig_reader r;
	size_t i, size;
	int64_t n;

	for (i = 0; i < sizeof integers / sizeof integers[0]; i++) {
		size = unhex(integers[i].hex, want);
		gosig_write_begin(&w, got, sizeof got);
		gosig_write_int(&w, integers[i].n);
		CHECK(!w.full && w.size == size && memcmp(want, got, size) == 0);
		gosig_read_begin(&r, want, size);
		n = 1;
		CHECK(gosig_read_int(&r, &n) && n == integers[i].n && r.at == r.end);
		CHECK(gosig_read_type(&r) == GOSIG_END);
		/* Whatever is cut off is no value. */
		while (size-- > 0)
			CHECK(!gosig_valid(want, size));
	}
}

static const struct {
	const char *hex;
	double x;
} floats[] = {
    {"f90000", 0}, {"f98000", -0.0}, {"f93c00", 1}, {"fb3ff199999999999a", 1.1}, {"f93e00", 1.5}, {"f97bff", 65504},
    {"fa47c35000", 100000}, {"fa7f7fffff", 3.4028234663852886e+38}, {"fb7e37e43c8800759c", 1.0e+300}, {"f90001", 5.960464477539063e-8},
    {"f90400", 0.00006103515625}, {"f9c400", -4}, {"fbc010666666666666", -4.1}, {"f97c00", (double)INFINITY}, {"f9fc00", -(double)INFINITY},
    {"fb4035800000000000", 21.5}, {"fb3fefffffffffffff", 0.9999999999999999}, {"fb36a0000000000000", 0},
    {"fb7fefffffffffffff", (double)INFINITY}, {"1903e8", 1000}, {"3903e7", -1000}, {"1a01000001", 16777217}, {"1a01000003", 16777219},
    {"1bffffffffffffffff", 18446744073709551616.0}, {"3bffffffffffffffff", -18446744073709551616.0}, {"00", 0}, {"fa40490fdb", 3.14159274101257324}};

static void test_floats(void)
{
	uint8_t data[16];
	gosig_reader r;
	size_t i;
	float x;

	for (i = 0; i < sizeof floats / sizeof floats[0]; i++) {
		gosig_read_begin(&r, data, unhex(floats[i].hex, data));
		x = 1;
		CHECK(gosig_read_float(&r, &x) && r.at == r.end);
		if (x != (float)floats[i].x && !(fabs((double)x - floats[i].x) <= fabs(floats[i].x) * 6.1e-8))
			CHECK(!"the nearest float");
		CHECK((signbit(x) != 0) == (signbit(floats[i].x) != 0));
	}
	gosig_read_begin(&r, data, unhex("f97e00", data));
	CHECK(gosig_read_float(&r, &x) && isnan(x));
	gosig_read_begin(&r, data, unhex("6131", data));
	CHECK(!gosig_read_float(&r, &x) && gosig_read_type(&r) == GOSIG_TEXT);
}

static void test_map(void)
{
	uint8_t data[64];
	gosig_writer w;
	gosig_reader r;
	const char *text;
	const uint8_t *bytes;
	size_t size;
	uint64_t n;
	float x;
	bool b;

	gosig_write_begin(&w, data, sizeof data);
	gosig_write_map(&w, 4);
	gosig_write_text(&w, "n");
	gosig_write_uint(&w, 500);
	gosig_write_text(&w, "list");
	gosig_write_array(&w, 3);
	gosig_write_bool(&w, true);
	gosig_write_null(&w);
	gosig_write_bytes(&w, "\0\1", 2);
	gosig_write_text(&w, "x");
	gosig_write_float(&w, 2.5f);
	gosig_write_text(&w, "empty");
	gosig_write_map(&w, 0);
	CHECK(!w.full && gosig_valid(data, w.size));

	gosig_read_begin(&r, data, w.size);
	CHECK(gosig_read_key(&r, "x") && gosig_read_float(&r, &x) && x == 2.5f);
	gosig_read_begin(&r, data, w.size);
	CHECK(gosig_read_key(&r, "n") && gosig_read_uint(&r, &n) && n == 500);
	gosig_read_begin(&r, data, w.size);
	CHECK(!gosig_read_key(&r, "y") && gosig_read_type(&r) == GOSIG_MAP);
	CHECK(gosig_read_key(&r, "list") && gosig_read_array(&r, &size) && size == 3);
	CHECK(gosig_read_type(&r) == GOSIG_BOOL && gosig_read_bool(&r, &b) && b);
	CHECK(!gosig_read_bool(&r, &b) && gosig_read_type(&r) == GOSIG_NULL && gosig_read_null(&r));
	CHECK(!gosig_read_text(&r, &text, &size));
	CHECK(gosig_read_bytes(&r, &bytes, &size) && size == 2 && bytes[1] == 1);
	CHECK(gosig_read_text(&r, &text, &size) && size == 1 && *text == 'x');

	/* What does not fit is left out, all of it. */
	for (size = 0; size < w.size; size++) {
		gosig_writer small;
		uint8_t few[8];
		gosig_write_begin(&small, few, size < sizeof few ? size : sizeof few);
		gosig_write_text(&small, "12345678");
		CHECK(small.full && small.size <= small.capacity);
	}
}

static void test_invalid(void)
{
	static const char *const hex[] = {
	    "", "1c", "1f", "ff", "5f4100ff", "9f01ff", "bf616101ff", "c074323031332d30332d32315432303a30343a30305a", "f7", "f800", "f818", "fc",
	    "6261", "82", "8201", "a1", "a101", "a16161", "5b7fffffffffffffff00", "9b7fffffffffffffff00", "bbffffffffffffffff00", "0001", "e0"};
	uint8_t data[64];
	size_t i;

	for (i = 0; i < sizeof hex / sizeof hex[0]; i++)
		CHECK(!gosig_valid(data, unhex(hex[i], data)));
	memset(data, 0x81, sizeof data); /* arrays in arrays, as deep as may be */
	data[sizeof data - 1] = 0;
	CHECK(gosig_valid(data, sizeof data));
	CHECK(!gosig_valid(data, sizeof data - 1));
}

/* ---- the client alone -------------------------------------------------------------------- */

static uint32_t now;
static uint8_t written[65536];
static size_t written_size, write_room = SIZE_MAX;

static size_t no_bytes(void *context, uint8_t *bytes, size_t size)
{
	(void)context;
	(void)bytes;
	(void)size;
	return 0;
}

static size_t take_bytes(void *context, const uint8_t *bytes, size_t size)
{
	(void)context;
	if (size > write_room)
		size = write_room;
	if (size > sizeof written - written_size)
		size = sizeof written - written_size;
	memcpy(written + written_size, bytes, size);
	written_size += size;
	return size;
}

static uint32_t tell_time(void *context)
{
	(void)context;
	return now;
}

static uint32_t count_up(void *context)
{
	static uint32_t n = 1000;

	(void)context;
	return n++;
}

static const gosig_port port = {take_bytes, no_bytes, tell_time, count_up, NULL, 115200};

/* A port that takes one byte at a time, and a clock that overflows. */
static void test_alone(void)
{
	static gosig g;
	static gosig_event events[] = {{.name = "temp"}};
	static gosig_sender sender = {.name = "s", .events = events, .event_count = 1};
	uint32_t begin = UINT32_MAX - 1000;
	size_t frames = 0, i;

	write_room = 1;
	now = begin;
	gosig_init(&g, &port, "alone", "cbor");
	CHECK(gosig_now(&g) == GOSIG_OFFLINE);
	CHECK(gosig_connect(&g, &sender) == GOSIG_OK && gosig_connect(&g, &sender) == GOSIG_BUSY);
	CHECK(gosig_emit(&g, &sender, 0, "", 0) == GOSIG_NOT_CONNECTED);
	CHECK(gosig_emit(&g, &sender, 1, "", 0) == GOSIG_UNDECLARED);
	for (; now - begin < 3000; now++)
		(void)gosig_poll(&g);
	for (i = 0; i + 1 < written_size; i++)
		if (written[i] == 0 && written[i + 1] != 0)
			frames++;
	CHECK(frames == 12); /* a SYN each 250 ms */
	CHECK(gosig_disconnect(&g, &sender, "") == GOSIG_OK && gosig_disconnect(&g, &sender, "") == GOSIG_NOT_CONNECTED);
	gosig_stop(&g, 100);
	CHECK(gosig_now(&g) == GOSIG_WAITING);
	now += 100;
	(void)gosig_poll(&g);
	CHECK(gosig_now(&g) == GOSIG_OFFLINE);
}

/* ---- what handlers may do --------------------------------------------------------------- */

static gosig client;
static gosig_event one_event[] = {{.name = "e"}};
static gosig_sender sensor = {.name = "s", .events = one_event, .event_count = 1};
static gosig_subscription three[3];
static unsigned heard[3];
static int deed;

static void on_event(gosig *g, const gosig_signal *s, void *context)
{
	gosig_subscription *me = context;

	(void)s;
	heard[me - three]++;
	if (me != three)
		return;
	if (deed == 1) { /* ends the next and begins it again */
		CHECK(gosig_unsubscribe(g, &three[1]) == GOSIG_OK && gosig_subscribe(g, &three[1]) == GOSIG_OK);
	} else if (deed == 2) { /* itself */
		CHECK(gosig_unsubscribe(g, me) == GOSIG_OK && gosig_subscribe(g, me) == GOSIG_OK);
	} else if (deed == 3) { /* all of them */
		CHECK(gosig_unsubscribe(g, &three[2]) == GOSIG_OK && gosig_unsubscribe(g, &three[1]) == GOSIG_OK && gosig_unsubscribe(g, me) == GOSIG_OK);
	} else if (deed == 4) { /* says it again, from inside */
		deed = 0;
		CHECK(gosig_emit(g, &sensor, 0, "", 0) == GOSIG_OK);
	}
}

/* A client that is connected, without a router: what it says waits. */
static void connect_nobody(void)
{
	memset(&client, 0, sizeof client);
	gosig_init(&client, &port, "unit", "cbor");
	client.state = GOSIG_ONLINE;
	client.link.s.open = true;
	client.max_frame = 500;
	sensor.active = false;
	CHECK(gosig_connect(&client, &sensor) == GOSIG_OK);
	sensor.connected = true;
}

static void test_handlers(void)
{
	static const unsigned want[5][3] = {{1, 1, 1}, {1, 0, 1}, {0, 1, 1}, {1, 0, 0}, {2, 2, 2}};
	int i;

	for (i = 0; i < 5; i++) {
		connect_nobody();
		memset(heard, 0, sizeof heard);
		memset(three, 0, sizeof three);
		for (int k = 0; k < 3; k++) {
			three[k].sender = three[k].event = "**";
			three[k].handle = on_event;
			three[k].context = &three[k];
			CHECK(gosig_subscribe(&client, &three[k]) == GOSIG_OK);
		}
		deed = i;
		CHECK(gosig_emit(&client, &sensor, 0, "", 0) == GOSIG_OK);
		CHECK(heard[2] == want[i][2]);
		CHECK(heard[0] >= want[i][0] && heard[0] <= 1 + (i == 4));
		CHECK(heard[1] >= want[i][1] && heard[1] <= (i == 3 ? 0 : 1 + (i == 4)));
	}
}

static void on_reply(gosig *g, const gosig_reply *r, void *context)
{
	(void)g;
	++*(unsigned *)context;
	CHECK(r->code == GOSIG_CANCELLED);
}

/* What is handed over twice is there once, and what is not under way is not given up. */
static void test_twice(void)
{
	static gosig_peer peers[2] = {{.name = "a", .here = true}, {.name = "b", .here = true}};
	static const uint8_t zeros[600];
	unsigned done = 0;
	gosig_call calls[2] = {{.done = on_reply}, {.done = on_reply}};
	size_t said;

	calls[0].context = calls[1].context = &done;
	connect_nobody();
	client.next_id = 1;
	gosig_cancel(&client, &calls[0]);
	CHECK(done == 0 && client.link.s.size == 0);
	gosig_watch(&client, &peers[0]);
	gosig_watch(&client, &peers[1]);
	gosig_watch(&client, &peers[0]);
	CHECK(client.peers == &peers[0].node && peers[0].node.next == &peers[1].node && peers[1].node.next == NULL);
	CHECK(gosig_request(&client, &peers[0], "m", "", 0, 0, &calls[0]) == GOSIG_OK);
	CHECK(gosig_request(&client, &peers[0], "m", "", 0, 0, &calls[1]) == GOSIG_OK);
	said = client.link.s.size;
	CHECK(gosig_request(&client, &peers[1], "m", "", 0, 0, &calls[0]) == GOSIG_BUSY);
	CHECK(client.link.s.size == said);
	gosig_cancel(&client, &calls[0]);
	gosig_cancel(&client, &calls[0]);
	CHECK(done == 1);
	gosig_cancel(&client, &calls[1]);
	CHECK(done == 2 && client.calls == NULL);
	CHECK(gosig_request(&client, &peers[0], "m", zeros, sizeof zeros, 0, &calls[0]) == GOSIG_TOO_LARGE && client.calls == NULL);
}

static unsigned changes;

static void wait_longer(gosig *g, gosig_state state, uint16_t code, const char *text)
{
	(void)code;
	(void)text;
	changes++;
	if (state == GOSIG_WAITING)
		gosig_stop(g, 60000);
}

/* To stop more than once says goodbye once; the last pause counts. */
static void test_stop(void)
{
	size_t said;

	connect_nobody();
	changes = 0;
	gosig_on_change(&client, wait_longer);
	gosig_stop(&client, 10);
	said = client.link.s.size;
	CHECK(gosig_now(&client) == GOSIG_ENDING && said > 0);
	gosig_stop(&client, 20);
	CHECK(gosig_now(&client) == GOSIG_ENDING && client.link.s.size == said && changes == 1);
	now += 1000; /* the other side does not hang up */
	(void)gosig_poll(&client);
	CHECK(gosig_now(&client) == GOSIG_WAITING && changes == 2);
	now += 59999;
	(void)gosig_poll(&client);
	CHECK(gosig_now(&client) == GOSIG_WAITING);
	now++;
	(void)gosig_poll(&client);
	CHECK(gosig_now(&client) == GOSIG_OFFLINE && changes == 3);
}

/* An end that has heard the peer for weeks, and had not to ask, asks when it hears nothing. */
static void test_weeks(void)
{
	gosig_link *l = &client.link;
	uint8_t line[32];
	gosig_stuffing s;
	size_t size, i;

	connect_nobody();
	l->s.keepalive = 1000;
	l->s.heard = l->s.progress = l->now;
	l->s.pinged = l->now - 0x90000000;
	gosig_stuff_begin(&s, line, GOSIG_ACK << 4);
	size = gosig_stuff_end(&s, line);
	for (i = 0; i < size; i++)
		gosig_link_input(l, line[i]);
	CHECK(gosig_link_output(l) == 0);
	l->now += 1000;
	CHECK(gosig_link_output(l) > 0 && l->out[2] >> 4 == GOSIG_PING);
}

int main(void)
{
	test_integers();
	test_floats();
	test_map();
	test_invalid();
	test_alone();
	test_handlers();
	test_twice();
	test_stop();
	test_weeks();
	printf("%d checks, %d failed\n", checks, failures);
	return failures != 0;
}
