/* gosig_sender.c: the senders and subscriptions of this device: docs/protocol.md
 * sections 6 to 8. */
#include "gosig_internal.h"

/* ---- senders -------------------------------------------------------------------------- */

int gosig_connect(gosig *g, gosig_sender *sender)
{
	size_t i;

	if (!gosig_append(&g->senders, &sender->node))
		return GOSIG_BUSY;
	sender->active = true;
	sender->connected = false;
	sender->told = 0;
	sender->epoch[0] = g->epoch[0];
	sender->epoch[1] = g->epoch[1]++;
	for (i = 0; i < sender->event_count; i++) {
		sender->events[i].count = 0;
		sender->events[i].wanted = false;
	}
	return GOSIG_OK;
}

static int say_disconnect(gosig *g, const gosig_sender *s, unsigned answer, const char *reason)
{
	const gosig_word f[] = {s->number, GOSIG_OK, GOSIG_STRING(reason)};

	return s->told > 0 && gosig_is_open(g) ? gosig_send(g, GOSIG_T_DISCONNECT | answer, f) : GOSIG_OK;
}

static void forget(gosig *g, gosig_sender *s)
{
	(void)gosig_take_out(&g->senders, &s->node);
	s->active = s->connected = false;
	s->told = 0;
}

int gosig_disconnect(gosig *g, gosig_sender *sender, const char *reason)
{
	int code;

	if (!sender->active)
		return GOSIG_NOT_CONNECTED;
	code = say_disconnect(g, sender, 0, reason);
	if (code == GOSIG_OK)
		forget(g, sender);
	return code;
}

/* The router has refused or ended a sender of ours. */
static void ended(gosig *g, gosig_sender *s, uint16_t code, const char *text)
{
	(void)say_disconnect(g, s, GOSIG_ANSWER, "");
	forget(g, s);
	if (s->ended != NULL)
		s->ended(g, s, code, text);
}

int gosig_emit(gosig *g, gosig_sender *sender, size_t event, const void *data, size_t size)
{
	gosig_event *e;
	const gosig_word f[] = {sender->route + event, (gosig_word)data, size};
	gosig_signal s = {.kind = GOSIG_EVENT};
	int code;

	if (event >= sender->event_count)
		return GOSIG_UNDECLARED;
	if (!sender->connected)
		return GOSIG_NOT_CONNECTED;
	e = &sender->events[event];
	if (e->wanted) {
		code = gosig_send(g, GOSIG_T_EVENT, f);
		if (code != GOSIG_OK)
			return code;
	}
	s.sender = sender->name;
	s.event = e->name;
	s.number = ++e->count;
	s.data = data;
	s.size = size;
	gosig_deliver(g, &s);
	return GOSIG_OK;
}

/* Says where an event's numbers stand, as an answer to a WANT of that turn. */
static int say_route(gosig *g, const gosig_sender *s, size_t event, uint32_t turn)
{
	uint64_t next = s->events[event].count + 1;
	const gosig_word f[] = {s->route + event, GOSIG_HALVES(next), turn};

	return gosig_send(g, GOSIG_T_ROUTE | GOSIG_F_FLAG | (turn > 0 ? GOSIG_ANSWER : 0), f);
}

static int say_connect(gosig *g, gosig_sender *s)
{
	const gosig_word f[] = {
	    g->next_number, g->next_route, (gosig_word)s->epoch, GOSIG_STRING(s->name),
	    (gosig_word)s->events, s->event_count, sizeof *s->events,
	    (gosig_word)s->methods, s->method_count, sizeof *s->methods};
	unsigned type = GOSIG_T_CONNECT | GOSIG_F_FRESH, told = 1;
	size_t i;
	int code;

	for (i = 0; i < s->event_count; i++)
		if (s->events[i].count > 0)
			type = GOSIG_T_CONNECT;
	if (type != GOSIG_T_CONNECT)
		told = (unsigned)s->event_count + 1;
	if (s->any != NULL)
		type |= GOSIG_F_FLAG;
	code = gosig_send(g, type, f);
	if (code != GOSIG_OK)
		return code;
	s->told = (uint16_t)told;
	s->number = g->next_number++;
	s->route = g->next_route;
	g->next_route += (uint32_t)s->event_count;
	return GOSIG_OK;
}

void gosig_senders_lost(gosig *g)
{
	gosig_node *n;

	for (n = g->senders; n != NULL; n = n->next) {
		((gosig_sender *)n)->told = 0;
		((gosig_sender *)n)->connected = false;
	}
	for (n = g->subscriptions; n != NULL; n = n->next)
		((gosig_subscription *)n)->asked = false;
	g->next_number = g->next_route = 0;
}

