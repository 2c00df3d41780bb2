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

enum { FLYING, LOST, ARRIVED }; /* of a frame on its way */

/* Whether so much time has passed since then. */
static bool passed(const gosig_link *l, uint32_t since, uint32_t time) { return (int32_t)(l->now - since - time) >= 0; }

/* ---- sending --------------------------------------------------------------------- */

static gosig_sent *frame_at(gosig_link *l, unsigned seq) { return &l->frames[seq % GOSIG_TX_WINDOW]; }

static unsigned outstanding(const gosig_link *l) { return (uint8_t)(l->s.next - l->s.una); }

static bool can_send(const gosig_link *l)
{
	return l->s.size > l->s.in_frames && outstanding(l) < l->s.window && ((l->s.edge - l->s.next - 1u) & 0x80) == 0;
}

static uint32_t ring_index(const gosig_link *l, uint32_t at)
{
	at += l->s.head;
	return at < GOSIG_TX_BUFFER ? at : at - GOSIG_TX_BUFFER;
}

size_t gosig_link_room(const gosig_link *l) { return l->s.open ? GOSIG_TX_BUFFER - l->s.size : 0; }

void gosig_link_push(gosig_link *l, uint8_t byte) { l->ring[ring_index(l, l->s.size++)] = byte; }

/* Keeps the average of lost frames, and fits the size of frames to it. What is lost
 * at another size is expected to change in proportion. */
static void sample(gosig_link *l, uint32_t lost)
{
	struct gosig_session *s = &l->s;

	s->loss += lost - (s->loss >> 5);
	if (s->settled < SETTLE) {
		s->settled++;
		return;
	}
	if (s->loss > 9 * ONE_PERCENT << s->level && s->level < MAX_LEVEL && s->mtu >> s->level > MIN_CHUNK) {
		s->level++;
		s->loss >>= 1;
		s->settled = 0;
	} else if (s->loss < (4 * ONE_PERCENT << s->level) >> 1 && s->level > 0) {
		s->level--;
		s->loss <<= 1;
		s->settled = 0;
	}
}

static void miss(gosig_link *l, gosig_sent *f)
{
	f->state = LOST;
	sample(l, 65536 >> 5);
}

/* The oldest frame that is lost, by its number; next if none is. */
static uint8_t oldest_lost(gosig_link *l)
{
	uint8_t seq = l->s.una;

	while (seq != l->s.next && frame_at(l, seq)->state != LOST)
		seq++;
	return seq;
}

/* Takes what a frame says about ours; false: a number that was never sent. What went
 * out before a transmission that has arrived, and has not, is lost. */
static bool acknowledge(gosig_link *l, const gosig_frame *f)
{
	struct gosig_session *s = &l->s;
	uint8_t ack = f->head[GOSIG_HEAD_ACK], edge = (uint8_t)(ack + (f->head[0] & 15)), seq;
	unsigned taken = (ack - s->una) & 0xffu;
	uint32_t here;
	gosig_sent *sent;

	if (taken > outstanding(l))
		return false;
	/* Bits from una on: all before ack, not ack itself, the bitmap. */
	here = ((((uint32_t)f->bitmap << 1) + 1) << taken) - 1;
	if (outstanding(l) > 0 || edge != s->edge)
		s->retries = 0; /* but for one that only waits for credit: it asks less and less often */
	if (((edge - s->edge) & 0x80) == 0)
		s->edge = edge;
	if (taken > 0)
		s->progress = s->timer = l->now;
	for (seq = s->una; seq != s->next; seq++, here >>= 1) {
		sent = frame_at(l, seq);
		if ((here & 1) == 0 || sent->state == ARRIVED)
			continue;
		sent->state = ARRIVED;
		if ((int32_t)(sent->stamp - s->arrived) > 0)
			s->arrived = sent->stamp;
		sample(l, 0);
	}
	for (; s->una != ack; s->una++) {
		sent = frame_at(l, s->una);
		s->head = ring_index(l, sent->size);
		s->size -= sent->size;
		s->in_frames -= sent->size;
	}
	for (; seq != s->una;) {
		sent = frame_at(l, --seq);
		if (sent->state == FLYING && (int32_t)(sent->stamp - s->arrived) < 0)
			miss(l, sent);
	}
	return true;
}

/* ---- receiving ------------------------------------------------------------------- */

/* One more than the bytes in the slot of a frame; 0: it is empty. */
static uint16_t *filled(gosig_link *l, unsigned seq) { return &l->s.filled[seq % GOSIG_RX_WINDOW]; }

static unsigned credit(const gosig_link *l) { return (uint8_t)(l->s.first + GOSIG_RX_WINDOW - l->s.want); }

