/* board.c: a board made of this computer, with a vendor's library that is the template's
 * (ports/vendor) and a serial port of the system, $PORT, in place of the UART. The
 * interrupts come when the program looks at the clock. */
#define _DEFAULT_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Of the template. */
void gosig_vendor_received(uint8_t byte);
bool gosig_vendor_next(uint8_t *byte);

/* What it asks for, and the application. */
void board_start_sending(void);
uint32_t board_milliseconds(void);
uint32_t board_random(void);
uint32_t board_serial_number(void);
uint32_t board_starts(void);
bool a_second_has_passed(void);
float temperature(void);

static int uart = -1;
static bool sending, waits; /* the transmit interrupt is on; and has a byte for which there was no room */
static uint8_t byte;

static void open_uart(void)
{
	const char *path = getenv("PORT");
	struct termios mode;

	if (path == NULL || (uart = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK)) < 0 || tcgetattr(uart, &mode) < 0)
		exit(3);
	cfmakeraw(&mode);
	if (tcsetattr(uart, TCSANOW, &mode) < 0)
		exit(3);
}

static void interrupt_received(void)
{
	uint8_t b;

	while (read(uart, &b, 1) == 1)
		gosig_vendor_received(b);
	if (errno != EAGAIN)
		exit(0); /* the test has ended */
}

static void interrupt_sent(void)
{
	while (sending) {
		if (!waits && !gosig_vendor_next(&byte)) {
			sending = false;
			return;
		}
		waits = write(uart, &byte, 1) != 1;
		if (waits)
			return;
	}
}

void board_start_sending(void) { sending = true; }

uint32_t board_milliseconds(void)
{
	struct timespec now;
	struct pollfd ask = {0, POLLIN, 0};

	if (uart < 0)
		open_uart();
	ask.fd = uart;
	(void)poll(&ask, 1, 1);
	interrupt_received();
	interrupt_sent();
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}

uint32_t board_random(void) { return (uint32_t)random() ^ (uint32_t)getpid() << 16 ^ (uint32_t)time(NULL); }

uint32_t board_serial_number(void) { return 4711; }

uint32_t board_starts(void) { return (uint32_t)getpid(); }

bool a_second_has_passed(void)
{
	static unsigned turns;

	return ++turns % 50 == 0; /* a short second */
}

float temperature(void) { return 21.5f; }
