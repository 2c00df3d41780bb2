/* gosig_remote.c: senders elsewhere, as far as subscriptions and peers speak of
 * them: presence, events, and what is missing among them (docs/protocol.md
 * section 8.2). */
#include "gosig_internal.h"

enum { FREE, HERE, GONE }; /* of a remote; GONE: it may come back, and its numbers go on */
enum { USED = 1, KNOWN = 2, PAST = 4 }; /* of a route */

static const char came[] = "#connect", left[] = "#disconnect";

static bool matches(const gosig_subscription *s, const char *sender, const char *event)
{
	return s->active && gosig_match(s->sender, sender) && gosig_match(s->event, event);
}

static bool wants(const gosig *g, const char *sender, const char *event)
{
	const gosig_node *n = g->subscriptions;

	while (n != NULL && !matches((const gosig_subscription *)n, sender, event))
		n = n->next;
	return n != NULL;
}

/* A handler may end any subscription: one that has ended still leads on. */
void gosig_deliver(gosig *g, const gosig_signal *signal)
{
	gosig_node *n, *next;
	gosig_subscription *s;

	for (n = g->subscriptions; n != NULL; n = next) {
		next = n->next;
		s = (gosig_subscription *)n;
		if (matches(s, signal->sender, signal->event))
			s->handle(g, signal, s->context);
	}
}

static void presence(gosig *g, gosig_kind kind, const char *sender, uint16_t code, const char *text)
{
	gosig_signal s = {.kind = kind};

	s.sender = sender;
	s.event = kind == GOSIG_CONNECT ? came : left;
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

/* There was no room here for what is subscribed to. */
static void no_room(gosig *g, const char *sender, const char *event) { lost(g, sender, event, 0, 0, GOSIG_LOST_INBOUND); }

/* ---- places ------------------------------------------------------------------------- */

static void free_routes(gosig *g, const gosig_remote *remote)
{
	gosig_route *r;

	for (r = g->routes; r < g->routes + GOSIG_MAX_ROUTES; r++)
		if (r->remote == remote)
			r->flags = 0;
}

static bool store(char *to, const char *name)
{
	size_t size = strlen(name) + 1;

	if (size > GOSIG_NAME_SIZE)
		return false;
	memcpy(to, name, size);
	return true;
}

/* Finds a place for a sender: its own from before, a free one, or that of one which
 * has left. */
static gosig_remote *place(gosig *g, const char *name, const gosig_field *f)
{
	gosig_remote *r, *best = NULL;

	for (r = g->remotes; r < g->remotes + GOSIG_MAX_REMOTES; r++) {
		if (r->state != FREE && gosig_same(r->name, name)) {
			best = r;
			break;
		}
		if (r->state != HERE && (best == NULL || r->state < best->state))
			best = r;
	}
	if (best == NULL)
		return NULL;
	if (best->state == FREE || memcmp(best->epoch, f[2].p, 8) != 0 || !gosig_same(best->name, name)) { /* another life */
		if (!store(best->name, name))
			return NULL;
		free_routes(g, best);
		memcpy(best->epoch, f[2].p, 8);
	}
	best->state = HERE;
	best->number = f[0].n;
	best->route = f[1].n;
	return best;
}

/* Begins to hear an event of a sender that has a place; false: no room. */
static bool listen(gosig *g, gosig_remote *remote, size_t index, const char *event, bool fresh)
{
	gosig_route *r, *best = NULL;

	for (r = g->routes; r < g->routes + GOSIG_MAX_ROUTES; r++) {
		if ((r->flags & USED) == 0) {
			best = r;
		} else if (r->remote == remote && gosig_same(r->name, event)) {
			r->index = (uint16_t)index;
			r->flags |= PAST;
			return true;
		}
	}
	if (best == NULL || !store(best->name, event))
		return false;
	best->remote = remote;
	best->index = (uint16_t)index;
	best->expected = 1;
	best->flags = fresh ? USED | KNOWN : USED;
	return true;
}

static gosig_route *find(gosig *g, uint32_t number)
{
	gosig_route *r;

	for (r = g->routes; r < g->routes + GOSIG_MAX_ROUTES; r++)
		if (r->flags != 0 && r->remote->state == HERE && r->remote->route + r->index == number)
			return r;
	return NULL;
}

void gosig_routes_unwanted(gosig *g)
{
	gosig_route *r;

	for (r = g->routes; r < g->routes + GOSIG_MAX_ROUTES; r++)
		if (r->flags != 0 && !wants(g, r->remote->name, r->name))
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
	gosig_remote *r = NULL;
	gosig_node *n;
	gosig_peer *p;
	size_t index;
	bool keep = wants(g, name, came) || wants(g, name, left);

	if (keep)
		r = place(g, name, f);
	for (n = g->peers; n != NULL; n = n->next) {
		p = (gosig_peer *)n;
		if (gosig_same(p->name, name)) {
			p->number = f[0].n;
			tell_peer(g, p, true);
		}
	}
	presence(g, GOSIG_CONNECT, name, 0, "");
	if (keep && r == NULL)
		no_room(g, name, left);
	for (index = 0; f[4].n > 0; index++) {
		event = gosig_next_name(&f[4]);
		if (!wants(g, name, event))
			continue;
		if (r == NULL)
			r = place(g, name, f);
		if (r == NULL || !listen(g, r, index, event, (type & GOSIG_F_FRESH) != 0))
			no_room(g, name, event);
	}
}

static void leave(gosig *g, gosig_remote *r, uint16_t code, const char *reason)
{
	r->state = GONE;
	if (code != GOSIG_CONNECTION) { /* this life will not come back */
		free_routes(g, r);
		r->state = FREE;
	}
	presence(g, GOSIG_DISCONNECT, r->name, code, reason);
}

/* The one with a number has left, or all have. */
static void gone(gosig *g, uint32_t number, bool all, uint16_t code, const char *reason)
{
	gosig_remote *r;
	gosig_node *n;
	gosig_peer *p;

	for (r = g->remotes; r < g->remotes + GOSIG_MAX_REMOTES; r++)
		if (r->state == HERE && (all || r->number == number))
			leave(g, r, code, reason);
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
		r->flags = USED | KNOWN;
		r->expected = number;
		if (number != expected && (flags & KNOWN) != 0 && ((flags & PAST) != 0 || (type & GOSIG_F_FLAG) == 0))
			lost(g, r->remote->name, r->name, expected, number - expected, GOSIG_LOST_CONNECTION);
	} else if ((flags & KNOWN) == 0) {
		;
	} else if (type == GOSIG_T_LOST) {
		r->expected += number;
		lost(g, r->remote->name, r->name, expected, number, f[2].n);
	} else {
		r->expected++;
		s.sender = r->remote->name;
		s.event = r->name;
		s.number = expected;
		s.data = f[1].p;
		s.size = f[1].n;
		gosig_deliver(g, &s);
	}
}