static void on_connected(gosig *g, gosig_sender *s, gosig_field *f)
{
	size_t i;

	if (f[1].n != GOSIG_OK) {
		ended(g, s, (uint16_t)f[1].n, gosig_text(&f[2]));
		return;
	}
	s->connected = true;
	for (i = 0; i < s->event_count; i++)
		s->events[i].wanted = false;
	while (f[3].n > 0) {
		i = gosig_next_number(&f[3]);
		if (i < s->event_count)
			s->events[i].wanted = true;
	}
}

void gosig_on_own(gosig *g, unsigned type, gosig_field *f)
{
	gosig_node *n;
	gosig_sender *s;
	uint32_t event;

	for (n = g->senders; n != NULL; n = n->next) {
		s = (gosig_sender *)n;
		if (s->told == 0)
			continue;
		event = f[0].n - s->route;
		if ((type & 0x1f) == GOSIG_T_WANT) {
			if (event >= s->event_count)
				continue;
			s->events[event].wanted = (type & GOSIG_F_FLAG) != 0;
			if (s->events[event].wanted)
				(void)say_route(g, s, event, f[1].n);
			return;
		}
		if (s->number == f[0].n) {
			if (type == GOSIG_T_CONNECTED)
				on_connected(g, s, f);
			else
				ended(g, s, (uint16_t)f[1].n, gosig_text(&f[2]));
			return;
		}
	}
}

/* ---- subscriptions ---------------------------------------------------------------------- */

/* What has to be told anew: the router announces each sender once on a connection. */
static void renew(gosig *g) { g->renew = gosig_is_open(g); }

int gosig_subscribe(gosig *g, gosig_subscription *subscription)
{
	if (!gosig_append(&g->subscriptions, &subscription->node))
		return GOSIG_BUSY;
	subscription->order = ++g->order;
	subscription->active = true;
	subscription->asked = false;
	renew(g);
	return GOSIG_OK;
}

/* Says that a subscription begins or ends, unless the router knows of another with the
 * same patterns. */
static int say_patterns(gosig *g, unsigned type, const gosig_subscription *s)
{
	const gosig_word f[] = {GOSIG_STRING(s->sender), GOSIG_STRING(s->event)};
	const gosig_node *n;
	const gosig_subscription *other;

	for (n = g->subscriptions; n != NULL; n = n->next) {
		other = (const gosig_subscription *)n;
		if (other != s && other->asked && gosig_same(other->sender, s->sender) && gosig_same(other->event, s->event))
			return GOSIG_OK;
	}
	return gosig_send(g, type, f);
}

int gosig_unsubscribe(gosig *g, gosig_subscription *subscription)
{
	int code;

	if (!subscription->active)
		return GOSIG_OK;
	if (subscription->asked && gosig_is_open(g)) {
		code = say_patterns(g, GOSIG_T_UNSUBSCRIBE, subscription);
		if (code != GOSIG_OK)
			return code;
	}
	(void)gosig_take_out(&g->subscriptions, &subscription->node);
	subscription->active = false;
	gosig_routes_unwanted(g);
	return GOSIG_OK;
}

void gosig_on_refused(gosig *g, const gosig_field *f)
{
	gosig_signal signal = {.kind = GOSIG_REFUSED};

	signal.sender = gosig_text(&f[1]);
	signal.event = gosig_text(&f[2]);
	signal.code = (uint16_t)f[3].n;
	signal.text = gosig_text(&f[4]);
	gosig_deliver(g, &signal);
}

void gosig_watch(gosig *g, gosig_peer *peer)
{
	if (gosig_append(&g->peers, &peer->node))
		renew(g);
}

/* ---- announcing --------------------------------------------------------------------------- */

/* Announces as much as there is room for; true: everything has been. Of a sender that is
 * CONNECT, then a ROUTE for each event unless none was emitted. */
bool gosig_announce(gosig *g)
{
	gosig_node *n = g->senders;
	gosig_sender *s;
	gosig_subscription *sub;
	int code;

	while (n != NULL) {
		s = (gosig_sender *)n;
		if (s->told == s->event_count + 1) {
			n = n->next;
			continue;
		}
		if (s->told == 0) {
			code = say_connect(g, s);
		} else {
			code = say_route(g, s, s->told - 1u, 0);
			s->told = (uint16_t)(s->told + (code == GOSIG_OK));
		}
		if (code == GOSIG_OK)
			continue;
		if (code != GOSIG_BUSY)
			ended(g, s, (uint16_t)code, "");
		return false;
	}
	for (n = g->subscriptions; n != NULL; n = n->next) {
		sub = (gosig_subscription *)n;
		if (!sub->asked && say_patterns(g, GOSIG_T_SUBSCRIBE, sub) != GOSIG_OK)
			return false;
		sub->asked = true;
	}
	return true;
}
