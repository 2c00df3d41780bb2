/* gosig_sender.c: the senders and subscriptions of this device: docs/protocol.md
 * sections 6 to 8. */
#include "gosig_internal.h"

/* ---- senders -------------------------------------------------------------------------- */

static bool told_all(const gosig_sender *s) { return s->told == s->event_count + 1; }

int gosig_connect(gosig *g, gosig_sender *sender)
{
	gosig_sender **at = &g->senders;
	size_t i;

	if (sender->active)
		return GOSIG_BUSY;
	while (*at != NULL)
		at = &(*at)->next;
	*at = sender;
	sender->next = NULL;
	sender->active = true;
	sender->told = 0;
	sender->epoch[0] = g->epoch[0];
	sender->epoch[1] = g->epoch[1]++;
	for (i = 0; i < sender->event_count; i++) {
		sender->events[i].count = 0;
		sender->events[i].wanted = false;
	}
	return GOSIG_OK;
}

static void unlink_sender(gosig *g, gosig_sender *s)
{
	gosig_sender **at = &g->senders;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->active = false;
	s->told = 0;
}

static int say_disconnect(gosig *g, const gosig_sender *s, const char *reason, bool answer)
{
	gosig_field f[3];

	f[0].n = s->number;
	f[1].n = GOSIG_OK;
	gosig_field_string(&f[2], reason);
	return gosig_send(g, GOSIG_T_DISCONNECT, f, answer);
}

int gosig_disconnect(gosig *g, gosig_sender *sender, const char *reason)
{
	int code;

	if (!sender->active)
		return GOSIG_NOT_CONNECTED;
	if (sender->told > 0 && gosig_is_open(g)) {
		code = say_disconnect(g, sender, reason, false);
		if (code != GOSIG_OK)
			return code;
	}
	unlink_sender(g, sender);
	return GOSIG_OK;
}

/* The router has refused or ended a sender of ours. */
static void ended(gosig *g, gosig_sender *s, uint16_t code, const char *text)
{
	if (s->told > 0)
		(void)say_disconnect(g, s, "", true);
	unlink_sender(g, s);
	if (s->ended != NULL)
		s->ended(g, s, code, text);
}

int gosig_emit(gosig *g, gosig_sender *sender, size_t event, const void *data, size_t size)
{
	gosig_event *e;
	gosig_field f[2];
	gosig_signal s;
	int code;

	if (event >= sender->event_count)
		return GOSIG_UNDECLARED;
	if (!gosig_is_open(g) || !told_all(sender))
		return GOSIG_NOT_CONNECTED;
	e = &sender->events[event];
	if (e->wanted) {
		f[0].n = sender->route + event;
		f[1].p = data;
		f[1].size = size;
		code = gosig_send(g, GOSIG_T_EVENT, f, false);
		if (code != GOSIG_OK)
			return code;
	}
	memset(&s, 0, sizeof s);
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
	gosig_field f[3];

	f[0].n = s->route + event;
	f[1].n = s->events[event].count + 1;
	f[2].n = turn;
	return gosig_send(g, GOSIG_T_ROUTE | GOSIG_F_FLAG, f, turn > 0);
}

static int say_connect(gosig *g, gosig_sender *s)
{
	uint8_t type = GOSIG_T_CONNECT | GOSIG_F_FRESH;
	gosig_field f[6];
	size_t i;
	int code;

	s->number = g->next_number;
	s->route = g->next_route;
	for (i = 0; i < s->event_count; i++)
		if (s->events[i].count > 0)
			type &= (uint8_t)~GOSIG_F_FRESH;
	if (s->any != NULL)
		type |= GOSIG_F_FLAG;
	f[0].n = s->number;
	f[1].n = s->route;
	f[2].p = (const uint8_t *)s->epoch;
	f[2].size = sizeof s->epoch;
	gosig_field_string(&f[3], s->name);
	f[4].p = (const uint8_t *)s->events;
	f[4].n = s->event_count;
	f[4].size = sizeof *s->events;
	f[5].p = (const uint8_t *)s->methods;
	f[5].n = s->method_count;
	f[5].size = sizeof *s->methods;
	code = gosig_send(g, type, f, false);
	if (code != GOSIG_OK)
		return code;
	/* Until the router has said which are wanted, all are. */
	for (i = 0; i < s->event_count; i++)
		s->events[i].wanted = true;
	s->told = (uint16_t)((type & GOSIG_F_FRESH) != 0 ? s->event_count + 1 : 1);
	g->next_number++;
	g->next_route += (uint32_t)s->event_count;
	return GOSIG_OK;
}

GOSIG_LOCAL void gosig_senders_lost(gosig *g)
{
	gosig_subscription *sub;
	gosig_sender *s;

	for (s = g->senders; s != NULL; s = s->next)
		s->told = 0;
	for (sub = g->subscriptions; sub != NULL; sub = sub->next)
		sub->asked = false;
	g->next_number = g->next_route = 0;
}

static void on_connected(gosig *g, gosig_sender *s, gosig_field *f)
{
	size_t i;

	if (f[1].n != GOSIG_OK) {
		ended(g, s, (uint16_t)f[1].n, gosig_string(&f[2]));
		return;
	}
	for (i = 0; i < s->event_count; i++)
		s->events[i].wanted = false;
	while (f[3].n > 0) {
		i = gosig_next_number(&f[3]);
		if (i < s->event_count)
			s->events[i].wanted = true;
	}
}