/* The peer has sent all frames before seq, the last so many of which are here. */
static void told(gosig_link *l, unsigned seq, unsigned here)
{
	unsigned news = (seq - l->s.seen) & 0xff;

	if (news - 1 < 127 && ((seq - l->s.want) & 0xff) <= GOSIG_RX_WINDOW) {
		if (news > here)
			l->s.ack_now = true;
		l->s.seen = (uint8_t)seq;
	}
}

static void take_data(gosig_link *l, const gosig_frame *f)
{
	unsigned seq = f->head[GOSIG_HEAD_SEQ];
	uint16_t *size = filled(l, seq);

	l->s.ack_soon = true;
	if (((seq - l->s.want) & 0xff) >= credit(l) || *size != 0)
		return;
	memcpy(l->slots[seq % GOSIG_RX_WINDOW], f->payload, f->size);
	*size = (uint16_t)(f->size + 1);
	told(l, seq + 1, 1);
	while (credit(l) > 0 && *filled(l, l->s.want) != 0)
		l->s.want++;
}

static void handle(gosig_link *l, const gosig_frame *f)
{
	unsigned type = f->head[0] >> 4 & 7u;

	if (type - 1 < 2) { /* SYN, SYNACK */
		gosig_link_handle_syn(l, type, f);
	} else if (type == GOSIG_RST) {
		gosig_link_handle_rst(l, f);
	} else if (!l->s.open) {
		if (l->syn_wait > SYN_SOON)
			l->syn_wait = SYN_SOON; /* whoever sends this does not know that we began anew */
	} else if (f->head[GOSIG_HEAD_SID] == l->s.peer_id) {
		l->s.heard = l->s.pinged = l->now;
		l->s.hint_set = false;
		if (f->size > GOSIG_MTU || !acknowledge(l, f)) {
			gosig_link_reset(l, GOSIG_LINK_PROTOCOL);
		} else if (type == GOSIG_DATA) {
			take_data(l, f);
		} else {
			told(l, f->head[GOSIG_HEAD_SEQ], 0);
			if (type == GOSIG_PING)
				l->s.ack_soon = true;
		}
	}
}

void gosig_link_input(gosig_link *l, uint8_t byte)
{
	size_t size = l->in_size;
	gosig_frame f;

	if (byte != 0) {
		if (size <= sizeof l->in)
			l->in_size++;
		if (size < sizeof l->in)
			l->in[size] = byte;
		return;
	}
	l->in_size = 0;
	if (size == 0 || l->closed)
		return; /* zeros stand before and after every frame */
	if (size <= sizeof l->in && gosig_parse_frame(l->in, size, &f)) {
		handle(l, &f);
	} else if (!l->s.hint_set) { /* tell it, unless the next frame comes soon */
		l->s.hint_set = true;
		l->s.hint = l->now;
	}
}

/* Gives the oldest slot back, and tells the peer where it may wait for that. */
static void release(gosig_link *l)
{
	struct gosig_session *s = &l->s;
	uint8_t owed = (uint8_t)(++s->first - s->granted);

	*filled(l, s->first - 1u) = 0;
	s->used = 0;
	if (owed > GOSIG_RX_WINDOW / 2 || (uint8_t)(s->granted + GOSIG_RX_WINDOW) == s->want)
		s->ack_soon = true;
}

/* Takes a byte of a message's length; false: too large, or not the shortest form. */
static bool length_byte(gosig_link *l, uint32_t b)
{
	struct gosig_session *s = &l->s;

	s->left |= (b & 0x7f) << s->length_bits;
	if (s->left > GOSIG_MAX_FRAME || (b == 0 && s->length_bits > 0))
		return false;
	s->length_bits = (uint8_t)(s->length_bits + 7);
	if (b >= 0x80)
		return s->length_bits < 28;
	s->length_bits = 0;
	s->inside = true;
	return true;
}

bool gosig_link_receive(gosig_link *l, uint8_t *buffer, uint16_t *got)
{
	struct gosig_session *s = &l->s;
	uint8_t b;

	while (s->first != s->want) {
		if (s->used + 1u < *filled(l, s->first)) {
			b = l->slots[s->first % GOSIG_RX_WINDOW][s->used++];
			if (s->inside) {
				buffer[(*got)++] = b;
				s->left--;
			} else if (!length_byte(l, b)) {
				gosig_link_reset(l, GOSIG_LINK_TOO_LARGE);
				break;
			}
		}
		if (s->used + 1u >= *filled(l, s->first))
			release(l);
		if (s->inside && s->left == 0) {
			s->inside = false;
			return true;
		}
	}
	return false;
}

/* ---- what goes out ----------------------------------------------------------------- */

/* An answer may take as long as the frame that the peer is sending when ours arrives,
 * and the next one, which acknowledges. */
