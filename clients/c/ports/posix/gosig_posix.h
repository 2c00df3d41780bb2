/* gosig_posix.h: the client on Linux and its like, over a serial port, a
 * pseudo-terminal, or any descriptor that is read and written.
 *
 *	gosig_posix line;
 *	if (gosig_posix_open(&line, "/dev/ttyUSB0", 115200) < 0)
 *		return perror("/dev/ttyUSB0"), 1;
 *	gosig_init(&g, &line.port, "tool", "cbor");
 *	for (;;) {
 *		if (!gosig_poll(&g) && gosig_posix_wait(&line, 10) < 0)
 *			return 1; // the port is gone
 *	}
 */
#ifndef GOSIG_POSIX_H
#define GOSIG_POSIX_H

#include "gosig.h"

typedef struct gosig_posix {
	gosig_port port;
	int fd;
	bool gone; /* read or write have failed: the port was pulled out */
} gosig_posix;

/* gosig_posix_open opens and configures a serial port: 8 data bits, no parity.
 * baud 0 leaves a terminal's speed alone. It returns -1 and sets errno. */
int gosig_posix_open(gosig_posix *p, const char *path, uint32_t baud);

/* gosig_posix_use takes a descriptor that is open already. */
void gosig_posix_use(gosig_posix *p, int fd, uint32_t baud);

/* gosig_posix_wait waits until bytes have come, at most so many milliseconds. It
 * returns -1 when the port is gone. */
int gosig_posix_wait(gosig_posix *p, int milliseconds);

#endif
