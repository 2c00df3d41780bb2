/* gosig_link.c: messages over a line that loses and damages bytes, whole, in order
 * and once: docs/serial-link.md sections 5 to 8. The machine of the package
 * carrier/serial/link, for fixed memory and without datagrams. Opening and ending
 * are in gosig_session.c.
 *
 *	sending           una            next                    (frame numbers)
 *	                   v              v
 *	 ring:     +------+--------------+-----------------+------+
 *	           | free |  in frames   |     waiting     | free |
 *	           +------+--------------+-----------------+------+
 *	                   ^ head         ^ head+in_frames  ^ head+size
 *
 *	receiving     first          want              first+window
 *	                v              v                   v
 *	        +-------+--------------+-------------------+-----
 *	        | taken | in order     | some, after a gap | no room
 *	        +-------+--------------+-------------------+-----
 */
#include "gosig_internal.h"

#define MIN_CHUNK 24       /* no frame is cut smaller for the sake of noise */
#define MAX_LEVEL 3
#define SETTLE 24          /* frames after which a level may be judged */
#define ONE_PERCENT (65536u / 100)
#define LONGEST_RETRY 1600u
#define STUCK_AFTER 30000u /* the peer speaks, and acknowledges nothing */

/* Whether so much time has passed since then. */
static bool passed(const gosig_link *l, uint32_t since, uint32_t time) { return (int32_t)(l->now - since - time) >= 0; }

/* ---- sending --------------------------------------------------------------------- */

static gosig_sent *frame_at(gosig_link *l, unsigned seq) { return &l->frames[seq % GOSIG_TX_WINDOW]; }

static uint8_t outstanding(const gosig_link *l) { return (uint8_t)(l->next - l->una); }

static bool can_send(const gosig_link *l)
{
	return l->size > l->in_frames && outstanding(l) < l->window && (uint8_t)(l->edge - l->next - 1) < 128;
}

static uint16_t ring_index(const gosig_link *l, unsigned at)
{
	at += l->head;
	return (uint16_t)(at < GOSIG_TX_BUFFER ? at : at - GOSIG_TX_BUFFER);
}

GOSIG_LOCAL size_t gosig_link_room(const gosig_link *l) { return l->open ? (size_t)(GOSIG_TX_BUFFER - l->size) : 0; }

GOSIG_LOCAL void gosig_link_push(gosig_link *l, uint8_t byte) { l->ring[ring_index(l, l->size++)] = byte; }

GOSIG_LOCAL void gosig_link_begin(gosig_link *l, size_t size)
{
	for (; size >= 0x80; size >>= 7)
		gosig_link_push(l, (uint8_t)(size | 0x80));
	gosig_link_push(l, (uint8_t)size);
}

/* Keeps the average of lost frames, and fits the size of frames to it. What is lost
 * at another size is expected to change in proportion. */
static void sample(gosig_link *l, uint32_t lost)
{
	l->loss += lost - (l->loss >> 5);
	if (l->settled < SETTLE) {
		l->settled++;
		return;
	}
	if (l->loss > 9 * ONE_PERCENT << l->level && l->level < MAX_LEVEL && l->mtu >> l->level > MIN_CHUNK) {
		l->level++;
		l->loss >>= 1;
		l->settled = 0;
	} else if (l->loss < (4 * ONE_PERCENT << l->level) >> 1 && l->level > 0) {
		l->level--;
		l->loss <<= 1;
		l->settled = 0;
	}
}

static void miss(gosig_link *l, gosig_sent *f)
{
	f->lost = true;
	l->lost++;
	sample(l, 65536 >> 5);
}

static void not_lost(gosig_link *l, gosig_sent *f)
{
	l->lost = (uint16_t)(l->lost - f->lost);
	f->lost = false;
}

