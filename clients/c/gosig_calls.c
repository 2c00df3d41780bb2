/* gosig_calls.c: requests, both ways: docs/protocol.md section 9. */
#include "gosig_internal.h"

/* ---- those of others ------------------------------------------------------------------ */

static int reply(gosig *g, const gosig_ticket *ticket, const gosig_word *fields)
{
	if (!gosig_is_open(g) || ticket->session != g->session)
		return GOSIG_CONNECTION;
	return gosig_send(g, GOSIG_T_REPLY | GOSIG_ANSWER, fields);
}

int gosig_answer(gosig *g, gosig_ticket ticket, const void *data, size_t size)
{
	const gosig_word f[] = {GOSIG_HALVES(ticket.id), GOSIG_OK, (gosig_word)data, size};

	return reply(g, &ticket, f);
}

static int fail(gosig *g, gosig_ticket ticket, unsigned code, int64_t app, const char *text)
{
	/* -1 is 1, 1 is 2, -2 is 3 */
	uint64_t n = app < 0 ? ~((uint64_t)app << 1) : (uint64_t)app << 1;
	const gosig_word f[] = {GOSIG_HALVES(ticket.id), code, GOSIG_HALVES(n), GOSIG_STRING(text)};

	return reply(g, &ticket, f);
}

int gosig_fail(gosig *g, gosig_ticket ticket, int64_t app, const char *text) { return fail(g, ticket, GOSIG_FAILED, app, text); }

void gosig_on_request(gosig *g, const gosig_field *f)
{
	const gosig_node *n;
	const gosig_sender *s = NULL;
	const gosig_method *m;
	gosig_asked asked;
	size_t i;

	for (n = g->senders; n != NULL; n = n->next) {
		s = (const gosig_sender *)n;
		if (s->told > 0 && s->number == f[1].n)
			break;
	}
	asked.ticket.id = gosig_number(&f[0]);
	asked.ticket.session = g->session;
	if (n == NULL) {
		(void)fail(g, asked.ticket, GOSIG_NO_SENDER, 0, "");
		return;
	}
	asked.timeout = gosig_number(&f[2]);
	asked.method = gosig_text(&f[3]);
	asked.data = f[4].p;
	asked.size = f[4].n;
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
		(void)fail(g, asked.ticket, GOSIG_NO_METHOD, 0, "");
}

/* ---- ours ------------------------------------------------------------------------------- */

int gosig_request(gosig *g, gosig_peer *peer, const char *method, const void *data, size_t size, uint32_t timeout, gosig_call *call)
{
	const gosig_word f[] = {g->next_id, 0, peer->number, timeout, 0, GOSIG_STRING(method), (gosig_word)data, size};
	int code;

	if (!peer->here)
		return GOSIG_NO_SENDER;
	if (!gosig_append(&g->calls, &call->node))
		return GOSIG_BUSY;
	code = gosig_send(g, GOSIG_T_REQUEST, f);
	if (code != GOSIG_OK) {
		(void)gosig_take_out(&g->calls, &call->node);
		return code;
	}
	call->id = g->next_id++;
	call->peer = peer;
	call->timeout = timeout;
	call->begun = g->link.now;
	return GOSIG_OK;
}

void gosig_on_reply(gosig *g, const gosig_field *f)
{
	gosig_call *call = (gosig_call *)g->calls;
	gosig_reply r = {.text = ""};
	uint64_t app = gosig_number(&f[2]);

	while (call != NULL && call->id != f[0].n)
		call = (gosig_call *)call->node.next;
	if (call == NULL)
		return; /* it was given up */
	r.code = (uint16_t)f[1].n;
	if (r.code == GOSIG_OK) {
		r.data = f[2].p;
		r.size = f[2].n;
	} else {
		r.app = (int64_t)(app >> 1 ^ (0 - (app & 1)));
		r.text = gosig_text(&f[3]);
	}
	(void)gosig_take_out(&g->calls, &call->node);
	call->done(g, &r, call->context);
}

/* Gives a request up that is under way, and says so while whom it asked is there. Without
 * room for that it is left out: the reply will be nobody's. */
static void give_up(gosig *g, gosig_call *call, uint16_t code)
{
	const gosig_word f[] = {call->id, 0};
	gosig_reply r = {.text = ""};

	if (!gosig_take_out(&g->calls, &call->node))
		return;
	r.code = code;
	if (code != GOSIG_CONNECTION)
		(void)gosig_send(g, GOSIG_T_CANCEL | GOSIG_ANSWER, f);
	call->done(g, &r, call->context);
}

void gosig_cancel(gosig *g, gosig_call *call) { give_up(g, call, GOSIG_CANCELLED); }

/* A function of a call may begin or end others: so start again after each. */
void gosig_end_calls(gosig *g, const gosig_peer *peer, bool all)
{
	gosig_node *n = g->calls;
	gosig_call *c;

	while (n != NULL) {
		c = (gosig_call *)n;
		n = g->calls;
		if (all || c->peer == peer)
			give_up(g, c, GOSIG_CONNECTION);
		else if (c->timeout > 0 && g->link.now - c->begun >= c->timeout)
			give_up(g, c, GOSIG_TIMEOUT);
		else
			n = c->node.next;
	}
}
