/* cortexm.c: from reset to main, and what all Cortex-M have in common. */
#include <stddef.h>

#include "board.h"
#include "gosig_uart.h"

/* From the linker script. */
extern uint32_t _data_from[], _data[], _data_end[], _bss[], _bss_end[], _stack[];

int main(void);
void reset(void);
void SysTick_Handler(void);

/* A place for the debugger to find us in. */
static void stuck(void)
{
	for (;;)
		__asm__ volatile("");
}

void reset(void)
{
	const uint32_t *from = _data_from;
	uint32_t *to;

	for (to = _data; to < _data_end; to++)
		*to = *from++;
	for (to = _bss; to < _bss_end; to++)
		*to = 0;
	board_init();
	(void)main();
	stuck();
}

void SysTick_Handler(void) { gosig_uart_tick(); }

/* Of the board's interrupts the first eight, all of which are the UART's if they are
 * enabled at all. */
typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) static const handler vectors[] = {
    (handler)(uintptr_t)_stack,
    reset,
    stuck, /* NMI */
    stuck, /* hard fault */
    stuck, stuck, stuck, NULL, NULL, NULL, NULL,
    stuck, /* SVCall */
    stuck, NULL,
    stuck, /* PendSV */
    SysTick_Handler,
    gosig_uart_interrupt, gosig_uart_interrupt, gosig_uart_interrupt, gosig_uart_interrupt,
    gosig_uart_interrupt, gosig_uart_interrupt, gosig_uart_interrupt, gosig_uart_interrupt,
};

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xe000e010)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xe000e014)
#define SYSTICK_VALUE (*(volatile uint32_t *)0xe000e018)
#define NVIC_ENABLE ((volatile uint32_t *)0xe000e100)

void board_tick_begin(uint32_t clock)
{
	SYSTICK_RELOAD = clock / 1000 - 1;
	SYSTICK_VALUE = 0;
	SYSTICK_CONTROL = 7; /* the processor's clock, with interrupt, on */
}

void board_interrupt_enable(unsigned number) { NVIC_ENABLE[number / 32] = UINT32_C(1) << number % 32; }