static void arrive(gosig_link *l, gosig_sent *f)
{
	if (f->arrived)
		return;
	f->arrived = true;
	not_lost(l, f);
	if ((int16_t)(f->stamp - l->arrived) > 0)
		l->arrived = f->stamp;
	sample(l, 0);
}

/* Takes what a frame says about ours; false: a number that was never sent. What went
 * out before a transmission that has arrived, and has not, is lost. */
static bool acknowledge(gosig_link *l, const gosig_frame *f)
{
	uint8_t edge = (uint8_t)(f->ack + f->credit), seq;
	uint16_t bits = f->bitmap;
	gosig_sent *s;

	if ((uint8_t)(f->ack - l->una) > outstanding(l))
		return false;
	if (outstanding(l) > 0 || edge != l->edge)
		l->retries = 0; /* but for one that only waits for credit: it asks less and less often */
	if ((uint8_t)(edge - l->edge) < 128)
		l->edge = edge;
	if (f->ack != l->una)
		l->progress = l->timer = l->now;
	for (; l->una != f->ack; l->una++) {
		s = frame_at(l, l->una);
		arrive(l, s);
		l->head = ring_index(l, s->size);
		l->size = (uint16_t)(l->size - s->size);
		l->in_frames = (uint16_t)(l->in_frames - s->size);
	}
	for (seq = (uint8_t)(l->una + 1); bits != 0; bits >>= 1, seq++)
		if ((bits & 1) != 0 && (uint8_t)(seq - l->una) < outstanding(l))
			arrive(l, frame_at(l, seq));
	for (seq = l->una; seq != l->next; seq++) {
		s = frame_at(l, seq);
		if (!s->arrived && !s->lost && (int16_t)(s->stamp - l->arrived) < 0)
			miss(l, s);
	}
	return true;
}

/* ---- receiving ------------------------------------------------------------------- */

static uint16_t *slot_size(gosig_link *l, unsigned seq) { return &l->slot_size[seq % GOSIG_RX_WINDOW]; }

static uint8_t credit(const gosig_link *l) { return (uint8_t)(l->first + GOSIG_RX_WINDOW - l->want); }

/* The peer has sent all frames before seq, the last so many of which are here. */
static void told(gosig_link *l, uint8_t seq, uint8_t here)
{
	uint8_t news = (uint8_t)(seq - l->seen);

	if (news > 0 && news < 128 && (uint8_t)(seq - l->want) <= GOSIG_RX_WINDOW) {
		if (news > here)
			l->ack_now = true;
		l->seen = seq;
	}
}

static void take_data(gosig_link *l, const gosig_frame *f)
{
	uint16_t *size = slot_size(l, f->seq);

	l->ack_soon = true;
	if ((uint8_t)(f->seq - l->want) >= credit(l) || *size != GOSIG_EMPTY)
		return;
	memcpy(l->slots[f->seq % GOSIG_RX_WINDOW], f->payload, f->size);
	*size = (uint16_t)f->size;
	told(l, (uint8_t)(f->seq + 1), 1);
	while (credit(l) > 0 && *slot_size(l, l->want) != GOSIG_EMPTY)
		l->want++;
}

static void handle(gosig_link *l, const gosig_frame *f)
{
	if (f->type == GOSIG_SYN || f->type == GOSIG_SYNACK) {
		gosig_link_handle_syn(l, f);
	} else if (f->type == GOSIG_RST) {
		gosig_link_handle_rst(l, f);
	} else if (!l->open) {
		l->syn_soon = true; /* whoever sends this does not know that we began anew */
	} else if (f->sid == l->peer_id) {
		l->heard = l->now;
		l->hint_set = false;
		if (f->size > GOSIG_MTU || !acknowledge(l, f)) {
			gosig_link_reset(l, GOSIG_LINK_PROTOCOL);
		} else if (f->type == GOSIG_DATA) {
			take_data(l, f);
		} else {
			told(l, f->seq, 0);
			if (f->type == GOSIG_PING)
				l->ack_soon = true;
		}
	}
}

