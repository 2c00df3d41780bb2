/* gosig_client.c: the connection with a router: docs/protocol.md sections 4, 5, 10.
 *
 *	OFFLINE --link--> OPENING --WELCOME--> OPEN --SYNCED--> ONLINE
 *	   ^                 |                  |                  |
 *	   |                 +------------------+------------------+--> ENDING
 *	   |                 |  the link is lost, GOODBYE, ABORT          | GOODBYE was said
 *	   +---- WAITING <---+--------------------------------------------+
 */
#include "gosig_internal.h"

#define OPENING_TIME 5000u  /* until WELCOME */
#define SILENCE 40000u      /* after which the router is taken for gone; more than two keepalives */
#define PATIENCE 1000u      /* for the other side to hang up */
#define FIRST_PAUSE 250u    /* doubles up to the next */
#define LONGEST_PAUSE 16000u
#define HOPELESS_PAUSE 30000u /* trying again soon will hardly help */
#define TURNS 16            /* of 32 bytes that one poll reads */
#define AUTH_FEATURE 16     /* it can prove who it is */
#define LENGTH 3            /* bytes at most that the link puts before a message */

/* ---- lists ------------------------------------------------------------------------------- */

bool gosig_append(gosig_node **list, gosig_node *node)
{
	for (; *list != node; list = &(*list)->next)
		if (*list == NULL) {
			*list = node;
			node->next = NULL;
			return true;
		}
	return false;
}

bool gosig_take_out(gosig_node **list, const gosig_node *node)
{
	for (; *list != NULL; list = &(*list)->next)
		if (*list == node) {
			*list = node->next;
			return true;
		}
	return false;
}

/* ---- the beginning ------------------------------------------------------------------------ */

gosig_state gosig_now(const gosig *g) { return (gosig_state)g->state; }

bool gosig_is_open(const gosig *g) { return g->state == GOSIG_OPEN || g->state == GOSIG_ONLINE; }

void gosig_on_change(gosig *g, void (*changed)(gosig *g, gosig_state state, uint16_t code, const char *text)) { g->changed = changed; }

void gosig_init(gosig *g, const gosig_port *port, const char *name, const char *codec)
{
	uint32_t n[7];
	size_t i;

	memset(g, 0, sizeof *g);
	for (i = 0; i < 7; i++)
		n[i] = port->nonce(port->context);
	g->port = port;
	g->name = name;
	g->codec = codec;
	memcpy(g->node, &n[1], sizeof g->node);
	g->node[0] |= 1; /* not all zero */
	g->epoch[0] = n[5];
	g->epoch[1] = n[6];
	g->retry = FIRST_PAUSE;
	gosig_link_init(&g->link, port->milliseconds(port->context), port->baud, n[0]);
}

void gosig_prove(gosig *g, const char *token) { g->proof = token; }

/* ---- states ------------------------------------------------------------------------------ */

static void set_state(gosig *g, gosig_state state, uint16_t code, const char *text)
{
	g->state = (uint8_t)state;
	g->since = g->link.now;
	if (g->changed != NULL)
		g->changed(g, state, code, text);
}

/* Everything that hangs on a connection ends with it. */
static void cleanup(gosig *g)
{
	gosig_senders_lost(g);
	gosig_end_calls(g, NULL, true);
	gosig_remotes_lost(g);
}

/* The connection is over; the next begins after a pause. */
static void drop(gosig *g, uint16_t code, const char *text)
{
	gosig_link_close(&g->link);
	set_state(g, GOSIG_WAITING, code, text);
	cleanup(g);
}

static uint32_t pause_after(gosig *g, uint16_t code)
{
	uint32_t pause = g->retry;

	if (code == GOSIG_DENIED || (code >= GOSIG_VIOLATION && code <= GOSIG_RING))
		return HOPELESS_PAUSE;
	if (g->retry < LONGEST_PAUSE)
		g->retry *= 2;
	return pause;
}

/* ---- sending ------------------------------------------------------------------------------- */

int gosig_send(gosig *g, unsigned type, const gosig_word *fields)
{
	size_t size = gosig_encode(type, fields, 0, NULL);

	if (size > g->max_frame)
		return GOSIG_TOO_LARGE;
	if (size + LENGTH + (type < GOSIG_ANSWER ? GOSIG_RESERVE : 0) > gosig_link_room(&g->link))
		return GOSIG_BUSY;
	(void)gosig_encode(type, fields, size, &g->link);
	return GOSIG_OK;
}

static void say_hello(gosig *g)
{
	const gosig_word f[] = {
	    GOSIG_STRING("gsig\1\1"), (gosig_word)g->node, GOSIG_STRING(g->name), g->proof != NULL ? AUTH_FEATURE : 0, 1, GOSIG_STRING(g->codec),
	    GOSIG_MAX_FRAME, GOSIG_MAX_ASKED, 0, 0, 0, g->has_token ? (gosig_word)g->token : 0, 0};
	uint32_t most = GOSIG_TX_BUFFER - GOSIG_RESERVE - LENGTH;

	g->max_frame = g->link.s.max_message < most ? g->link.s.max_message : most;
	(void)gosig_send(g, GOSIG_T_HELLO | GOSIG_ANSWER, f);
}

