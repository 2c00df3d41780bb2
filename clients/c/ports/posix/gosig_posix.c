/* gosig_posix.c: see gosig_posix.h. */
#define _DEFAULT_SOURCE

#include "gosig_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* What read and write return when there is nothing for now; else the port is gone. */
static size_t done(gosig_posix *p, ssize_t n)
{
	if (n > 0)
		return (size_t)n;
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		p->gone = true;
	return 0;
}

static size_t write_bytes(void *context, const uint8_t *bytes, size_t size)
{
	gosig_posix *p = context;

	return size == 0 ? 0 : done(p, write(p->fd, bytes, size));
}

static size_t read_bytes(void *context, uint8_t *bytes, size_t size)
{
	gosig_posix *p = context;

	return done(p, read(p->fd, bytes, size));
}

static uint32_t milliseconds(void *context)
{
	struct timespec now;

	(void)context;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}

static uint32_t nonce(void *context)
{
	uint32_t n;
	int fd = open("/dev/urandom", O_RDONLY);

	(void)context;
	if (fd < 0 || read(fd, &n, sizeof n) != (ssize_t)sizeof n)
		abort(); /* no guess would do */
	(void)close(fd);
	return n;
}

void gosig_posix_use(gosig_posix *p, int fd, uint32_t baud)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	p->fd = fd;
	p->gone = false;
	p->port.write = write_bytes;
	p->port.read = read_bytes;
	p->port.milliseconds = milliseconds;
	p->port.nonce = nonce;
	p->port.context = p;
	p->port.baud = baud;
}

static speed_t speed_of(uint32_t baud)
{
	static const struct {
		uint32_t baud;
		speed_t speed;
	} known[] = {{9600, B9600}, {19200, B19200}, {38400, B38400}, {57600, B57600}, {115200, B115200}, {230400, B230400}};
	size_t i;

	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].baud == baud)
			return known[i].speed;
	return B0;
}

static int configure(int fd, uint32_t baud)
{
	struct termios mode;
	speed_t speed = speed_of(baud);

	if (tcgetattr(fd, &mode) < 0)
		return -1;
	cfmakeraw(&mode);
	mode.c_cflag |= CLOCAL | CREAD;
	mode.c_cc[VMIN] = 1;
	mode.c_cc[VTIME] = 0;
	if (baud != 0 && speed == B0) {
		errno = EINVAL;
		return -1;
	}
	if (baud != 0 && (cfsetispeed(&mode, speed) < 0 || cfsetospeed(&mode, speed) < 0))
		return -1;
	return tcsetattr(fd, TCSANOW, &mode);
}

int gosig_posix_open(gosig_posix *p, const char *path, uint32_t baud)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return -1;
	if (configure(fd, baud) < 0) {
		(void)close(fd);
		return -1;
	}
	gosig_posix_use(p, fd, baud);
	return 0;
}

int gosig_posix_wait(gosig_posix *p, int time)
{
	struct pollfd ask;

	ask.fd = p->fd;
	ask.events = POLLIN;
	ask.revents = 0;
	if (p->gone || (poll(&ask, 1, time) < 0 && errno != EINTR))
		return -1;
	return 0;
}
