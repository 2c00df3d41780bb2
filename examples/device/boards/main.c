/* main.c: the device on a board without an operating system. */
#include "../app.h"
#include "board.h"
#include "gosig_uart.h"

/* What a reset leaves alone: these boards have no random generator. A board that is
 * switched on finds noise in seed; an emulated one zeros, so that the emulator must
 * put something there (see the Makefile). A device of yours has better: a generator,
 * or a counter in flash. */
__attribute__((section(".noinit"))) static struct {
	volatile uint32_t seed, starts;
} kept;

static uint32_t nonce(void *context)
{
	static uint32_t asked;
	uint32_t x;

	(void)context;
	x = kept.seed * 2654435761u ^ kept.starts * 2246822519u ^ ++asked * 3266489917u;
	x = (x ^ x >> 15) * 2246822519u;
	x = (x ^ x >> 13) * 3266489917u;
	return x ^ x >> 16;
}

/* There is no sensor: the temperature goes up and down, by a tenth each second. */
static gosig_port port;

static float temperature(void)
{
	uint32_t second = port.milliseconds(port.context) / 1000 % 80;

	return 20.0f + (float)(second < 40 ? second : 80 - second) / 10.0f;
}

static const app_board board = {"thermometer", board_lamp, temperature};

/* Sleeps until the next interrupt, a millisecond at most. */
static void rest(void)
{
	__asm__ volatile("cpsid i");
	if (gosig_uart_idle())
		__asm__ volatile("wfi");
	__asm__ volatile("cpsie i");
}

int main(void)
{
	kept.starts = kept.starts + 1;
	gosig_uart_port(&port, nonce);
	app_init(&port, &board);
	for (;;)
		if (!app_poll())
			rest();
}