/* Says why the connection ends, and waits a while for the other side to end it. */
static void say_end(gosig *g, uint16_t code, uint32_t pause)
{
	const gosig_word f[] = {code, GOSIG_STRING("")};

	(void)gosig_send(g, (gosig_is_open(g) ? GOSIG_T_GOODBYE : GOSIG_T_ABORT) | GOSIG_ANSWER, f);
	g->pause = pause;
	set_state(g, GOSIG_ENDING, code, "");
}

void gosig_stop(gosig *g, uint32_t pause)
{
	g->pause = pause;
	if (g->state == GOSIG_WAITING)
		g->since = g->link.now;
	else if (g->state == GOSIG_OFFLINE)
		drop(g, GOSIG_OK, "");
	else if (g->state != GOSIG_ENDING) /* else it has been said */
		say_end(g, GOSIG_OK, pause);
}

/* ---- receiving ----------------------------------------------------------------------------- */

static void on_welcome(gosig *g, const gosig_field *f)
{
	if (f[0].n != 1) {
		say_end(g, GOSIG_VERSION, HOPELESS_PAUSE);
		return;
	}
	if (f[5].n < g->max_frame)
		g->max_frame = f[5].n;
	g->keepalive = f[7].n < 1000 ? 1000 : f[7].n;
	g->has_token = f[10].n > 0;
	if (g->has_token)
		memcpy(g->token, f[10].p, sizeof g->token);
	g->session++;
	g->next_id = 1;
	g->announced = g->renew = false;
	g->heard = g->pinged = g->link.now;
	set_state(g, GOSIG_OPEN, GOSIG_OK, "");
}

/* The router asks for a proof of who this is, and says which it takes. */
static void on_challenge(gosig *g, gosig_field *f)
{
	static const char token[] = "token";

	for (; g->proof != NULL && f[1].n > 0;)
		if (gosig_same(gosig_next_name(&f[1]), token)) {
			const gosig_word auth[] = {GOSIG_STRING(token), GOSIG_STRING(g->proof), strlen(g->proof)};

			(void)gosig_send(g, GOSIG_T_AUTH | GOSIG_ANSWER, auth);
			return;
		}
	say_end(g, GOSIG_DENIED, HOPELESS_PAUSE);
}

static void on_end(gosig *g, const gosig_field *f)
{
	uint16_t code = (uint16_t)f[0].n;

	g->pause = pause_after(g, code);
	drop(g, code, gosig_text(&f[1]));
}

static void on_open(gosig *g, unsigned type, gosig_field *f)
{
	const gosig_word echo[] = {f[0].n, f[0].hi}, nonce[] = {(gosig_word)f[0].p};

	switch (type & 0x1f) {
	case GOSIG_T_CONNECT:
		gosig_on_connect(g, type, f);
		break;
	case GOSIG_T_DISCONNECT:
		if ((type & GOSIG_F_FLAG) == 0) {
			gosig_on_disconnect(g, f);
			break;
		} /* else: of ours */
		/* fall through */
	case GOSIG_T_CONNECTED:
	case GOSIG_T_WANT:
		gosig_on_own(g, type, f);
		break;
	case GOSIG_T_REFUSED:
		gosig_on_refused(g, f);
		break;
	case GOSIG_T_ROUTE:
	case GOSIG_T_EVENT:
	case GOSIG_T_LOST:
		gosig_on_numbered(g, type, f);
		break;
	case GOSIG_T_REQUEST:
		gosig_on_request(g, f);
		break;
	case GOSIG_T_REPLY:
		gosig_on_reply(g, f);
		break;
	case GOSIG_T_PING:
		(void)gosig_send(g, GOSIG_T_PONG | GOSIG_ANSWER, nonce);
		break;
	case GOSIG_T_SYNC:
		(void)gosig_send(g, GOSIG_T_SYNCED | GOSIG_ANSWER, echo);
		break;
	case GOSIG_T_SYNCED:
		g->retry = FIRST_PAUSE;
		set_state(g, GOSIG_ONLINE, GOSIG_OK, "");
		break;
	case GOSIG_T_CANCEL: /* the answer will be nobody's */
	case GOSIG_T_PONG:
		break;
	default:
		say_end(g, GOSIG_VIOLATION, HOPELESS_PAUSE);
	}
}

