/* lm3s6965evb.c: TI's Stellaris LM3S6965 evaluation board: PL011, a LED at port F. */
#include "board.h"
#include "gosig_uart.h"

#define CLOCK 12500000u
#define UART0 0x4000c000u
#define UART0_INTERRUPT 5
#define RCGC1 (*(volatile uint32_t *)0x400fe104) /* clocks of peripherals */
#define RCGC2 (*(volatile uint32_t *)0x400fe108)
#define GPIOA_AFSEL (*(volatile uint32_t *)0x40004420)
#define GPIOA_DEN (*(volatile uint32_t *)0x4000451c)
#define GPIOF_DATA0 (*(volatile uint32_t *)0x40025004) /* of pin 0 alone */
#define GPIOF_DIR (*(volatile uint32_t *)0x40025400)
#define GPIOF_DEN (*(volatile uint32_t *)0x4002551c)

void board_init(void)
{
	RCGC1 |= 1u;               /* UART0 */
	RCGC2 |= 1u << 0 | 1u << 5; /* ports A and F */
	(void)RCGC2;               /* they need a moment */
	GPIOA_AFSEL |= 3u;         /* pins 0 and 1 are the UART's */
	GPIOA_DEN |= 3u;
	GPIOF_DIR |= 1u;
	GPIOF_DEN |= 1u;
	gosig_uart_init(UART0, CLOCK, 115200);
	board_interrupt_enable(UART0_INTERRUPT);
	board_tick_begin(CLOCK);
}

void board_lamp(bool on) { GPIOF_DATA0 = on ? 1 : 0; }
