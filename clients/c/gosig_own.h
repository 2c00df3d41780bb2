/* gosig_own.h: what a client keeps, for gosig.h to include. Nothing of it is for the
 * application. */
#ifndef GOSIG_OWN_H
#define GOSIG_OWN_H

/* A frame on its way. */
typedef struct gosig_sent {
	uint32_t stamp;
	uint16_t offset, size;
	uint8_t state;
} gosig_sent;

/* What a frame can become on the line: header, bitmap, CRC, COBS. */
#define GOSIG_FRAME_COBS (GOSIG_MTU + 10 + (GOSIG_MTU + 10) / 254 + 1)

/* What is known of a session; all of it is zero while there is none, but for what is
 * known of the peer. Bytes come first: they are reached by the shortest instructions. */
struct gosig_session {
	bool open, answer, ping, ack_soon, ack_now, hint_set, inside;
	uint8_t una, next, edge, window;    /* sending */
	uint8_t first, want, seen, granted; /* receiving */
	uint8_t sid, peer_id;
	uint8_t level, retries, settled, length_bits;

	uint32_t head, size, in_frames;  /* of the ring */
	uint32_t stamp, arrived;         /* counts of transmissions */
	uint32_t used, left;             /* bytes taken of the oldest slot; that are left of a message */
	uint32_t loss;
	uint32_t theirs;                 /* the peer's nonce */
	uint32_t mtu, keepalive, max_message;
	uint32_t heard, pinged, timer, progress, hint; /* times; pinged: or heard since */
	uint16_t filled[GOSIG_RX_WINDOW];              /* one more than the bytes in a slot */
};

/* One end of a line, docs/serial-link.md. */
typedef struct gosig_link {
	uint8_t event, reason; /* GOSIG_LINK_..., not taken yet */
	uint8_t rst;
	bool closed;
	struct gosig_session s;

	uint32_t now; /* what the caller said last */
	uint32_t syn_last, syn_wait;
	uint32_t nonce, rst_nonce, refused, frame_time;
	size_t in_size, out_size, out_done;

	gosig_sent frames[GOSIG_TX_WINDOW]; /* by number */
	uint8_t in[GOSIG_FRAME_COBS];       /* since the last zero */
	uint8_t out[GOSIG_FRAME_COBS + 2];  /* the frame that is being written */
	uint8_t slots[GOSIG_RX_WINDOW][GOSIG_MTU];
	uint8_t ring[GOSIG_TX_BUFFER];
} gosig_link;

/* An event of a sender elsewhere that a subscription speaks of, or its leaving. */
typedef struct gosig_route {
	uint64_t expected;
	uint32_t number, route; /* of the sender; of the event */
	uint8_t epoch[8];
	uint8_t flags;
	char sender[GOSIG_NAME_SIZE], event[GOSIG_NAME_SIZE];
} gosig_route;

struct gosig {
	uint8_t state;
	bool has_token, announced, renew, polling;
	uint16_t got; /* of the envelope that is coming in */
	const gosig_port *port;
	const char *name, *codec, *proof;
	void (*changed)(gosig *g, gosig_state state, uint16_t code, const char *text);
	gosig_node *senders, *subscriptions, *peers, *calls;
	uint32_t session, order;      /* count connections, and subscriptions */
	uint32_t since, pause, retry; /* of the state; after it; the next pause */
	uint32_t heard, pinged;
	uint32_t max_frame, keepalive;
	uint32_t next_number, next_route;
	uint32_t next_id;  /* of our next request */
	uint32_t epoch[2]; /* of the next sender that connects */
	uint8_t node[16], token[16];

	gosig_link link;
	gosig_route routes[GOSIG_MAX_ROUTES];
	uint8_t frame[GOSIG_MAX_FRAME];
};

#endif