GOSIG_LOCAL void gosig_link_input(gosig_link *l, uint8_t byte)
{
	size_t size = l->in_size;
	gosig_frame f;
	bool overlong = l->overlong;

	if (byte != 0) {
		if (size < sizeof l->in)
			l->in[l->in_size++] = byte;
		else
			l->overlong = true;
		return;
	}
	l->in_size = 0;
	l->overlong = false;
	if (size == 0 || l->closed)
		return; /* zeros stand before and after every frame */
	if (!overlong && gosig_parse_frame(l->in, size, &f)) {
		handle(l, &f);
	} else if (!l->hint_set) { /* tell it, unless the next frame comes soon */
		l->hint_set = true;
		l->hint = l->now;
	}
}

/* Gives the oldest slot back, and tells the peer where it may wait for that. */
static void release(gosig_link *l)
{
	uint8_t owed;

	*slot_size(l, l->first) = GOSIG_EMPTY;
	l->used = 0;
	l->first++;
	owed = (uint8_t)(l->first + GOSIG_RX_WINDOW - l->granted);
	if (l->granted == l->want || owed > GOSIG_RX_WINDOW / 2)
		l->ack_soon = true;
}

/* Takes a byte of a message's length; false: too large, or not the shortest form. */
static bool length_byte(gosig_link *l, uint8_t b)
{
	l->length |= (uint32_t)(b & 0x7f) << l->length_size;
	l->length_size = (uint8_t)(l->length_size + 7);
	if (l->length > GOSIG_MAX_FRAME || (b == 0 && l->length_size > 7))
		return false;
	if ((b & 0x80) != 0)
		return l->length_size < 28;
	l->left = l->length;
	l->inside = true;
	l->length = 0;
	l->length_size = 0;
	return true;
}

GOSIG_LOCAL bool gosig_link_receive(gosig_link *l, uint8_t *buffer, uint16_t *got)
{
	bool whole = false;
	uint8_t b;

	while (!whole && l->first != l->want) {
		if (l->used < *slot_size(l, l->first)) {
			b = l->slots[l->first % GOSIG_RX_WINDOW][l->used++];
			if (l->inside) {
				buffer[(*got)++] = b;
				l->left--;
			} else if (!length_byte(l, b)) {
				gosig_link_reset(l, GOSIG_LINK_TOO_LARGE);
				return false;
			}
			whole = l->inside && l->left == 0;
		}
		if (l->used >= *slot_size(l, l->first))
			release(l);
	}
	if (whole)
		l->inside = false;
	return whole;
}

/* ---- what goes out ----------------------------------------------------------------- */

/* An answer may take as long as the frame that the peer is sending when ours arrives,
 * and the next one, which acknowledges. */
static uint32_t patience(const gosig_link *l)
{
	uint32_t least = l->frame_time == 0 ? 150 : 60 + 2 * l->frame_time;
	uint32_t wait = least << (l->retries < 8 ? l->retries : 8);

	if (wait > LONGEST_RETRY)
		wait = least > LONGEST_RETRY ? least : LONGEST_RETRY;
	return wait;
}

static void tick(gosig_link *l)
{
	if (passed(l, l->heard, l->keepalive * 7 / 2)) {
		gosig_link_lose(l, GOSIG_LINK_SILENT);
		return;
	}
	if (outstanding(l) == 0)
		l->progress = l->now;
	if (passed(l, l->progress, STUCK_AFTER)) {
		gosig_link_reset(l, GOSIG_LINK_STUCK);
		return;
	}
	if (l->lost > 0 || (outstanding(l) == 0 && (l->size == 0 || can_send(l)))) {
		; /* nothing is waited for */
	} else if (passed(l, l->timer, patience(l))) {
		l->retries++;
		l->timer = l->now;
		if (outstanding(l) == 0)
			l->ping = true; /* the peer has no buffer, or its word that it has got lost */
		else
			miss(l, frame_at(l, l->una));
	}
	if (l->hint_set && passed(l, l->hint, l->frame_time)) {
		l->hint_set = false;
		l->ack_now = true;
	}
	if (passed(l, l->heard, l->keepalive) && passed(l, l->pinged, l->keepalive))
		l->ping = true;
}

