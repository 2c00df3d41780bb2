/* gosig.h: a gosig client for microcontrollers, in C99.
 *
 * A device connects senders, emits events, answers and makes requests, and hears
 * the events of others, over a serial line. The client allocates nothing, prints
 * nothing and needs no operating system: the application gives it bytes, a clock
 * and a nonce, and calls gosig_poll.
 *
 *	static gosig_event events[] = {{.name = "temp"}};
 *	static gosig_sender kitchen = {.name = "kitchen", .events = events, .event_count = 1};
 *	static gosig g;
 *
 *	gosig_init(&g, &port, "thermometer", "cbor");
 *	gosig_connect(&g, &kitchen);
 *	for (;;) {
 *		gosig_poll(&g);
 *		if (there_is_news())
 *			gosig_emit(&g, &kitchen, 0, payload, size);
 *	}
 *
 * One thread of execution uses a client; an interrupt must not call it. Handlers
 * run inside gosig_poll (and inside gosig_emit, for subscriptions to a sender of
 * one's own) and may call anything but gosig_poll: a subscription that one begins is
 * not told of the signal at hand. What a handler is given is good until it returns. The structures that the application hands over (senders,
 * subscriptions, peers, calls) stay where they are for as long as the client
 * knows them; their fields under "own" belong to the client and begin as zeros.
 *
 * Functions that can fail return one of the codes below, GOSIG_OK if they did not.
 * After any other code nothing has happened.
 */
#ifndef GOSIG_H
#define GOSIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sizes, all of which may be set by the compiler (-DGOSIG_MTU=116) ------- */

/* Most bytes in a frame of the line, 32 to 1024. A frame of 246 bytes carries a
 * message of 244; on a bad line shorter ones get through more often. */
#ifndef GOSIG_MTU
#define GOSIG_MTU 246
#endif
/* Frames that can be received while one before them is missing: 1, 2, 4 or 8. */
#ifndef GOSIG_RX_WINDOW
#define GOSIG_RX_WINDOW 4
#endif
/* Frames that may be on their way: 1, 2, 4, 8 or 16. */
#ifndef GOSIG_TX_WINDOW
#define GOSIG_TX_WINDOW 8
#endif
/* Bytes that wait to be sent or to be acknowledged. A signal must fit whole. */
#ifndef GOSIG_TX_BUFFER
#define GOSIG_TX_BUFFER 768
#endif
/* Of these, kept for answers: replies, and what the protocol must say. */
#ifndef GOSIG_RESERVE
#define GOSIG_RESERVE 96
#endif
/* The largest envelope that is received, 512 at least: a payload and its names,
 * or the announcement of a sender with all its events. */
#ifndef GOSIG_MAX_FRAME
#define GOSIG_MAX_FRAME 512
#endif
/* Events of senders elsewhere that are heard at the same time. "#disconnect" of a sender
 * counts as one of its events, "#connect" does not. */
#ifndef GOSIG_MAX_ROUTES
#define GOSIG_MAX_ROUTES 6
#endif
/* Bytes for the name of each, its end included, at most 255. */
#ifndef GOSIG_NAME_SIZE
#define GOSIG_NAME_SIZE 32
#endif
/* Requests that others may have waiting here for an answer. */
#ifndef GOSIG_MAX_ASKED
#define GOSIG_MAX_ASKED 8
#endif

/* ---- codes, those of docs/protocol.md section 12 ----------------------------- */

enum {
	GOSIG_OK = 0,
	GOSIG_NO_SENDER = 1,     /* no sender of that name is connected */
	GOSIG_NO_METHOD = 2,     /* the sender does not answer this */
	GOSIG_FAILED = 3,        /* the handler failed, with a number and a text of its own */
	GOSIG_TIMEOUT = 4,       /* the time was up */
	GOSIG_CANCELLED = 5,     /* gosig_cancel */
	GOSIG_DENIED = 6,        /* a rule of the router forbids it */
	GOSIG_BUSY = 7,          /* no room for it now: poll, and try again */
	GOSIG_CONNECTION = 8,    /* the connection, or the other side, went away */
	GOSIG_BAD_PAYLOAD = 9,   /* a payload that cannot be decoded */
	GOSIG_NAME_TAKEN = 10,   /* somebody else has this sender's name */
	GOSIG_UNDECLARED = 11,   /* the sender has no such event */
	GOSIG_LIMIT = 12,        /* a limit is reached */
	GOSIG_CLOSED = 13,       /* the router shuts down */
	GOSIG_BAD_NAME = 14,     /* not a name, or not a pattern */
	GOSIG_NOT_CONNECTED = 16, /* no connection, or the sender is not connected */
	GOSIG_VIOLATION = 17,    /* the router broke a rule of the protocol, or says we did */
	GOSIG_VERSION = 18,      /* no version in common */
	GOSIG_NO_CODEC = 19,     /* the router has not our codec */
	GOSIG_RING = 20,         /* this node is connected already */
	GOSIG_TOO_LARGE = 21     /* larger than the router, or a buffer here, takes */
};

