/* gosig_cmsdk.c: the UART of ARM's Cortex-M System Design Kit, as on the MPS2 boards.
 * It has no FIFO: one byte each way. */
#include "gosig_uart_device.h"

enum {
	DATA = 0x00,
	STATE = 0x04,
	CTRL = 0x08,
	INTCLEAR = 0x0c,
	BAUDDIV = 0x10,
	STATE_TX_FULL = 1 << 0,
	STATE_RX_FULL = 1 << 1,
	STATE_OVERRUNS = 1 << 2 | 1 << 3,
	CTRL_TX = 1 << 0,
	CTRL_RX = 1 << 1,
	CTRL_TX_INTERRUPT = 1 << 2,
	CTRL_RX_INTERRUPT = 1 << 3,
	INT_TX = 1 << 0,
	INT_RX = 1 << 1
};

static uint32_t base;

void gosig_uart_setup(uint32_t registers, uint32_t clock, uint32_t baud)
{
	base = registers;
	*gosig_register(base, CTRL) = 0;
	*gosig_register(base, BAUDDIV) = clock / baud;
	*gosig_register(base, CTRL) = CTRL_TX | CTRL_RX | CTRL_RX_INTERRUPT;
}

/* The receive interrupt is cleared before the byte is taken: one that comes after
 * raises it again. While the ring is full it is off, and the byte stays. */
void gosig_uart_interrupt(void)
{
	uint32_t control = CTRL_TX | CTRL_RX;

	*gosig_register(base, INTCLEAR) = INT_TX | INT_RX;
	*gosig_register(base, STATE) = STATE_OVERRUNS; /* the link sends again what was lost */
	while (!gosig_ring_full(&gosig_uart_received) && (*gosig_register(base, STATE) & STATE_RX_FULL) != 0)
		gosig_ring_put(&gosig_uart_received, (uint8_t)*gosig_register(base, DATA));
	while (!gosig_ring_empty(&gosig_uart_sending) && (*gosig_register(base, STATE) & STATE_TX_FULL) == 0)
		*gosig_register(base, DATA) = gosig_ring_get(&gosig_uart_sending);
	if (!gosig_ring_full(&gosig_uart_received))
		control |= CTRL_RX_INTERRUPT;
	if (!gosig_ring_empty(&gosig_uart_sending))
		control |= CTRL_TX_INTERRUPT;
	*gosig_register(base, CTRL) = control;
}