/* Makes a new frame of the bytes that wait. */
static gosig_sent *cut(gosig_link *l, gosig_sent *f)
{
	unsigned chunk = (unsigned)l->mtu >> l->level, size = (unsigned)(l->size - l->in_frames);

	if (chunk < MIN_CHUNK)
		chunk = MIN_CHUNK; /* an MTU is 32 at least */
	if (size > chunk)
		size = chunk;
	f->arrived = f->lost = false;
	f->size = (uint16_t)size;
	f->offset = ring_index(l, l->in_frames);
	l->in_frames = (uint16_t)(l->in_frames + size);
	l->next++;
	return f;
}

static void bitmap(gosig_link *l, gosig_stuffing *s)
{
	unsigned bits = 0, i;

	for (i = 1; i < credit(l); i++)
		if (*slot_size(l, l->want + i) != GOSIG_EMPTY)
			bits |= 1u << (i - 1);
	gosig_stuff_number(s, bits, 2);
}

static size_t emit(gosig_link *l, unsigned type, uint8_t seq, gosig_sent *data)
{
	gosig_stuffing s;
	uint16_t i, at;
	/* ack_now without a gap: something damaged came last, whatever it was. */
	bool gaps = l->seen != l->want || l->ack_now;

	gosig_stuff_begin(&s, l->out);
	gosig_stuff(&s, (uint8_t)((type | (gaps ? GOSIG_GAPS : 0u)) << 4 | credit(l)));
	gosig_stuff(&s, seq);
	gosig_stuff(&s, l->want);
	gosig_stuff(&s, l->sid);
	if (gaps)
		bitmap(l, &s);
	if (data != NULL) {
		for (i = 0, at = data->offset; i < data->size; i++) {
			gosig_stuff(&s, l->ring[at]);
			if (++at == GOSIG_TX_BUFFER)
				at = 0;
		}
		not_lost(l, data);
		data->stamp = ++l->stamp;
		l->timer = l->now + l->frame_time;
	}
	l->ack_now = l->ack_soon = false;
	l->granted = (uint8_t)(l->first + GOSIG_RX_WINDOW);
	return gosig_stuff_end(&s, l->out);
}

static size_t output_open(gosig_link *l)
{
	uint8_t seq = l->una;

	if (l->answer) {
		l->answer = false;
		return gosig_link_emit_syn(l, GOSIG_SYNACK);
	}
	if (!l->ack_now) {
		if (l->lost > 0) {
			while (!frame_at(l, seq)->lost)
				seq++;
			return emit(l, GOSIG_DATA, seq, frame_at(l, seq));
		}
		seq = l->next;
		if (can_send(l))
			return emit(l, GOSIG_DATA, seq, cut(l, frame_at(l, seq)));
		if (!l->ack_soon) {
			if (!l->ping)
				return 0;
			l->ping = false;
			l->pinged = l->now;
			return emit(l, GOSIG_PING, seq, NULL);
		}
	}
	return emit(l, GOSIG_ACK, l->next, NULL);
}

GOSIG_LOCAL size_t gosig_link_output(gosig_link *l)
{
	if (l->open && l->event == 0)
		tick(l);
	if (l->event != 0)
		return 0;
	if (l->rst != 0)
		return gosig_link_emit_rst(l);
	if (l->closed)
		return 0;
	if (l->open)
		return output_open(l);
	if (!l->syn_now && !passed(l, l->syn_last, l->syn_soon ? 20 : 250))
		return 0;
	l->syn_now = l->syn_soon = false;
	l->syn_last = l->now;
	return gosig_link_emit_syn(l, GOSIG_SYN);
}
