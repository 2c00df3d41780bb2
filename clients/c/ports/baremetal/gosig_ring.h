/* gosig_ring.h: bytes between an interrupt and the program, without a lock: one side
 * writes, the other reads. */
#ifndef GOSIG_RING_H
#define GOSIG_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef GOSIG_RING_SIZE
#define GOSIG_RING_SIZE 256 /* a power of two */
#endif

typedef struct gosig_ring {
	volatile uint32_t in, out; /* counts, that overflow */
	volatile uint8_t bytes[GOSIG_RING_SIZE];
} gosig_ring;

static inline bool gosig_ring_full(const gosig_ring *r) { return r->in - r->out == GOSIG_RING_SIZE; }

static inline bool gosig_ring_empty(const gosig_ring *r) { return r->in == r->out; }

static inline void gosig_ring_put(gosig_ring *r, uint8_t byte)
{
	r->bytes[r->in % GOSIG_RING_SIZE] = byte;
	r->in = r->in + 1; /* after the byte is there */
}

static inline uint8_t gosig_ring_get(gosig_ring *r)
{
	uint8_t byte = r->bytes[r->out % GOSIG_RING_SIZE];

	r->out = r->out + 1;
	return byte;
}

#endif