static void on_frame(gosig *g, size_t size)
{
	gosig_field f[GOSIG_FIELDS];
	uint16_t code = gosig_decode(g->frame, size, f);
	uint8_t type = g->frame[0];

	g->heard = g->link.now;
	if (code != GOSIG_OK)
		say_end(g, code, HOPELESS_PAUSE);
	else if (type == GOSIG_T_ABORT || (type == GOSIG_T_GOODBYE && gosig_is_open(g)))
		on_end(g, f);
	else if (gosig_is_open(g))
		on_open(g, type, f);
	else if (type == GOSIG_T_WELCOME)
		on_welcome(g, f);
	else if (type == GOSIG_T_CHALLENGE)
		on_challenge(g, f);
	else
		say_end(g, GOSIG_VIOLATION, HOPELESS_PAUSE);
}

/* Takes what has come, while there is room for whatever it is answered. After an end
 * has been said, what comes is nobody's. */
static void receive(gosig *g)
{
	uint16_t size;

	while (g->link.s.open && gosig_link_room(&g->link) >= GOSIG_RESERVE) {
		if (!gosig_link_receive(&g->link, g->frame, &g->got))
			return;
		size = g->got;
		g->got = 0;
		if (g->state != GOSIG_ENDING)
			on_frame(g, size);
	}
}

/* ---- the link --------------------------------------------------------------------------------- */

static void on_link_lost(gosig *g)
{
	gosig_state was = gosig_now(g);

	if (was == GOSIG_ONLINE) {
		set_state(g, GOSIG_OFFLINE, GOSIG_CONNECTION, "");
		cleanup(g);
		return;
	}
	if (was != GOSIG_ENDING)
		g->pause = pause_after(g, GOSIG_CONNECTION);
	drop(g, GOSIG_CONNECTION, "");
}

static void on_link_event(gosig *g)
{
	switch (gosig_link_event(&g->link)) {
	case GOSIG_LINK_OPENED:
		g->got = 0;
		set_state(g, GOSIG_OPENING, GOSIG_OK, "");
		say_hello(g);
		break;
	case GOSIG_LINK_LOST:
		on_link_lost(g);
		break;
	case GOSIG_LINK_REFUSED:
		set_state(g, GOSIG_OFFLINE, g->link.reason == GOSIG_LINK_VERSION ? GOSIG_VERSION : GOSIG_VIOLATION, "");
		break;
	default:
		break;
	}
}

/* Reports whether there may be more. */
static bool read_port(gosig *g)
{
	uint8_t bytes[32];
	size_t size = sizeof bytes, i;
	int turn;

	for (turn = 0; turn < TURNS && size == sizeof bytes; turn++) {
		size = g->port->read(g->port->context, bytes, sizeof bytes);
		for (i = 0; i < size; i++) {
			gosig_link_input(&g->link, bytes[i]);
			if (bytes[i] == 0) {
				receive(g);
				on_link_event(g);
			}
		}
	}
	receive(g);
	return size == sizeof bytes;
}

/* Writes what the port takes. */
static void write_port(gosig *g)
{
	gosig_link *l = &g->link;

	do {
		if (l->out_done == l->out_size) {
			l->out_done = 0;
			l->out_size = gosig_link_output(l);
		}
		l->out_done += g->port->write(g->port->context, l->out + l->out_done, l->out_size - l->out_done);
	} while (l->out_size > 0 && l->out_done == l->out_size);
}

/* ---- what is due ------------------------------------------------------------------------------ */

static bool passed(const gosig *g, uint32_t since, uint32_t time) { return g->link.now - since >= time; }

/* Does what a connection needs from time to time. */
static void tend(gosig *g)
{
	static const uint8_t zeros[8];
	const gosig_word sync[] = {1, 0}, ping[] = {(gosig_word)zeros};

	if (gosig_announce(g) && !g->announced)
		g->announced = gosig_send(g, GOSIG_T_SYNC | GOSIG_ANSWER, sync) == GOSIG_OK;
	gosig_end_calls(g, NULL, false);
	if (g->renew || passed(g, g->heard, SILENCE)) {
		g->pause = 0;
		drop(g, GOSIG_CONNECTION, "");
	} else if (passed(g, g->heard, g->keepalive) && passed(g, g->pinged, g->keepalive)) {
		g->pinged = g->link.now;
		(void)gosig_send(g, GOSIG_T_PING, ping);
	}
}

static void step(gosig *g)
{
	gosig_state s = gosig_now(g);

	if (gosig_is_open(g)) {
		tend(g);
	} else if (s == GOSIG_WAITING) {
		if (passed(g, g->since, g->pause)) {
			gosig_link_reopen(&g->link);
			set_state(g, GOSIG_OFFLINE, GOSIG_OK, "");
		}
	} else if (s != GOSIG_OFFLINE && passed(g, g->since, s == GOSIG_OPENING ? OPENING_TIME : PATIENCE)) {
		on_link_lost(g);
	}
}

bool gosig_poll(gosig *g)
{
	bool more;

	if (g->polling)
		return false; /* from inside a handler */
	g->polling = true;
	g->link.now = g->port->milliseconds(g->port->context);
	more = read_port(g);
	step(g);
	write_port(g);
	on_link_event(g);
	g->polling = false;
	return more;
}
