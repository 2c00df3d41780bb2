/* gosig_internal.h: what the files of the client know of each other. */
#ifndef GOSIG_INTERNAL_H
#define GOSIG_INTERNAL_H

#include <limits.h>
#include <string.h>

#include "gosig.h"

#if UINT_MAX < 0xffffffff
#error "int has 16 bits here, and the client counts on 32: it is for Cortex-M and its like"
#endif
#if GOSIG_MTU < 32 || GOSIG_MTU > 1024
#error "GOSIG_MTU must be 32 to 1024"
#endif
#if GOSIG_RX_WINDOW < 1 || GOSIG_RX_WINDOW > 8 || (GOSIG_RX_WINDOW & (GOSIG_RX_WINDOW - 1)) != 0
#error "GOSIG_RX_WINDOW must be 1, 2, 4 or 8"
#endif
#if GOSIG_TX_WINDOW < 1 || GOSIG_TX_WINDOW > 16 || (GOSIG_TX_WINDOW & (GOSIG_TX_WINDOW - 1)) != 0
#error "GOSIG_TX_WINDOW must be 1, 2, 4, 8 or 16"
#endif
#if GOSIG_TX_BUFFER > 32768 || GOSIG_TX_BUFFER < GOSIG_RESERVE + 256
#error "GOSIG_TX_BUFFER must be GOSIG_RESERVE + 256 to 32768"
#endif
#if GOSIG_RESERVE < 64
#error "GOSIG_RESERVE must be 64 at least: the answer to any envelope must fit"
#endif
#if GOSIG_MAX_FRAME < 512 || GOSIG_MAX_FRAME > 32768
#error "GOSIG_MAX_FRAME must be 512 to 32768: the protocol allows no less"
#endif
#if GOSIG_NAME_SIZE < 8 || GOSIG_NAME_SIZE > 256 || GOSIG_MAX_ROUTES < 1 || GOSIG_MAX_ROUTES > 255
#error "GOSIG_NAME_SIZE must be 8 to 256, GOSIG_MAX_ROUTES 1 to 255"
#endif

/* ---- frames of the line: gosig_frame.c ----------------------------------------- */

enum {
	GOSIG_SYN = 1,
	GOSIG_SYNACK = 2,
	GOSIG_RST = 3,
	GOSIG_DATA = 4,
	GOSIG_ACK = 5,
	GOSIG_PING = 6,
	GOSIG_GAPS = 8 /* flag: a bitmap follows the header */
};

/* Where the bytes of a frame's header are; the first holds flag, type and credit. */
enum { GOSIG_HEAD_SEQ = 1, GOSIG_HEAD_ACK, GOSIG_HEAD_SID };

/* A frame, decoded, in the buffer that it came from. */
typedef struct gosig_frame {
	const uint8_t *head, *payload;
	size_t size;
	unsigned bitmap;
} gosig_frame;

/* An encoder of one frame: COBS and CRC as the bytes come. */
typedef struct gosig_stuffing {
	uint8_t *at, *code; /* code: where the length of the running block goes */
	uint32_t crc;
} gosig_stuffing;

uint32_t gosig_crc(uint32_t crc, uint8_t byte);
void gosig_stuff_begin(gosig_stuffing *s, uint8_t *out, uint32_t header);
void gosig_stuff(gosig_stuffing *s, uint8_t byte);
void gosig_stuff_plain(gosig_stuffing *s, uint8_t byte); /* without the CRC */
void gosig_stuff_number(gosig_stuffing *s, uint32_t n, unsigned size);
size_t gosig_stuff_end(gosig_stuffing *s, const uint8_t *out);
size_t gosig_unstuff(uint8_t *p, size_t size); /* in place; 0: no frame */
bool gosig_parse_frame(uint8_t *p, size_t size, gosig_frame *f);

/* ---- the link: gosig_link.c, gosig_session.c ------------------------------------ */

enum { GOSIG_LINK_OPENED = 1, GOSIG_LINK_LOST, GOSIG_LINK_REFUSED };
enum {
	GOSIG_LINK_RESTARTED = 1,
	GOSIG_LINK_SILENT = 2,
	GOSIG_LINK_STUCK = 3,
	GOSIG_LINK_CLOSED = 4,
	GOSIG_LINK_PROTOCOL = 5,
	GOSIG_LINK_TOO_LARGE = 6,
	GOSIG_LINK_VERSION = 7,
	GOSIG_LINK_ROLE = 8
};
/* Of this end: it dials. */
#ifndef GOSIG_ROLE
#define GOSIG_ROLE 1
#endif
#define GOSIG_LONGEST (GOSIG_FRAME_COBS + 2) /* the longest frame, both zeros included */

#define SYN_EVERY 250u /* milliseconds between two SYN */
#define SYN_SOON 20u   /* and when somebody is there who does not know of us */

void gosig_link_init(gosig_link *l, uint32_t now, uint32_t baud, uint32_t nonce);
/* Takes a byte from the line at l->now. Take the event, and what can be received,
 * after each zero; while an event waits no byte is to be given. */
void gosig_link_input(gosig_link *l, uint8_t byte);
/* Makes the next frame in l->out and returns its size, 0 if there is none. Call it
 * only when the one before has been written. */
size_t gosig_link_output(gosig_link *l);
uint8_t gosig_link_event(gosig_link *l); /* takes it; l->reason stays */
/* Puts what has come of the current message behind got bytes in the buffer, which
 * has room for the largest, and reports whether it is whole. */
bool gosig_link_receive(gosig_link *l, uint8_t *buffer, uint16_t *got);
size_t gosig_link_room(const gosig_link *l);
/* Puts the next byte of what is to be sent, lengths and messages, which has room. */
void gosig_link_push(gosig_link *l, uint8_t byte);
/* Ends the session and tells the peer. After it, nothing happens until reopen. */
void gosig_link_close(gosig_link *l);
void gosig_link_reopen(gosig_link *l);

