/* mps2-an385.c: ARM's MPS2 board with the FPGA image AN385: CMSDK UART, LEDs of the
 * FPGA. */
#include "board.h"
#include "gosig_uart.h"

#define CLOCK 25000000u
#define UART0 0x40004000u
#define UART0_RX_INTERRUPT 0
#define UART0_TX_INTERRUPT 1
#define FPGAIO_LEDS (*(volatile uint32_t *)0x40028000)

void board_init(void)
{
	gosig_uart_init(UART0, CLOCK, 115200);
	board_interrupt_enable(UART0_RX_INTERRUPT);
	board_interrupt_enable(UART0_TX_INTERRUPT);
	board_tick_begin(CLOCK);
}

void board_lamp(bool on) { FPGAIO_LEDS = on ? 1 : 0; }
