/* app.c: a thermometer with a lamp.
 *
 *	emits    "temp"      {"n": 1, "celsius": 21.5}, each second and more
 *	         "lamp"      true or false, when it has been switched
 *	answers  "read"      the temperature now
 *	         "status"    what it has lived through
 *	hears    "desk" "light", true or false, and switches the lamp
 *	asks     "desk" for its "interval", in milliseconds, when desk has come
 */
#include "app.h"

enum { TEMP, LAMP }; /* in the order of the list */

static gosig g;
static const gosig_port *port;
static const app_board *board;

static bool lamp_is_on;
static bool lamp_is_news; /* and has not been emitted */
static uint32_t interval = 1000, last;
static uint32_t measured, refused, lost, connections;

/* ---- what it answers -------------------------------------------------------------- */

static void on_read(gosig *c, const gosig_asked *asked, void *context)
{
	uint8_t buffer[8];
	gosig_writer w;

	(void)context;
	gosig_write_begin(&w, buffer, sizeof buffer);
	gosig_write_float(&w, board->temperature());
	(void)gosig_answer(c, asked->ticket, w.data, w.size);
}

static void on_status(gosig *c, const gosig_asked *asked, void *context)
{
	uint8_t buffer[80];
	gosig_writer w;

	(void)context;
	gosig_write_begin(&w, buffer, sizeof buffer);
	gosig_write_map(&w, 6);
	gosig_write_text(&w, "lamp");
	gosig_write_bool(&w, lamp_is_on);
	gosig_write_text(&w, "lost");
	gosig_write_uint(&w, lost);
	gosig_write_text(&w, "refused");
	gosig_write_uint(&w, refused);
	gosig_write_text(&w, "interval");
	gosig_write_uint(&w, interval);
	gosig_write_text(&w, "measured");
	gosig_write_uint(&w, measured);
	gosig_write_text(&w, "connections");
	gosig_write_uint(&w, connections);
	(void)gosig_answer(c, asked->ticket, w.data, w.size);
}

static const gosig_method methods[] = {{"read", on_read, NULL}, {"status", on_status, NULL}};
static gosig_event events[] = {{.name = "temp"}, {.name = "lamp"}};

/* The router has ended the sender, for example because another device has its name:
 * main tries again after a while. */
static uint32_t ended_at;

static void on_ended(gosig *c, gosig_sender *sender, uint16_t code, const char *text)
{
	(void)c;
	(void)sender;
	(void)code;
	(void)text;
	ended_at = port->milliseconds(port->context);
}

static gosig_sender sensor = {
    .events = events, .event_count = 2, .methods = methods, .method_count = 2, .ended = on_ended};

/* ---- what it hears ------------------------------------------------------------------ */

static void on_light(gosig *c, const gosig_signal *s, void *context)
{
	gosig_reader r;

	(void)c;
	(void)context;
	if (s->kind == GOSIG_LOST)
		lost += s->count == 0 ? 1 : (uint32_t)s->count;
	if (s->kind != GOSIG_EVENT)
		return;
	gosig_read_begin(&r, s->data, s->size);
	if (!gosig_read_bool(&r, &lamp_is_on))
		return; /* somebody's mistake, and not ours */
	board->lamp(lamp_is_on);
	lamp_is_news = true;
}

static gosig_subscription light = {.sender = "desk", .event = "light", .handle = on_light};

/* ---- what it asks --------------------------------------------------------------------- */

static void on_interval(gosig *c, const gosig_reply *reply, void *context)
{
	gosig_reader r;
	uint64_t n;

	(void)c;
	(void)context;
	gosig_read_begin(&r, reply->data, reply->size);
	if (reply->code == GOSIG_OK && gosig_read_uint(&r, &n) && n > 0 && n <= 3600000)
		interval = (uint32_t)n;
}

static gosig_call ask_interval = {.done = on_interval};

static void on_desk(gosig *c, gosig_peer *peer, void *context)
{
	static const uint8_t nothing = 0xf6; /* null */

	(void)context;
	if (peer->here)
		(void)gosig_request(c, peer, "interval", &nothing, 1, 5000, &ask_interval);
}

static gosig_peer desk = {.name = "desk", .changed = on_desk};

/* ---- what it emits ---------------------------------------------------------------------- */

static void emit_temperature(void)
{
	uint8_t buffer[32];
	gosig_writer w;

	gosig_write_begin(&w, buffer, sizeof buffer);
	gosig_write_map(&w, 2);
	gosig_write_text(&w, "n");
	gosig_write_uint(&w, measured + 1);
	gosig_write_text(&w, "celsius");
	gosig_write_float(&w, board->temperature());
	if (gosig_emit(&g, &sensor, TEMP, w.data, w.size) == GOSIG_OK)
		measured++;
	else
		refused++; /* no connection, or the line is full: it has not been emitted */
}

static void emit_lamp(void)
{
	uint8_t buffer[1];
	gosig_writer w;

	gosig_write_begin(&w, buffer, sizeof buffer);
	gosig_write_bool(&w, lamp_is_on);
	if (gosig_emit(&g, &sensor, LAMP, w.data, w.size) == GOSIG_OK)
		lamp_is_news = false; /* else: again when there is room */
}

static void on_change(gosig *c, gosig_state state, uint16_t code, const char *text)
{
	(void)c;
	(void)code;
	(void)text;
	if (state == GOSIG_ONLINE)
		connections++;
}

void app_init(const gosig_port *p, const app_board *b)
{
	port = p;
	board = b;
	sensor.name = b->name;
	gosig_init(&g, port, b->name, "cbor");
	gosig_on_change(&g, on_change);
	(void)gosig_connect(&g, &sensor);
	(void)gosig_subscribe(&g, &light);
	gosig_watch(&g, &desk);
	last = port->milliseconds(port->context);
}

bool app_poll(void)
{
	uint32_t now = port->milliseconds(port->context);

	if (!sensor.active && now - ended_at >= 5000)
		(void)gosig_connect(&g, &sensor);
	if (now - last >= interval) {
		last += interval;
		if (now - last >= interval)
			last = now; /* the clock was held up */
		emit_temperature();
	}
	if (lamp_is_news)
		emit_lamp();
	return gosig_poll(&g);
}
