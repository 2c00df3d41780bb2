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

static uint32_t get16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }

static uint32_t get32(const uint8_t *p) { return get16(p) | get16(p + 2) << 16; }

static void fresh_nonce(gosig_link *l)
{
	do
		l->nonce += 0x9e3779b9; /* odd, so that each comes once */
	while (l->nonce == 0);
	l->syn_wait = 0;
}

void gosig_link_init(gosig_link *l, uint32_t now, uint32_t baud, uint32_t nonce)
{
	memset(l, 0, sizeof *l);
	l->now = now;
	if (baud != 0)
		l->frame_time = GOSIG_LONGEST * 10000u / baud + 1;
	l->nonce = nonce;
	if (nonce == 0)
		fresh_nonce(l);
}

/* The low seven bits of both nonces, and a bit that tells the directions apart. */
uint8_t gosig_link_sid(uint32_t from, uint32_t to)
{
	uint32_t x = from ^ to;

	x ^= x >> 16;
	x ^= x >> 8;
	return (uint8_t)((x & 0x7f) | (from > to ? 0x80 : 0));
}

static void raise(gosig_link *l, uint8_t event, uint8_t reason)
{
	l->event = event;
	l->reason = reason;
}

/* What was received and has not been taken goes with it. */
void gosig_link_lose(gosig_link *l, uint8_t reason)
{
	memset(&l->s, 0, sizeof l->s);
	fresh_nonce(l);
	raise(l, GOSIG_LINK_LOST, reason);
}

void gosig_link_reset(gosig_link *l, uint8_t reason)
{
	l->rst = reason;
	l->rst_nonce = l->s.theirs;
	gosig_link_lose(l, reason);
}

void gosig_link_close(gosig_link *l)
{
	if (l->s.open)
		gosig_link_reset(l, GOSIG_LINK_CLOSED);
	l->event = 0;
	l->closed = true;
}

void gosig_link_reopen(gosig_link *l)
{
	l->closed = false;
	fresh_nonce(l);
}

uint8_t gosig_link_event(gosig_link *l)
{
	uint8_t event = l->event;

	l->event = 0;
	return event;
}

static void opened(gosig_link *l, uint32_t nonce, const uint8_t *p)
{
	struct gosig_session *s = &l->s;
	uint32_t mtu = get16(p + 12), keepalive = get16(p + 14);

	memset(s, 0, sizeof *s);
	s->open = true;
	s->theirs = nonce;
	s->sid = gosig_link_sid(l->nonce, nonce);
	s->peer_id = gosig_link_sid(nonce, l->nonce);
	s->window = p[10] < GOSIG_TX_WINDOW ? p[10] : GOSIG_TX_WINDOW;
	s->edge = p[10];
	s->mtu = mtu < GOSIG_MTU ? mtu : GOSIG_MTU;
	s->keepalive = keepalive > KEEPALIVE ? keepalive : KEEPALIVE;
	s->max_message = get32(p + 16);
	s->heard = s->pinged = s->timer = s->progress = l->now;
	raise(l, GOSIG_LINK_OPENED, 0);
}

/* No session is possible; the peer is told each time, we only once. */
static void refuse(gosig_link *l, uint32_t nonce, uint8_t reason)
{
	l->rst = reason;
	l->rst_nonce = nonce;
	if (l->s.open)
		gosig_link_lose(l, reason);
	else if (nonce != l->refused)
		raise(l, GOSIG_LINK_REFUSED, reason);
	l->refused = nonce;
}

void gosig_link_handle_syn(gosig_link *l, unsigned type, const gosig_frame *f)
{
	const uint8_t *p = f->payload; /* highest and lowest version at 8 and 9, window, role, MTU */
	uint32_t nonce = get32(p), echo = get32(p + 4);

	if (f->size < SYN_SIZE || p[8] < p[9] || p[10] - 1u > 14 || get16(p + 12) < 32)
		return;
	if (nonce == 0 || nonce == l->nonce || (type == GOSIG_SYNACK && echo != l->nonce))
		return; /* none, the line is looped, the answer to an earlier life of ours */
	if (p[9] > VERSION || p[8] < VERSION) {
		refuse(l, nonce, GOSIG_LINK_VERSION);
		return;
	}
	if (p[11] != 0 && p[11] == GOSIG_ROLE) {
		refuse(l, nonce, GOSIG_LINK_ROLE);
		return;
	}
	if (!l->s.open || nonce != l->s.theirs) {
		if (l->s.open)
			gosig_link_lose(l, GOSIG_LINK_RESTARTED);
		l->s.theirs = nonce;
		if (echo != l->nonce) {
			l->syn_wait = 0; /* the peer is there, and has not heard of us */
			return;
		}
		opened(l, nonce, p);
	}
	if (type == GOSIG_SYN)
		l->s.answer = true;
}

/* An RST that was meant for an earlier session ends nothing. */
void gosig_link_handle_rst(gosig_link *l, const gosig_frame *f)
{
	uint8_t reason = f->payload[4];

	if (f->size < RST_SIZE || get32(f->payload) != l->nonce)
		return;
	if (l->s.open) {
		gosig_link_lose(l, reason);
	} else if (reason != GOSIG_LINK_CLOSED && l->refused != l->nonce) {
		l->refused = l->nonce;
		raise(l, GOSIG_LINK_REFUSED, reason);
	}
}

size_t gosig_link_emit_syn(gosig_link *l, unsigned type)
{
	const uint32_t fields[] = {
	    l->nonce, l->s.theirs, VERSION | VERSION << 8 | GOSIG_RX_WINDOW << 16 | (uint32_t)GOSIG_ROLE << 24,
	    GOSIG_MTU | KEEPALIVE << 16, GOSIG_MAX_FRAME};
	gosig_stuffing s;
	unsigned i;

	gosig_stuff_begin(&s, l->out, type << 4);
	for (i = 0; i < sizeof fields / sizeof fields[0]; i++)
		gosig_stuff_number(&s, fields[i], 4);
	return gosig_stuff_end(&s, l->out);
}

size_t gosig_link_emit_rst(gosig_link *l)
{
	gosig_stuffing s;

	gosig_stuff_begin(&s, l->out, GOSIG_RST << 4);
	gosig_stuff_number(&s, l->rst_nonce, 4);
	gosig_stuff_number(&s, l->rst | VERSION << 8, 2);
	l->rst = 0;
	return gosig_stuff_end(&s, l->out);
}