/* Why events are missing, docs/protocol.md section 8.4. */
enum {
	GOSIG_LOST_QUEUE = 1,
	GOSIG_LOST_SLOW = 2,       /* this line was too slow for what was emitted */
	GOSIG_LOST_INBOUND = 3,    /* no room here: see GOSIG_MAX_ROUTES and GOSIG_NAME_SIZE */
	GOSIG_LOST_CONNECTION = 4, /* a connection on the way was down */
	GOSIG_LOST_PAYLOAD = 5,    /* could not be transcoded, or was too large */
	GOSIG_LOST_OFFLINE = 6,
	GOSIG_LOST_REENTRY = 7
};

typedef struct gosig gosig;

/* gosig_node is how the client links what the application hands over. */
typedef struct gosig_node {
	struct gosig_node *next;
} gosig_node;

/* ---- the port ---------------------------------------------------------------- */

/* gosig_port is what the client needs of the board. No function waits. */
typedef struct gosig_port {
	/* Takes as many of the bytes as there is room for, returns how many. */
	size_t (*write)(void *context, const uint8_t *bytes, size_t size);
	/* Gives as many bytes as have come, at most size; returns how many. */
	size_t (*read)(void *context, uint8_t *bytes, size_t size);
	/* A clock that runs on, from any beginning, and may overflow. */
	uint32_t (*milliseconds)(void *context);
	/* Numbers that no other device gets, nor this one after its next start: it
	 * is how the router tells a device that restarted from one that did not. A
	 * random generator; or a counter in flash, mixed with the chip's number.
	 * Called seven times by gosig_init. */
	uint32_t (*nonce)(void *context);
	void *context;
	/* Of the line; it tells how long an answer may take. 0: not known. */
	uint32_t baud;
} gosig_port;

/* ---- what is received -------------------------------------------------------- */

typedef enum gosig_kind {
	GOSIG_EVENT,      /* an event: data, size, number */
	GOSIG_LOST,       /* events are missing here: count, reason */
	GOSIG_CONNECT,    /* the sender has connected; event is "#connect" */
	GOSIG_DISCONNECT, /* it has left: code, text; event is "#disconnect" */
	GOSIG_REFUSED     /* the router refuses the subscription: code, text */
} gosig_kind;

/* gosig_signal is what a subscription's handler is told. */
typedef struct gosig_signal {
	gosig_kind kind;
	const char *sender;
	const char *event; /* of GOSIG_LOST: the event that is missing */
	const uint8_t *data;
	size_t size;
	uint64_t number;  /* of an event: its sender's first is 1. Of a loss: the first that is missing */
	uint64_t count;   /* how many are missing; 0: nobody knows */
	uint8_t reason;   /* of a loss: GOSIG_LOST_... */
	uint16_t code;    /* of GOSIG_DISCONNECT, GOSIG_REFUSED */
	const char *text; /* of the same; data from outside */
} gosig_signal;

/* gosig_subscription says what is to be heard. In the patterns "*" is one segment
 * and "**" any number of them: {"kitchen", "temp"}, {"**", "temp"}, {"**", "#connect"}. */
typedef struct gosig_subscription {
	gosig_node node; /* own */
	const char *sender;
	const char *event;
	void (*handle)(gosig *g, const gosig_signal *signal, void *context);
	void *context;
	/* own */
	bool active, asked;
	uint32_t order;
} gosig_subscription;

/* gosig_peer is a sender elsewhere that this device asks, or looks out for. */
typedef struct gosig_peer {
	gosig_node node; /* own */
	const char *name;
	/* Says that it has come or gone; may be NULL. */
	void (*changed)(gosig *g, struct gosig_peer *peer, void *context);
	void *context;
	/* own; here may be read */
	uint32_t number;
	bool here;
} gosig_peer;

/* gosig_reply is the answer to a request of ours. */
typedef struct gosig_reply {
	uint16_t code;   /* GOSIG_OK, or why there is no answer */
	const uint8_t *data;
	size_t size;
	int64_t app;      /* of GOSIG_FAILED: the handler's number */
	const char *text; /* of any code but GOSIG_OK; data from outside */
} gosig_reply;

