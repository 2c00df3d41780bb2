/* gosig_pl011.c: the ARM PrimeCell UART (PL011), as in the Stellaris and many others. */
#include "gosig_uart_device.h"

enum {
	DR = 0x00,
	FR = 0x18,
	IBRD = 0x24,
	FBRD = 0x28,
	LCRH = 0x2c,
	CR = 0x30,
	IMSC = 0x38,
	ICR = 0x44,
	FR_RXFE = 1 << 4, /* nothing has come */
	FR_TXFF = 1 << 5, /* no more can be sent */
	LCRH_8_BITS_FIFO = 3 << 5 | 1 << 4,
	CR_ENABLE = 1 << 0 | 1 << 8 | 1 << 9, /* the UART, sending, receiving */
	INT_RX = 1 << 4,
	INT_TX = 1 << 5,
	INT_RX_TIMEOUT = 1 << 6,
	INT_ALL = 0x7ff
};

static uint32_t base;

void gosig_uart_setup(uint32_t registers, uint32_t clock, uint32_t baud)
{
	uint32_t divisor = (clock * 4 + baud / 2) / baud; /* in 64ths: clock / (16 * baud) */

	base = registers;
	*gosig_register(base, CR) = 0;
	*gosig_register(base, IBRD) = divisor / 64;
	*gosig_register(base, FBRD) = divisor % 64;
	*gosig_register(base, LCRH) = LCRH_8_BITS_FIFO;
	*gosig_register(base, ICR) = INT_ALL;
	*gosig_register(base, CR) = CR_ENABLE;
	*gosig_register(base, IMSC) = INT_RX | INT_RX_TIMEOUT;
}

/* What is damaged on the way is dropped by the link's CRC; so errors need no care but
 * that the byte is taken. While the ring is full nothing is taken, and the interrupt
 * is off so that it does not come again and again. */
void gosig_uart_interrupt(void)
{
	uint32_t mask = 0;

	while (!gosig_ring_full(&gosig_uart_received) && (*gosig_register(base, FR) & FR_RXFE) == 0)
		gosig_ring_put(&gosig_uart_received, (uint8_t)*gosig_register(base, DR));
	while (!gosig_ring_empty(&gosig_uart_sending) && (*gosig_register(base, FR) & FR_TXFF) == 0)
		*gosig_register(base, DR) = gosig_ring_get(&gosig_uart_sending);
	*gosig_register(base, ICR) = INT_TX;
	if (!gosig_ring_full(&gosig_uart_received))
		mask |= INT_RX | INT_RX_TIMEOUT;
	if (!gosig_ring_empty(&gosig_uart_sending))
		mask |= INT_TX;
	*gosig_register(base, IMSC) = mask;
}