static uint32_t patience(const gosig_link *l)
{
	uint32_t least = l->frame_time == 0 ? 150 : 60 + 2 * l->frame_time;
	uint32_t wait = least << l->s.retries;

	if (wait < LONGEST_RETRY)
		return wait;
	return least > LONGEST_RETRY ? least : LONGEST_RETRY;
}

static void tick(gosig_link *l)
{
	struct gosig_session *s = &l->s;
	bool idle = s->una == s->next;

	if (passed(l, s->heard, s->keepalive * 7 / 2)) {
		gosig_link_lose(l, GOSIG_LINK_SILENT);
		return;
	}
	if (idle)
		s->progress = l->now;
	if (passed(l, s->progress, STUCK_AFTER + 8 * l->frame_time)) {
		gosig_link_reset(l, GOSIG_LINK_STUCK);
		return;
	}
	if (oldest_lost(l) != s->next || (idle && (s->size == 0 || can_send(l)))) {
		; /* nothing is waited for */
	} else if (passed(l, s->timer, patience(l))) {
		if (s->retries < 8)
			s->retries++;
		s->timer = l->now;
		if (idle)
			s->ping = true; /* the peer has no buffer, or its word that it has got lost */
		else
			miss(l, frame_at(l, s->una));
	}
	if (s->hint_set && passed(l, s->hint, l->frame_time)) {
		s->hint_set = false;
		s->ack_now = true;
	}
	if (passed(l, s->pinged, s->keepalive))
		s->ping = true;
}

/* Makes a new frame of the bytes that wait. */
static void cut(gosig_link *l)
{
	struct gosig_session *s = &l->s;
	gosig_sent *f = frame_at(l, s->next++);
	uint32_t chunk = s->mtu >> s->level, size = s->size - s->in_frames;

	if (chunk < MIN_CHUNK)
		chunk = MIN_CHUNK; /* an MTU is 32 at least */
	if (size > chunk)
		size = chunk;
	f->size = (uint16_t)size;
	f->offset = (uint16_t)ring_index(l, s->in_frames);
	s->in_frames += size;
}

static size_t emit(gosig_link *l, unsigned type, uint8_t seq)
{
	struct gosig_session *s = &l->s;
	gosig_sent *data = frame_at(l, seq);
	gosig_stuffing to;
	unsigned i, at, bits = 0;
	/* ack_now without a gap: something damaged came last, whatever it was. */
	bool gaps = s->seen != s->want || s->ack_now;

	if (gaps)
		type |= GOSIG_GAPS;
	gosig_stuff_begin(&to, l->out, type << 4 | credit(l) | (uint32_t)seq << 8 | (uint32_t)s->want << 16 | (uint32_t)s->sid << 24);
	if (gaps) {
		for (i = credit(l); i > 1; bits = bits << 1 | (*filled(l, s->want + i) != 0))
			i--;
		gosig_stuff_number(&to, bits, 2);
	}
	if ((type & 7) == GOSIG_DATA) {
		for (i = data->size, at = data->offset; i > 0; i--) {
			gosig_stuff(&to, l->ring[at]);
			if (++at == GOSIG_TX_BUFFER)
				at = 0;
		}
		data->state = FLYING;
		data->stamp = ++s->stamp;
		s->timer = l->now + l->frame_time;
	}
	s->ack_now = s->ack_soon = false;
	s->granted = s->first;
	return gosig_stuff_end(&to, l->out);
}

static size_t output_open(gosig_link *l)
{
	struct gosig_session *s = &l->s;
	uint8_t seq = oldest_lost(l);

	if (s->answer) {
		s->answer = false;
		return gosig_link_emit_syn(l, GOSIG_SYNACK);
	}
	if (!s->ack_now) {
		if (seq == s->next && can_send(l))
			cut(l);
		if (seq != s->next)
			return emit(l, GOSIG_DATA, seq);
		if (!s->ack_soon) {
			if (!s->ping)
				return 0;
			s->ping = false;
			s->pinged = l->now;
			return emit(l, GOSIG_PING, seq);
		}
	}
	return emit(l, GOSIG_ACK, s->next);
}

size_t gosig_link_output(gosig_link *l)
{
	if (l->s.open && l->event == 0)
		tick(l);
	if (l->event != 0)
		return 0;
	if (l->rst != 0)
		return gosig_link_emit_rst(l);
	if (l->closed)
		return 0;
	if (l->s.open)
		return output_open(l);
	if (l->syn_wait > 0 && !passed(l, l->syn_last, l->syn_wait))
		return 0;
	l->syn_wait = SYN_EVERY;
	l->syn_last = l->now;
	return gosig_link_emit_syn(l, GOSIG_SYN);
}