GOSIG_LOCAL void gosig_on_own(gosig *g, uint8_t type, gosig_field *f)
{
	gosig_sender *s;
	uint64_t event;

	for (s = g->senders; s != NULL; s = s->next) {
		event = f[0].n - s->route;
		if (s->told == 0) {
			continue;
		} else if ((type & 0x1f) == GOSIG_T_WANT) {
			if (event >= s->event_count)
				continue;
			s->events[event].wanted = (type & GOSIG_F_FLAG) != 0;
			if (s->events[event].wanted)
				(void)say_route(g, s, (size_t)event, (uint32_t)f[1].n);
		} else if (s->number != f[0].n) {
			continue;
		} else if (type == GOSIG_T_CONNECTED) {
			on_connected(g, s, f);
		} else {
			ended(g, s, (uint16_t)f[1].n, gosig_string(&f[2]));
		}
		return;
	}
}

/* ---- subscriptions ---------------------------------------------------------------------- */

static bool same_patterns(const gosig_subscription *a, const gosig_subscription *b)
{
	return gosig_same(a->sender, b->sender) && gosig_same(a->event, b->event);
}

/* What has to be told anew: the router announces each sender once on a connection. */
static void renew(gosig *g) { g->renew = gosig_is_open(g); }

int gosig_subscribe(gosig *g, gosig_subscription *subscription)
{
	gosig_subscription **at = &g->subscriptions;

	if (subscription->active)
		return GOSIG_BUSY;
	while (*at != NULL)
		at = &(*at)->next;
	subscription->next = NULL;
	*at = subscription;
	subscription->active = true;
	subscription->asked = false;
	renew(g);
	return GOSIG_OK;
}

static int say_patterns(gosig *g, uint8_t type, const gosig_subscription *s)
{
	gosig_field f[2];

	gosig_field_string(&f[0], s->sender);
	gosig_field_string(&f[1], s->event);
	return gosig_send(g, type, f, false);
}

/* Another subscription with the same patterns that the router knows of. */
static bool asked_elsewhere(const gosig *g, const gosig_subscription *s)
{
	const gosig_subscription *other;

	for (other = g->subscriptions; other != NULL; other = other->next)
		if (other != s && other->asked && same_patterns(other, s))
			return true;
	return false;
}

int gosig_unsubscribe(gosig *g, gosig_subscription *subscription)
{
	gosig_subscription **at = &g->subscriptions;
	int code;

	if (!subscription->active)
		return GOSIG_OK;
	if (subscription->asked && gosig_is_open(g) && !asked_elsewhere(g, subscription)) {
		code = say_patterns(g, GOSIG_T_UNSUBSCRIBE, subscription);
		if (code != GOSIG_OK)
			return code;
	}
	while (*at != subscription)
		at = &(*at)->next;
	*at = subscription->next;
	subscription->active = false;
	gosig_routes_unwanted(g);
	return GOSIG_OK;
}

GOSIG_LOCAL void gosig_on_refused(gosig *g, const gosig_field *f)
{
	const char *sender = gosig_string(&f[1]), *event = gosig_string(&f[2]);
	gosig_subscription *s, *next;
	gosig_signal signal;

	memset(&signal, 0, sizeof signal);
	signal.kind = GOSIG_REFUSED;
	signal.sender = sender;
	signal.event = event;
	signal.code = (uint16_t)f[3].n;
	signal.text = gosig_string(&f[4]);
	for (s = g->subscriptions; s != NULL; s = next) {
		next = s->next;
		if (gosig_same(s->sender, sender) && gosig_same(s->event, event))
			s->handle(g, &signal, s->context);
	}
}

void gosig_watch(gosig *g, gosig_peer *peer)
{
	peer->next = g->peers;
	g->peers = peer;
	renew(g);
}

/* ---- announcing --------------------------------------------------------------------------- */

/* Sends the next of what announces a sender: CONNECT, then a ROUTE for each event
 * unless none was emitted. */
static int announce_sender(gosig *g, gosig_sender *s)
{
	int code;

	if (s->told == 0)
		return say_connect(g, s);
	code = say_route(g, s, s->told - 1u, 0);
	if (code == GOSIG_OK)
		s->told++;
	return code;
}

/* Announces as much as there is room for; true: everything has been. */
GOSIG_LOCAL bool gosig_announce(gosig *g)
{
	gosig_sender *s = g->senders;
	gosig_subscription *sub;
	int code;

	while (s != NULL) {
		if (told_all(s)) {
			s = s->next;
			continue;
		}
		code = announce_sender(g, s);
		if (code == GOSIG_OK)
			continue;
		if (code != GOSIG_BUSY)
			ended(g, s, (uint16_t)code, "");
		return false;
	}
	for (sub = g->subscriptions; sub != NULL; sub = sub->next) {
		if (!sub->asked && !asked_elsewhere(g, sub) && say_patterns(g, GOSIG_T_SUBSCRIBE, sub) != GOSIG_OK)
			return false;
		sub->asked = true;
	}
	return true;
}
