/* gosig_calls.c: requests, both ways: docs/protocol.md section 9. */
#include "gosig_internal.h"

/* ---- those of others ------------------------------------------------------------------ */

static int reply(gosig *g, uint64_t id, uint16_t code, gosig_field *f)
{
	f[0].n = id;
	f[1].n = code;
	return gosig_send(g, GOSIG_T_REPLY, f, true);
}

static int reply_to(gosig *g, gosig_ticket ticket, uint16_t code, gosig_field *f)
{
	if (!gosig_is_open(g) || ticket.session != g->session)
		return GOSIG_CONNECTION;
	return reply(g, ticket.id, code, f);
}

int gosig_answer(gosig *g, gosig_ticket ticket, const void *data, size_t size)
{
	gosig_field f[3];

	f[2].p = data;
	f[2].size = size;
	return reply_to(g, ticket, GOSIG_OK, f);
}

int gosig_fail(gosig *g, gosig_ticket ticket, int64_t app, const char *text)
{
	gosig_field f[4];

	/* -1 is 1, 1 is 2, -2 is 3 */
	f[2].n = app < 0 ? ~((uint64_t)app << 1) : (uint64_t)app << 1;
	gosig_field_string(&f[3], text);
	return reply_to(g, ticket, GOSIG_FAILED, f);
}

static void refuse(gosig *g, uint64_t id, uint16_t code)
{
	gosig_field f[4];

	f[2].n = 0;
	f[3].size = 0;
	(void)reply(g, id, code, f);
}

GOSIG_LOCAL void gosig_on_request(gosig *g, const gosig_field *f)
{
	const gosig_sender *s = g->senders;
	const gosig_method *m;
	gosig_asked asked;
	size_t i;

	while (s != NULL && (s->told == 0 || s->number != f[1].n))
		s = s->next;
	if (s == NULL) {
		refuse(g, f[0].n, GOSIG_NO_SENDER);
		return;
	}
	asked.ticket.id = f[0].n;
	asked.ticket.session = g->session;
	asked.timeout = f[2].n;
	asked.method = gosig_string(&f[3]);
	asked.data = f[4].p;
	asked.size = f[4].size;
	for (i = 0; i < s->method_count; i++) {
		m = &s->methods[i];
		if (gosig_same(m->name, asked.method)) {
			m->handle(g, &asked, m->context);
			return;
		}
	}
	if (s->any != NULL)
		s->any(g, &asked, s->context);
	else
		refuse(g, f[0].n, GOSIG_NO_METHOD);
}

/* ---- ours ------------------------------------------------------------------------------- */

int gosig_request(gosig *g, gosig_peer *peer, const char *method, const void *data, size_t size, uint32_t timeout, gosig_call *call)
{
	gosig_field f[5];
	int code;

	if (!peer->here)
		return GOSIG_NO_SENDER;
	f[0].n = g->next_id;
	f[1].n = peer->number;
	f[2].n = timeout;
	gosig_field_string(&f[3], method);
	f[4].p = data;
	f[4].size = size;
	code = gosig_send(g, GOSIG_T_REQUEST, f, false);
	if (code != GOSIG_OK)
		return code;
	call->id = g->next_id++;
	call->peer = peer;
	call->timeout = timeout;
	call->begun = g->link.now;
	call->next = g->calls;
	g->calls = call;
	return GOSIG_OK;
}

/* Ends a request of ours that is under way. */
static void end(gosig *g, gosig_call *call, const gosig_reply *r)
{
	gosig_call **at = &g->calls;

	while (*at != NULL && *at != call)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	*at = call->next;
	call->done(g, r, call->context);
}

static void give_up(gosig *g, gosig_call *call, uint16_t code)
{
	gosig_reply r;

	memset(&r, 0, sizeof r);
	r.code = code;
	r.text = "";
	end(g, call, &r);
}

GOSIG_LOCAL void gosig_on_reply(gosig *g, const gosig_field *f)
{
	gosig_call *c = g->calls;
	gosig_reply r;

	while (c != NULL && c->id != f[0].n)
		c = c->next;
	if (c == NULL)
		return; /* it was given up */
	memset(&r, 0, sizeof r);
	r.code = (uint16_t)f[1].n;
	r.text = "";
	if (r.code == GOSIG_OK) {
		r.data = f[2].p;
		r.size = f[2].size;
	} else {
		r.app = (int64_t)(f[2].n >> 1 ^ (0 - (f[2].n & 1)));
		r.text = gosig_string(&f[3]);
	}
	end(g, c, &r);
}

/* Says that a request is given up. Without room for it that is left out: the reply
 * will be nobody's. */
static void cancel(gosig *g, gosig_call *call, uint16_t code)
{
	gosig_field f;

	f.n = call->id;
	(void)gosig_send(g, GOSIG_T_CANCEL, &f, true);
	give_up(g, call, code);
}

void gosig_cancel(gosig *g, gosig_call *call) { cancel(g, call, GOSIG_CANCELLED); }

/* A function of a call may begin or end others: so start again after each. */
GOSIG_LOCAL void gosig_end_calls(gosig *g, const gosig_peer *peer)
{
	gosig_call *c = g->calls;

	while (c != NULL) {
		if (peer == NULL || c->peer == peer) {
			give_up(g, c, GOSIG_CONNECTION);
			c = g->calls;
		} else {
			c = c->next;
		}
	}
}

GOSIG_LOCAL void gosig_calls_due(gosig *g)
{
	gosig_call *c = g->calls;

	while (c != NULL) {
		if (c->timeout > 0 && g->link.now - c->begun >= c->timeout) {
			cancel(g, c, GOSIG_TIMEOUT);
			c = g->calls;
		} else {
			c = c->next;
		}
	}
}
