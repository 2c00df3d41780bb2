/* gosig_remote.c: senders elsewhere, as far as subscriptions and peers speak of
 * them: presence, events, and what is missing among them (docs/protocol.md
 * section 8.2). */
#include "gosig_internal.h"

/* Of a route: it has a place; its sender is here (else it may come back, and its numbers
 * go on); it is of an event, and not of the sender's leaving; its number is known; the
 * same life of its sender has been here before. */
enum { USED = 1, HERE = 2, EVENTS = 4, KNOWN = 8, PAST = 16 };

static const char left[] = "#disconnect";

static bool matches(const gosig_subscription *s, const char *sender, const char *event)
{
	return gosig_match(s->sender, sender) && gosig_match(s->event, event);
}

static bool wants(const gosig *g, const char *sender, const char *event)
{
	const gosig_node *n = g->subscriptions;

	while (n != NULL && !matches((const gosig_subscription *)n, sender, event))
		n = n->next;
	return n != NULL;
}

/* Whether a subscription is told. What the router refuses are patterns. */
static bool concerns(const gosig_signal *signal, const gosig_subscription *s)
{
	if (signal->kind == GOSIG_REFUSED)
		return gosig_same(s->sender, signal->sender) && gosig_same(s->event, signal->event);
	return matches(s, signal->sender, signal->event);
}

/* A handler may begin and end any subscription: so the next one is looked for from the
 * beginning, and those that have begun meanwhile are not told. */
void gosig_deliver(gosig *g, const gosig_signal *signal)
{
	uint32_t done = 0, last = g->order;
	gosig_node *n = g->subscriptions;
	gosig_subscription *s;

	while (n != NULL) {
		s = (gosig_subscription *)n;
		n = n->next;
		if (s->order > done && s->order <= last && concerns(signal, s)) {
			done = s->order;
			s->handle(g, signal, s->context);
			n = g->subscriptions;
		}
	}
}

static void presence(gosig *g, gosig_kind kind, const char *sender, uint16_t code, const char *text)
{
	gosig_signal s = {.kind = kind};

	s.sender = sender;
	s.event = kind == GOSIG_CONNECT ? "#connect" : left;
	s.code = code;
	s.text = text;
	gosig_deliver(g, &s);
}

static void lost(gosig *g, const char *sender, const char *event, uint64_t number, uint64_t count, uint32_t reason)
{
	gosig_signal s = {.kind = GOSIG_LOST};

	s.sender = sender;
	s.event = event;
	s.number = number;
	s.count = count;
	s.reason = (uint8_t)reason;
	gosig_deliver(g, &s);
}

/* ---- places ------------------------------------------------------------------------- */

static bool store(char *to, const char *name)
{
	size_t size = strlen(name) + 1;

	if (size > GOSIG_NAME_SIZE)
		return false;
	memcpy(to, name, size);
	return true;
}

/* Begins to hear something of the sender of a CONNECT, in the place that it had before,
 * a free one, or that of a sender which has left; without one that is announced. */
static void listen(gosig *g, const gosig_field *f, const char *event, uint32_t number, unsigned flags)
{
	const char *sender = gosig_text(&f[3]);
	gosig_route *r, *best = NULL;

	for (r = g->routes; r < g->routes + GOSIG_MAX_ROUTES; r++) {
		if (gosig_same(r->sender, sender) && gosig_same(r->event, event)) {
			best = r;
			break;
		}
		if (r->flags == 0 || (best == NULL && (r->flags & HERE) == 0))
			best = r;
	}
	if (best == NULL || !store(best->sender, sender) || !store(best->event, event)) {
		lost(g, sender, event, 0, 0, GOSIG_LOST_INBOUND);
		return;
	}
	if (r == best && (r->flags & USED) != 0 && memcmp(r->epoch, f[2].p, 8) == 0) {
		flags = r->flags | PAST;
	} else { /* another life */
		memcpy(best->epoch, f[2].p, 8);
		best->expected = 1;
	}
	best->flags = (uint8_t)(flags | USED | HERE);
	best->number = f[0].n;
	best->route = number;
}

static gosig_route *find(gosig *g, uint32_t number)
{
	gosig_route *r;

	for (r = g->routes; r < g->routes + GOSIG_MAX_ROUTES; r++)
		if ((~r->flags & (HERE | EVENTS)) == 0 && r->route == number)
			return r;
	return NULL;
}