/* Between the two files of the link. */
void gosig_link_handle_syn(gosig_link *l, unsigned type, const gosig_frame *f);
void gosig_link_handle_rst(gosig_link *l, const gosig_frame *f);
void gosig_link_lose(gosig_link *l, uint8_t reason);
void gosig_link_reset(gosig_link *l, uint8_t reason);
size_t gosig_link_emit_syn(gosig_link *l, unsigned type);
size_t gosig_link_emit_rst(gosig_link *l);
uint8_t gosig_link_sid(uint32_t from, uint32_t to);

/* ---- envelopes: gosig_wire.c ------------------------------------------------------ */

enum {
	GOSIG_T_HELLO = 1,
	GOSIG_T_WELCOME = 2,
	GOSIG_T_ABORT = 3,
	GOSIG_T_CHALLENGE,
	GOSIG_T_AUTH,
	GOSIG_T_CONNECT,
	GOSIG_T_CONNECTED,
	GOSIG_T_DISCONNECT,
	GOSIG_T_SUBSCRIBE,
	GOSIG_T_UNSUBSCRIBE,
	GOSIG_T_REFUSED,
	GOSIG_T_WANT,
	GOSIG_T_ROUTE,
	GOSIG_T_EVENT,
	GOSIG_T_LOST,
	GOSIG_T_CREDIT,
	GOSIG_T_REQUEST,
	GOSIG_T_REPLY,
	GOSIG_T_CANCEL,
	GOSIG_T_PING,
	GOSIG_T_PONG,
	GOSIG_T_SYNC,
	GOSIG_T_SYNCED,
	GOSIG_T_GOODBYE,
	GOSIG_F_FLAG = 0x20, /* default, yours, on, begin, held */
	GOSIG_F_FRESH = 0x40,
	GOSIG_ANSWER = 0x100 /* for gosig_send alone: it may use the reserve */
};

#define GOSIG_FIELDS 12 /* WELCOME's, the most */

/* A field that has come: a number, of which hi is the upper half; n bytes; a string of
 * n bytes and a zero; a list of n elements. */
typedef struct gosig_field {
	uint8_t *p;
	uint32_t n, hi;
} gosig_field;

/* Fields that are to be sent are words, one after the other: a number, or its halves,
 * the lower one first; a string; the address of bytes, and of a payload their number; of
 * a list the address of the first of n structures, each of which begins with its name,
 * n, and the size of each. */
typedef uintptr_t gosig_word;

#define GOSIG_STRING(s) ((gosig_word)(s))
#define GOSIG_HALVES(n) (uint32_t)(n), (gosig_word)((n) >> 32)

/* Decodes an envelope's fields; returns GOSIG_OK or the code of what is wrong. Strings
 * are made in the frame itself. */
uint16_t gosig_decode(uint8_t *frame, size_t size, gosig_field *f);
/* Returns how many bytes an envelope takes; if to is not NULL it pushes that size, and
 * them. */
size_t gosig_encode(unsigned type, const gosig_word *w, size_t size, gosig_link *to);
/* The fields of an envelope, see gosig_wire.c, which next_field takes one by one. */
const uint8_t *gosig_shape(unsigned type);
unsigned gosig_next_field(const uint8_t **shape, unsigned type, gosig_word last);
/* Takes the next name of a list. */
const char *gosig_next_name(gosig_field *list);
/* Takes the next number. */
uint32_t gosig_next_number(gosig_field *list);
static inline const char *gosig_text(const gosig_field *f) { return (const char *)f->p; }
static inline uint64_t gosig_number(const gosig_field *f) { return (uint64_t)f->hi << 32 | f->n; }
bool gosig_match(const char *pattern, const char *name);
bool gosig_same(const char *a, const char *b);

/* ---- lists: gosig_client.c ---------------------------------------------------------- */

/* What each list is of begins with its node. */
bool gosig_append(gosig_node **list, gosig_node *node);         /* false: it was there already */
bool gosig_take_out(gosig_node **list, const gosig_node *node); /* false: it was not there */

/* ---- senders elsewhere: gosig_remote.c --------------------------------------------- */

void gosig_on_connect(gosig *g, unsigned type, gosig_field *f);
void gosig_on_disconnect(gosig *g, const gosig_field *f);
void gosig_on_numbered(gosig *g, unsigned type, const gosig_field *f); /* ROUTE, EVENT, LOST */
void gosig_remotes_lost(gosig *g); /* with the connection */
void gosig_routes_unwanted(gosig *g);
void gosig_deliver(gosig *g, const gosig_signal *s);

/* ---- requests: gosig_calls.c ---------------------------------------------------------- */

void gosig_on_request(gosig *g, const gosig_field *f);
void gosig_on_reply(gosig *g, const gosig_field *f);
/* Ends those whose time is up, and those of a peer, or all, whose connection is lost. */
void gosig_end_calls(gosig *g, const gosig_peer *peer, bool all);

/* ---- our own senders and subscriptions: gosig_sender.c -------------------------------- */

void gosig_on_own(gosig *g, unsigned type, gosig_field *f); /* CONNECTED, WANT, DISCONNECT of ours */
void gosig_on_refused(gosig *g, const gosig_field *f);
bool gosig_announce(gosig *g); /* true: everything has been */
void gosig_senders_lost(gosig *g);

/* ---- the client: gosig_client.c --------------------------------------------------------- */

/* Sends an envelope if there is room for it; the reserve is for answers alone. */
int gosig_send(gosig *g, unsigned type, const gosig_word *fields);
bool gosig_is_open(const gosig *g);

#endif
