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
	const gosig_subscription *s;

	for (s = g->subscriptions; s != NULL; s = s->next)
		if (matches(s, sender, event))
			return true;
	return false;
}

/* A handler may end any subscription: one that has ended still leads on. */
GOSIG_LOCAL void gosig_deliver(gosig *g, gosig_signal *signal)
{
	gosig_subscription *s, *next;

	for (s = g->subscriptions; s != NULL; s = next) {
		next = s->next;
		if (matches(s, signal->sender, signal->event))
			s->handle(g, signal, s->context);
	}
}

static void tell(gosig *g, gosig_kind kind, const char *sender, const char *event, const gosig_field *f)
{
	gosig_signal s;

	memset(&s, 0, sizeof s);
	s.kind = kind;
	s.sender = sender;
	s.event = event;
	s.number = f[0].n;
	if (kind == GOSIG_LOST) {
		s.count = f[1].n;
		s.reason = (uint8_t)f[2].n;
	} else {
		s.data = f[1].p;
		s.size = f[1].size;
	}
	gosig_deliver(g, &s);
}

static void presence(gosig *g, gosig_kind kind, const char *sender, uint16_t code, const char *text)
{
	gosig_signal s;

	memset(&s, 0, sizeof s);
	s.kind = kind;
	s.sender = sender;
	s.event = kind == GOSIG_CONNECT ? came : left;
	s.code = code;
	s.text = text;
	gosig_deliver(g, &s);
}

/* There was no room here for what is subscribed to. */
static void no_room(gosig *g, const char *sender, const char *event)
{
	gosig_field f[3];

	f[0].n = f[1].n = 0;
	f[2].n = GOSIG_LOST_INBOUND;
	tell(g, GOSIG_LOST, sender, event, f);
}

/* ---- places ------------------------------------------------------------------------- */

static void free_routes(gosig *g, size_t remote)
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
		free_routes(g, (size_t)(best - g->remotes));
		memcpy(best->epoch, f[2].p, 8);
	}
	best->state = HERE;
	best->number = (uint32_t)f[0].n;
	best->route = (uint32_t)f[1].n;
	best->events = (uint32_t)f[4].n;
	return best;
}

/* Begins to hear an event of a sender that has a place; false: no room. */
static bool listen(gosig *g, size_t remote, size_t index, const char *event, bool fresh)
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
	best->remote = (uint8_t)remote;
	best->index = (uint16_t)index;
	best->expected = 1;
	best->flags = fresh ? USED | KNOWN : USED;
	return true;
}

static gosig_route *find(gosig *g, uint64_t number)
{
	gosig_route *r;

	for (r = g->routes; r < g->routes + GOSIG_MAX_ROUTES; r++) {
		const gosig_remote *of = &g->remotes[r->remote];
		if (r->flags != 0 && of->state == HERE && of->route + (uint64_t)r->index == number)
			return r;
	}
	return NULL;
}

GOSIG_LOCAL void gosig_routes_unwanted(gosig *g)
{
	gosig_route *r;

	for (r = g->routes; r < g->routes + GOSIG_MAX_ROUTES; r++)
		if (r->flags != 0 && !wants(g, g->remotes[r->remote].name, r->name))
			r->flags = 0;
}

/* ---- presence ------------------------------------------------------------------------- */

static void tell_peer(gosig *g, gosig_peer *p, bool here)
{
	p->here = here;
	if (!here)
		gosig_end_calls(g, p);
	if (p->changed != NULL)
		p->changed(g, p, p->context);
}

GOSIG_LOCAL void gosig_on_connect(gosig *g, uint8_t type, gosig_field *f)
{
	const char *name = gosig_string(&f[3]), *event;
	gosig_field list = f[4];
	gosig_remote *r = NULL;
	gosig_peer *p;
	size_t index;
	bool keep = wants(g, name, came) || wants(g, name, left);

	if (keep)
		r = place(g, name, f);
	for (p = g->peers; p != NULL; p = p->next)
		if (gosig_same(p->name, name)) {
			p->number = (uint32_t)f[0].n;
			tell_peer(g, p, true);
		}
	presence(g, GOSIG_CONNECT, name, 0, "");
	if (keep && r == NULL)
		no_room(g, name, left);
	for (index = 0; list.n > 0; index++) {
		event = gosig_next_name(&list);
		if (!wants(g, name, event))
			continue;
		if (r == NULL)
			r = place(g, name, f);
		if (r == NULL || !listen(g, (size_t)(r - g->remotes), index, event, (type & GOSIG_F_FRESH) != 0))
			no_room(g, name, event);
	}
}

static void leave(gosig *g, gosig_remote *r, uint16_t code, const char *reason)
{
	r->state = GONE;
	if (code != GOSIG_CONNECTION) { /* this life will not come back */
		free_routes(g, (size_t)(r - g->remotes));
		r->state = FREE;
	}
	presence(g, GOSIG_DISCONNECT, r->name, code, reason);
}

GOSIG_LOCAL void gosig_on_disconnect(gosig *g, const gosig_field *f)
{
	const char *reason = gosig_string(&f[2]);
	gosig_remote *r;
	gosig_peer *p;

	for (r = g->remotes; r < g->remotes + GOSIG_MAX_REMOTES; r++)
		if (r->state == HERE && r->number == f[0].n)
			leave(g, r, (uint16_t)f[1].n, reason);
	for (p = g->peers; p != NULL; p = p->next)
		if (p->here && p->number == f[0].n)
			tell_peer(g, p, false);
}

GOSIG_LOCAL void gosig_remotes_lost(gosig *g)
{
	gosig_remote *r;
	gosig_peer *p;

	for (r = g->remotes; r < g->remotes + GOSIG_MAX_REMOTES; r++)
		if (r->state == HERE)
			leave(g, r, GOSIG_CONNECTION, "");
	for (p = g->peers; p != NULL; p = p->next)
		if (p->here)
			tell_peer(g, p, false);
}

/* ---- events --------------------------------------------------------------------------- */

static void on_route(gosig_route *r, uint8_t type, gosig_field *f)
{
	uint64_t seq = f[1].n;
	bool known = (r->flags & KNOWN) != 0, past = (r->flags & PAST) != 0;

	f[1].n = f[2].n = 0;
	if (known && seq < r->expected)
		return; /* it crossed what has come meanwhile */
	r->flags = USED | KNOWN;
	if (known && (past || (type & GOSIG_F_FLAG) == 0)) {
		f[1].n = seq - r->expected;
		f[2].n = GOSIG_LOST_CONNECTION;
	}
	r->expected = seq;
	f[0].n = seq - f[1].n;
}

/* A route is heard once its number is known: what comes before that, or crosses an
 * UNSUBSCRIBE, is nobody's. */
GOSIG_LOCAL void gosig_on_numbered(gosig *g, uint8_t type, gosig_field *f)
{
	gosig_route *r = find(g, f[0].n);
	gosig_kind kind = GOSIG_LOST;

	if (r == NULL)
		return;
	if ((type & 0x1f) == GOSIG_T_ROUTE) {
		on_route(r, type, f);
		if (f[1].n == 0)
			return; /* nothing is missing */
	} else {
		if ((r->flags & KNOWN) == 0)
			return;
		f[0].n = r->expected;
		if (type == GOSIG_T_EVENT) {
			kind = GOSIG_EVENT;
			r->expected++;
		} else {
			r->expected += f[1].n;
		}
	}
	tell(g, kind, g->remotes[r->remote].name, r->name, f);
}
