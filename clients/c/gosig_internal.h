/* gosig_internal.h: what the files of the client know of each other. */
#ifndef GOSIG_INTERNAL_H
#define GOSIG_INTERNAL_H

#include <string.h>

#include "gosig.h"

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
#if GOSIG_NAME_SIZE < 8 || GOSIG_NAME_SIZE > 256 || GOSIG_MAX_REMOTES < 1 || GOSIG_MAX_REMOTES > 255 || GOSIG_MAX_ROUTES < 1 || GOSIG_MAX_ROUTES > 255
#error "GOSIG_NAME_SIZE must be 8 to 256, GOSIG_MAX_REMOTES and GOSIG_MAX_ROUTES 1 to 255"
#endif

/* gosig.c takes all files in at once, so that the compiler sees what is used where. */
#ifndef GOSIG_LOCAL
#define GOSIG_LOCAL
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

/* A frame, decoded; its payload is in the buffer that it came from. */
typedef struct gosig_frame {
	const uint8_t *payload;
	size_t size;
	uint16_t bitmap;
	uint8_t type, credit, seq, ack, sid;
	bool gaps;
} gosig_frame;

/* An encoder of one frame: COBS and CRC as the bytes come. */
typedef struct gosig_stuffing {
	uint8_t *at, *code; /* code: where the length of the running block goes */
	uint32_t crc;
} gosig_stuffing;

GOSIG_LOCAL uint32_t gosig_crc(uint32_t crc, uint8_t byte);
GOSIG_LOCAL void gosig_stuff_begin(gosig_stuffing *s, uint8_t *out);
GOSIG_LOCAL void gosig_stuff(gosig_stuffing *s, uint8_t byte);
GOSIG_LOCAL void gosig_stuff_number(gosig_stuffing *s, uint32_t n, int size);
GOSIG_LOCAL size_t gosig_stuff_end(gosig_stuffing *s, const uint8_t *out);
GOSIG_LOCAL size_t gosig_unstuff(uint8_t *p, size_t size); /* in place; 0: no frame */
GOSIG_LOCAL bool gosig_parse_frame(uint8_t *p, size_t size, gosig_frame *f);

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
#define GOSIG_EMPTY 0xffffu                  /* size of a slot that holds nothing */

GOSIG_LOCAL void gosig_link_init(gosig_link *l, uint32_t now, uint32_t baud, uint32_t nonce);
/* Takes a byte from the line at l->now. Take the event, and what can be received,
 * after each zero; while an event waits no byte is to be given. */
GOSIG_LOCAL void gosig_link_input(gosig_link *l, uint8_t byte);
/* Makes the next frame in l->out and returns its size, 0 if there is none. Call it
 * only when the one before has been written. */
GOSIG_LOCAL size_t gosig_link_output(gosig_link *l);
GOSIG_LOCAL uint8_t gosig_link_event(gosig_link *l); /* takes it; l->reason stays */
/* Puts what has come of the current message behind got bytes in the buffer, which
 * has room for the largest, and reports whether it is whole. */
GOSIG_LOCAL bool gosig_link_receive(gosig_link *l, uint8_t *buffer, uint16_t *got);
GOSIG_LOCAL size_t gosig_link_room(const gosig_link *l);
/* Begins a message of that size, which has room; its bytes follow by push. */
GOSIG_LOCAL void gosig_link_begin(gosig_link *l, size_t size);
GOSIG_LOCAL void gosig_link_push(gosig_link *l, uint8_t byte);
/* Ends the session and tells the peer. After it, nothing happens until reopen. */
GOSIG_LOCAL void gosig_link_close(gosig_link *l);
GOSIG_LOCAL void gosig_link_reopen(gosig_link *l);

/* Between the two files of the link. */
GOSIG_LOCAL void gosig_link_handle_syn(gosig_link *l, const gosig_frame *f);
GOSIG_LOCAL void gosig_link_handle_rst(gosig_link *l, const gosig_frame *f);
GOSIG_LOCAL void gosig_link_lose(gosig_link *l, uint8_t reason);
GOSIG_LOCAL void gosig_link_reset(gosig_link *l, uint8_t reason);
GOSIG_LOCAL void gosig_link_forget(gosig_link *l);
GOSIG_LOCAL size_t gosig_link_emit_syn(gosig_link *l, uint8_t type);
GOSIG_LOCAL size_t gosig_link_emit_rst(gosig_link *l);
GOSIG_LOCAL uint8_t gosig_link_sid(uint32_t from, uint32_t to);

