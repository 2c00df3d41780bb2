/* gosig_uart.h: the client on a Cortex-M without an operating system. Bytes go by
 * interrupt through two rings; gosig_pl011.c and gosig_cmsdk.c drive the two kinds of
 * UART. The board's file says where things are:
 *
 *	gosig_uart_init(0x4000c000, 12000000, 115200);  registers, clock, baud
 *	NVIC: gosig_uart_interrupt for the UART's interrupts
 *	SysTick: gosig_uart_tick each millisecond
 */
#ifndef GOSIG_UART_H
#define GOSIG_UART_H

#include "gosig.h"

/* gosig_uart_init sets the UART up: 8 data bits, no parity, one stop bit. */
void gosig_uart_init(uint32_t registers, uint32_t clock, uint32_t baud);

/* gosig_uart_interrupt takes what has come, and gives what waits. */
void gosig_uart_interrupt(void);

/* gosig_uart_tick is called once a millisecond. */
void gosig_uart_tick(void);

/* gosig_uart_port fills in all of a port but where its numbers come from. */
void gosig_uart_port(gosig_port *port, uint32_t (*nonce)(void *context));

/* gosig_uart_idle reports whether neither ring holds anything: the board may sleep
 * until the next interrupt. Call it with interrupts off. */
bool gosig_uart_idle(void);

#endif
