/* gosig_session.c: how two ends of a line open a session and how it ends:
 * docs/serial-link.md sections 4 and 8.
 *
 *	     +---------+ -- SYN or SYNACK with our nonce as echo --> +------+
 *	+--> | opening |                                             | open |
 *	|    +---------+ <-- a new nonce of the peer, RST, silence -- +------+
 *	+-- SYN each 250 ms
 *
 * A session is a pair of nonces; each end takes a new one whenever it leaves one.
 */
#include "gosig_internal.h"

#define VERSION 1
#define SYN_SIZE 20
#define RST_SIZE 6
#define KEEPALIVE 1000u

static uint32_t get32(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

static void fresh_nonce(gosig_link *l)
{
	do
		l->nonce += 0x9e3779b9; /* odd, so that each comes once */
	while (l->nonce == 0);
	l->syn_now = true;
}

GOSIG_LOCAL void gosig_link_init(gosig_link *l, uint32_t now, uint32_t baud, uint32_t nonce)
{
	memset(l, 0, sizeof *l);
	l->now = now;
	l->frame_time = baud == 0 ? 0 : GOSIG_LONGEST * 10000u / baud + 1;
	l->nonce = nonce;
	l->syn_now = true;
	if (nonce == 0)
		fresh_nonce(l);
	gosig_link_forget(l);
}

/* The low seven bits of both nonces, and a bit that tells the directions apart. */
GOSIG_LOCAL uint8_t gosig_link_sid(uint32_t from, uint32_t to)
{
	uint32_t x = from ^ to;

	x ^= x >> 16;
	x ^= x >> 8;
	return (uint8_t)((x & 0x7f) | (from > to ? 0x80 : 0));
}

/* Drops what was received and has not been taken. */
GOSIG_LOCAL void gosig_link_forget(gosig_link *l)
{
	size_t i;

	for (i = 0; i < GOSIG_RX_WINDOW; i++)
		l->slot_size[i] = GOSIG_EMPTY;
	l->first = l->want = l->seen = 0;
	l->used = 0;
	l->inside = false;
	l->length = 0;
	l->length_size = 0;
	l->granted = GOSIG_RX_WINDOW;
	l->ack_soon = l->ack_now = l->hint_set = false;
}

static void stop(gosig_link *l)
{
	l->open = l->answer = l->ping = false;
	l->head = l->size = l->in_frames = 0;
	l->una = l->next = 0;
	l->lost = l->stamp = l->arrived = 0;
	l->level = l->retries = l->settled = 0;
	l->loss = 0;
	l->theirs = 0;
	l->ack_soon = l->ack_now = l->hint_set = false;
}

static void raise(gosig_link *l, uint8_t event, uint8_t reason)
{
	l->event = event;
	l->reason = reason;
}

GOSIG_LOCAL void gosig_link_lose(gosig_link *l, uint8_t reason)
{
	stop(l);
	fresh_nonce(l);
	raise(l, GOSIG_LINK_LOST, reason);
}

GOSIG_LOCAL void gosig_link_reset(gosig_link *l, uint8_t reason)
{
	l->rst = reason;
	l->rst_nonce = l->theirs;
	gosig_link_lose(l, reason);
}

GOSIG_LOCAL void gosig_link_close(gosig_link *l)
{
	if (l->open)
		gosig_link_reset(l, GOSIG_LINK_CLOSED);
	gosig_link_forget(l);
	l->event = 0;
	l->closed = true;
}

GOSIG_LOCAL void gosig_link_reopen(gosig_link *l)
{
	l->closed = false;
	fresh_nonce(l);
}

GOSIG_LOCAL uint8_t gosig_link_event(gosig_link *l)
{
	uint8_t event = l->event;

	l->event = 0;
	if (event == GOSIG_LINK_LOST)
		gosig_link_forget(l);
	return event;
}

static void opened(gosig_link *l, uint32_t nonce, const uint8_t *p)
{
	uint32_t mtu = p[12] | (uint32_t)p[13] << 8, keepalive = p[14] | (uint32_t)p[15] << 8;

	stop(l);
	gosig_link_forget(l);
	l->open = true;
	l->theirs = nonce;
	l->sid = gosig_link_sid(l->nonce, nonce);
	l->peer_id = gosig_link_sid(nonce, l->nonce);
	l->window = p[10] < GOSIG_TX_WINDOW ? p[10] : GOSIG_TX_WINDOW;
	l->edge = p[10];
	l->mtu = (uint16_t)(mtu < GOSIG_MTU ? mtu : GOSIG_MTU);
	l->keepalive = keepalive > KEEPALIVE ? keepalive : KEEPALIVE;
	l->max_message = get32(p + 16);
	l->heard = l->pinged = l->timer = l->progress = l->now;
	raise(l, GOSIG_LINK_OPENED, 0);
}

/* No session is possible; the peer is told each time, we only once. */
static void refuse(gosig_link *l, uint32_t nonce, uint8_t reason)
{
	l->rst = reason;
	l->rst_nonce = nonce;
	if (l->open)
		gosig_link_lose(l, reason);
	else if (nonce != l->refused)
		raise(l, GOSIG_LINK_REFUSED, reason);
	l->refused = nonce;
}

GOSIG_LOCAL void gosig_link_handle_syn(gosig_link *l, const gosig_frame *f)
{
	const uint8_t *p = f->payload; /* highest and lowest version at 8 and 9, window, role, MTU */
	uint32_t nonce, echo;

	if (f->size < SYN_SIZE || p[8] < p[9] || p[10] == 0 || p[10] > 15 || (p[12] < 32 && p[13] == 0))
		return;
	nonce = get32(p);
	echo = get32(p + 4);
	if (nonce == 0 || nonce == l->nonce || (f->type == GOSIG_SYNACK && echo != l->nonce))
		return; /* none, the line is looped, the answer to an earlier life of ours */
	if (p[9] > VERSION || p[8] < VERSION) {
		refuse(l, nonce, GOSIG_LINK_VERSION);
		return;
	}
	if (p[11] != 0 && p[11] == GOSIG_ROLE) {
		refuse(l, nonce, GOSIG_LINK_ROLE);
		return;
	}
	if (!l->open || nonce != l->theirs) {
		if (l->open)
			gosig_link_lose(l, GOSIG_LINK_RESTARTED);
		l->theirs = nonce;
		if (echo != l->nonce) {
			l->syn_now = true; /* the peer is there, and has not heard of us */
			return;
		}
		opened(l, nonce, p);
	}
	if (f->type == GOSIG_SYN)
		l->answer = true;
}

/* An RST that was meant for an earlier session ends nothing. */
GOSIG_LOCAL void gosig_link_handle_rst(gosig_link *l, const gosig_frame *f)
{
	uint8_t reason;

	if (f->size < RST_SIZE || get32(f->payload) != l->nonce)
		return;
	reason = f->payload[4];
	if (l->open) {
		gosig_link_lose(l, reason);
	} else if (reason != GOSIG_LINK_CLOSED && l->refused != l->nonce) {
		l->refused = l->nonce;
		raise(l, GOSIG_LINK_REFUSED, reason);
	}
}

static void begin(gosig_link *l, gosig_stuffing *s, unsigned type, uint32_t nonce)
{
	gosig_stuff_begin(s, l->out);
	gosig_stuff_number(s, type << 4, 4);
	gosig_stuff_number(s, nonce, 4);
}

GOSIG_LOCAL size_t gosig_link_emit_syn(gosig_link *l, uint8_t type)
{
	gosig_stuffing s;

	begin(l, &s, type, l->nonce);
	gosig_stuff_number(&s, l->theirs, 4);
	gosig_stuff_number(&s, VERSION | VERSION << 8 | GOSIG_RX_WINDOW << 16 | (uint32_t)GOSIG_ROLE << 24, 4);
	gosig_stuff_number(&s, GOSIG_MTU | KEEPALIVE << 16, 4);
	gosig_stuff_number(&s, GOSIG_MAX_FRAME, 4);
	return gosig_stuff_end(&s, l->out);
}

GOSIG_LOCAL size_t gosig_link_emit_rst(gosig_link *l)
{
	gosig_stuffing s;

	begin(l, &s, GOSIG_RST, l->rst_nonce);
	gosig_stuff_number(&s, l->rst | VERSION << 8, 2);
	l->rst = 0;
	return gosig_stuff_end(&s, l->out);
}