/* ---- envelopes: gosig_wire.c ------------------------------------------------------ */

enum {
	GOSIG_T_HELLO = 1,
	GOSIG_T_WELCOME = 2,
	GOSIG_T_ABORT = 3,
	GOSIG_T_CONNECT = 6,
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
	GOSIG_F_FRESH = 0x40
};

#define GOSIG_FIELDS 16 /* HELLO has fifteen */

/* A field: a number, or bytes. A list is n elements, in p as they came. To encode a
 * list of names p is the first of n structures of so many bytes, each of which
 * begins with its name. */
typedef struct gosig_field {
	const uint8_t *p;
	size_t size;
	uint64_t n;
} gosig_field;

/* Decodes an envelope's fields; returns GOSIG_OK or the code of what is wrong. */
GOSIG_LOCAL uint16_t gosig_decode(const uint8_t *frame, size_t size, gosig_field *f);
/* Pushes the envelope's bytes, unless to is NULL, and returns how many they are. */
GOSIG_LOCAL size_t gosig_encode(uint8_t type, const gosig_field *f, gosig_link *to);
/* Takes the next name of a list. */
GOSIG_LOCAL const char *gosig_next_name(gosig_field *list);
/* Takes the next number. */
GOSIG_LOCAL uint32_t gosig_next_number(gosig_field *list);
/* Makes a string of a name or text in a frame, by a zero behind it. */
GOSIG_LOCAL const char *gosig_string(const gosig_field *f);
GOSIG_LOCAL bool gosig_match(const char *pattern, const char *name);
GOSIG_LOCAL bool gosig_same(const char *a, const char *b);

/* ---- senders elsewhere: gosig_remote.c --------------------------------------------- */

GOSIG_LOCAL void gosig_on_connect(gosig *g, uint8_t type, gosig_field *f);
GOSIG_LOCAL void gosig_on_disconnect(gosig *g, const gosig_field *f);
GOSIG_LOCAL void gosig_on_numbered(gosig *g, uint8_t type, gosig_field *f); /* ROUTE, EVENT, LOST */
GOSIG_LOCAL void gosig_remotes_lost(gosig *g); /* with the connection */
GOSIG_LOCAL void gosig_routes_unwanted(gosig *g);
GOSIG_LOCAL void gosig_deliver(gosig *g, gosig_signal *s);

/* ---- requests: gosig_calls.c ---------------------------------------------------------- */

GOSIG_LOCAL void gosig_on_request(gosig *g, const gosig_field *f);
GOSIG_LOCAL void gosig_on_reply(gosig *g, const gosig_field *f);
GOSIG_LOCAL void gosig_end_calls(gosig *g, const gosig_peer *peer); /* NULL: all */
GOSIG_LOCAL void gosig_calls_due(gosig *g);

/* ---- our own senders and subscriptions: gosig_sender.c -------------------------------- */

GOSIG_LOCAL void gosig_on_own(gosig *g, uint8_t type, gosig_field *f); /* CONNECTED, WANT, DISCONNECT of ours */
GOSIG_LOCAL void gosig_on_refused(gosig *g, const gosig_field *f);
GOSIG_LOCAL bool gosig_announce(gosig *g); /* true: everything has been */
GOSIG_LOCAL void gosig_senders_lost(gosig *g);

/* ---- the client: gosig_client.c --------------------------------------------------------- */

/* Sends an envelope if there is room for it, and the reserve stays unless it is an
 * answer. */
GOSIG_LOCAL int gosig_send(gosig *g, uint8_t type, const gosig_field *f, bool answer);
GOSIG_LOCAL void gosig_field_string(gosig_field *f, const char *s);
GOSIG_LOCAL bool gosig_is_open(const gosig *g);

#endif