/* gosig_call is a request of ours under way. */
typedef struct gosig_call {
	gosig_node node; /* own */
	/* Called once, unless gosig_request failed. */
	void (*done)(gosig *g, const gosig_reply *reply, void *context);
	void *context;
	/* own */
	const gosig_peer *peer;
	uint32_t id, begun, timeout;
} gosig_call;

/* ---- senders ------------------------------------------------------------------ */

/* gosig_ticket names a request that waits for its answer here. It may be copied
 * and used later, once. */
typedef struct gosig_ticket {
	uint64_t id;
	uint32_t session;
} gosig_ticket;

/* gosig_asked is a request of somebody else's. */
typedef struct gosig_asked {
	gosig_ticket ticket;
	const char *method;
	const uint8_t *data;
	size_t size;
	uint64_t timeout; /* milliseconds that are left, 0: no bound */
} gosig_asked;

/* gosig_method is something that a sender answers. Its handler calls gosig_answer
 * or gosig_fail, at once or later. */
typedef struct gosig_method {
	const char *name;
	void (*handle)(gosig *g, const gosig_asked *asked, void *context);
	void *context;
} gosig_method;

/* gosig_event is an event that a sender may emit. */
typedef struct gosig_event {
	const char *name;
	/* own; wanted may be read: whether anybody subscribes to it */
	bool wanted;
	uint64_t count;
} gosig_event;

/* gosig_sender is an endpoint with a name, and what it emits and answers. */
typedef struct gosig_sender {
	gosig_node node; /* own */
	const char *name;
	gosig_event *events;
	size_t event_count;
	const gosig_method *methods;
	size_t method_count;
	/* Answers what no method does; may be NULL. */
	void (*any)(gosig *g, const gosig_asked *asked, void *context);
	/* Says that the router has refused or ended the sender, and why; may be
	 * NULL. It may call gosig_connect again, better after a while. */
	void (*ended)(gosig *g, struct gosig_sender *sender, uint16_t code, const char *text);
	void *context; /* of any, and for ended */
	/* own */
	uint32_t epoch[2];
	uint32_t number, route;
	uint16_t told; /* 0: not announced; 1: it is, 2: and its first event, and so on */
	bool active, connected; /* connected: the router has answered */
} gosig_sender;

/* ---- the client --------------------------------------------------------------- */

typedef enum gosig_state {
	GOSIG_OFFLINE, /* nobody answers on the line */
	GOSIG_OPENING, /* somebody does */
	GOSIG_OPEN,    /* a router; senders and subscriptions are being announced */
	GOSIG_ONLINE,  /* all of them are in force */
	GOSIG_ENDING,  /* the last words are on their way */
	GOSIG_WAITING  /* before the next attempt */
} gosig_state;

/* gosig_init makes a client. name is for people; codec is "cbor" or "raw", the
 * form of all payloads of this device. The strings and port stay in use. */
void gosig_init(gosig *g, const gosig_port *port, const char *name, const char *codec);

/* gosig_prove gives the token by which the router knows this device, "gst_" and so on,
 * before the first gosig_poll; the string stays in use. It is sent where the router asks
 * for it, as it does on a line that its operator trusts. */
void gosig_prove(gosig *g, const char *token);

/* gosig_on_change has a function told of each change of state; code and text say
 * why a connection ended, if anybody said so. */
void gosig_on_change(gosig *g, void (*changed)(gosig *g, gosig_state state, uint16_t code, const char *text));

/* gosig_poll does what there is to do, without waiting. Call it when bytes have
 * come, when the port takes bytes again, and at least every 10 milliseconds. It
 * reports whether there is more to be done at once. */
bool gosig_poll(gosig *g);

/* gosig_now returns the state. */
gosig_state gosig_now(const gosig *g);

/* gosig_connect connects a sender, now and after each loss of the connection,
 * until gosig_disconnect or its ended. GOSIG_BUSY: it is connected already. */
int gosig_connect(gosig *g, gosig_sender *sender);

/* gosig_disconnect has it leave. */
int gosig_disconnect(gosig *g, gosig_sender *sender, const char *reason);

/* gosig_emit emits the event of that index. GOSIG_OK: it is on its way, or nobody
 * wants it. GOSIG_BUSY: no room now. GOSIG_NOT_CONNECTED, also while the router has not
 * said yet what is wanted; GOSIG_TOO_LARGE, GOSIG_UNDECLARED. Unless it returns GOSIG_OK the event has not been emitted. */
int gosig_emit(gosig *g, gosig_sender *sender, size_t event, const void *data, size_t size);

/* gosig_subscribe begins a subscription. Subscribe before the first gosig_poll: a
 * device keeps of the senders elsewhere only what it has subscribed to, so that a
 * later subscription begins the connection anew to hear of them. */