void gosig_routes_unwanted(gosig *g)
{
	gosig_route *r;

	for (r = g->routes; r < g->routes + GOSIG_MAX_ROUTES; r++)
		if (!wants(g, r->sender, r->event))
			r->flags = 0;
}

/* ---- presence ------------------------------------------------------------------------- */

static void tell_peer(gosig *g, gosig_peer *p, bool here)
{
	p->here = here;
	if (!here)
		gosig_end_calls(g, p, false);
	if (p->changed != NULL)
		p->changed(g, p, p->context);
}

void gosig_on_connect(gosig *g, unsigned type, gosig_field *f)
{
	const char *name = gosig_text(&f[3]), *event;
	gosig_node *n;
	gosig_peer *p;
	uint32_t number = f[1].n;

	for (n = g->peers; n != NULL; n = n->next) {
		p = (gosig_peer *)n;
		if (gosig_same(p->name, name)) {
			p->number = f[0].n;
			tell_peer(g, p, true);
		}
	}
	presence(g, GOSIG_CONNECT, name, 0, "");
	if (wants(g, name, left))
		listen(g, f, left, 0, 0);
	for (; f[4].n > 0; number++) {
		event = gosig_next_name(&f[4]);
		if (wants(g, name, event))
			listen(g, f, event, number, (type & GOSIG_F_FRESH) != 0 ? EVENTS | KNOWN : EVENTS);
	}
}

/* The one with a number has left, or all have. A life that was not cut off will not come
 * back. */
static void gone(gosig *g, uint32_t number, bool all, uint16_t code, const char *reason)
{
	gosig_route *r;
	gosig_node *n;
	gosig_peer *p;
	unsigned flags;

	for (r = g->routes; r < g->routes + GOSIG_MAX_ROUTES; r++) {
		flags = r->flags;
		if ((flags & HERE) == 0 || !(all || r->number == number))
			continue;
		r->flags = code == GOSIG_CONNECTION ? (uint8_t)(flags & ~(unsigned)HERE) : 0;
		if ((flags & EVENTS) == 0)
			presence(g, GOSIG_DISCONNECT, r->sender, code, reason);
	}
	for (n = g->peers; n != NULL; n = n->next) {
		p = (gosig_peer *)n;
		if (p->here && (all || p->number == number))
			tell_peer(g, p, false);
	}
}

void gosig_on_disconnect(gosig *g, const gosig_field *f) { gone(g, f[0].n, false, (uint16_t)f[1].n, gosig_text(&f[2])); }

void gosig_remotes_lost(gosig *g) { gone(g, 0, true, GOSIG_CONNECTION, ""); }

/* ---- events --------------------------------------------------------------------------- */

/* A route is heard once its number is known: what comes before that, or crosses an
 * UNSUBSCRIBE, is nobody's. */
void gosig_on_numbered(gosig *g, unsigned type, const gosig_field *f)
{
	gosig_route *r = find(g, f[0].n);
	uint64_t number = gosig_number(&f[1]), expected;
	gosig_signal s = {.kind = GOSIG_EVENT};
	unsigned flags;

	if (r == NULL)
		return;
	flags = r->flags;
	expected = r->expected;
	if ((type & 0x1f) == GOSIG_T_ROUTE) {
		if ((flags & KNOWN) != 0 && number < expected)
			return; /* it crossed what has come meanwhile */
		r->flags = USED | HERE | EVENTS | KNOWN;
		r->expected = number;
		if (number != expected && (flags & KNOWN) != 0 && ((flags & PAST) != 0 || (type & GOSIG_F_FLAG) == 0))
			lost(g, r->sender, r->event, expected, number - expected, GOSIG_LOST_CONNECTION);
	} else if ((flags & KNOWN) == 0) {
		;
	} else if (type == GOSIG_T_LOST) {
		r->expected += number;
		lost(g, r->sender, r->event, expected, number, f[2].n);
	} else {
		r->expected++;
		s.sender = r->sender;
		s.event = r->event;
		s.number = expected;
		s.data = f[1].p;
		s.size = f[1].n;
		gosig_deliver(g, &s);
	}
}
