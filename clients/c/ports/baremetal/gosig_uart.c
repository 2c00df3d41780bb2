/* gosig_uart.c: what both kinds of UART have in common. See gosig_uart.h. */
#include "gosig_uart_device.h"

gosig_ring gosig_uart_received, gosig_uart_sending;

static volatile uint32_t ticks;
static uint32_t baud_rate;

/* With interrupts off, since the interrupt does the same. */
static void serve(void)
{
	uint32_t mask = gosig_uart_mask();

	gosig_uart_interrupt();
	gosig_uart_unmask(mask);
}

static size_t write_bytes(void *context, const uint8_t *bytes, size_t size)
{
	size_t n = 0;

	(void)context;
	while (n < size && !gosig_ring_full(&gosig_uart_sending))
		gosig_ring_put(&gosig_uart_sending, bytes[n++]);
	serve(); /* the first byte, after which interrupts fetch the rest */
	return n;
}

static size_t read_bytes(void *context, uint8_t *bytes, size_t size)
{
	size_t n = 0;

	(void)context;
	serve(); /* what came while the ring was full */
	while (n < size && !gosig_ring_empty(&gosig_uart_received))
		bytes[n++] = gosig_ring_get(&gosig_uart_received);
	return n;
}

static uint32_t milliseconds(void *context)
{
	(void)context;
	return ticks;
}

void gosig_uart_tick(void) { ticks = ticks + 1; }

bool gosig_uart_idle(void) { return gosig_ring_empty(&gosig_uart_received) && gosig_ring_empty(&gosig_uart_sending); }

void gosig_uart_port(gosig_port *port, uint32_t (*nonce)(void *context))
{
	port->write = write_bytes;
	port->read = read_bytes;
	port->milliseconds = milliseconds;
	port->nonce = nonce;
	port->context = NULL;
	port->baud = baud_rate;
}

void gosig_uart_init(uint32_t registers, uint32_t clock, uint32_t baud)
{
	baud_rate = baud;
	gosig_uart_setup(registers, clock, baud);
}