int gosig_subscribe(gosig *g, gosig_subscription *subscription);

/* gosig_unsubscribe ends it. GOSIG_BUSY: no room to say so, try again. */
int gosig_unsubscribe(gosig *g, gosig_subscription *subscription);

/* gosig_watch begins to look out for a peer. What holds for subscribing late holds
 * here too. */
void gosig_watch(gosig *g, gosig_peer *peer);

/* gosig_request asks a peer. timeout in milliseconds, 0: no bound. GOSIG_NO_SENDER,
 * GOSIG_BUSY, also if that call is under way, GOSIG_TOO_LARGE; otherwise call->done is
 * called once. */
int gosig_request(gosig *g, gosig_peer *peer, const char *method, const void *data, size_t size, uint32_t timeout, gosig_call *call);

/* gosig_cancel gives a request up, if it is under way: its done is called with
 * GOSIG_CANCELLED. */
void gosig_cancel(gosig *g, gosig_call *call);

/* gosig_answer answers a request. GOSIG_BUSY: no room now, try again.
 * GOSIG_CONNECTION: who asked is gone. GOSIG_TOO_LARGE. */
int gosig_answer(gosig *g, gosig_ticket ticket, const void *data, size_t size);

/* gosig_fail answers that it failed, with a number and a text of the handler's. */
int gosig_fail(gosig *g, gosig_ticket ticket, int64_t app, const char *text);

/* gosig_stop says goodbye, so that the device's senders leave at once, and ends
 * the connection; poll until the state is GOSIG_WAITING. The next connection
 * begins after the given time, in milliseconds. Called again before that, it counts anew. */
void gosig_stop(gosig *g, uint32_t pause);

/* ---- CBOR (RFC 8949) ----------------------------------------------------------- */

/* gosig_writer puts values one after the other into a buffer. What does not fit
 * is left out and noted in full; check it once, at the end. */
typedef struct gosig_writer {
	uint8_t *data;
	size_t size, capacity;
	bool full;
} gosig_writer;

void gosig_write_begin(gosig_writer *w, void *buffer, size_t capacity);
void gosig_write_uint(gosig_writer *w, uint64_t n);
void gosig_write_int(gosig_writer *w, int64_t n);
void gosig_write_float(gosig_writer *w, float x);
void gosig_write_bool(gosig_writer *w, bool b);
void gosig_write_null(gosig_writer *w);
void gosig_write_text(gosig_writer *w, const char *text);
void gosig_write_bytes(gosig_writer *w, const void *bytes, size_t size);
void gosig_write_array(gosig_writer *w, size_t count); /* its elements follow */
void gosig_write_map(gosig_writer *w, size_t count);   /* so many keys, each with its value, follow */

/* gosig_reader takes them out. A value that is not of the kind that is asked for
 * stays where it is, so that the next kind can be tried. */
typedef struct gosig_reader {
	const uint8_t *at, *end;
} gosig_reader;

typedef enum gosig_type {
	GOSIG_END, /* no value is left, or what is left is no CBOR that gosig uses */
	GOSIG_UINT,
	GOSIG_NEGATIVE,
	GOSIG_BYTES,
	GOSIG_TEXT,
	GOSIG_ARRAY,
	GOSIG_MAP,
	GOSIG_BOOL,
	GOSIG_NULL,
	GOSIG_FLOAT
} gosig_type;

void gosig_read_begin(gosig_reader *r, const void *data, size_t size);
gosig_type gosig_read_type(const gosig_reader *r);
bool gosig_read_uint(gosig_reader *r, uint64_t *n);
bool gosig_read_int(gosig_reader *r, int64_t *n);
bool gosig_read_float(gosig_reader *r, float *x); /* also from an integer, and from a longer one, rounded */
bool gosig_read_bool(gosig_reader *r, bool *b);
bool gosig_read_null(gosig_reader *r);
bool gosig_read_text(gosig_reader *r, const char **text, size_t *size); /* no zero behind it */
bool gosig_read_bytes(gosig_reader *r, const uint8_t **bytes, size_t *size);
bool gosig_read_array(gosig_reader *r, size_t *count);
bool gosig_read_map(gosig_reader *r, size_t *count);
/* gosig_read_key goes to a key of a map that begins here, and stands before its
 * value; the map has been read then. */
bool gosig_read_key(gosig_reader *r, const char *key);
bool gosig_skip(gosig_reader *r); /* over one value, with all that is in it */
/* gosig_valid reports whether a payload is one whole value. */
bool gosig_valid(const void *data, size_t size);

#include "gosig_own.h" /* how large a gosig is */

#ifdef __cplusplus
}
#endif
#endif
