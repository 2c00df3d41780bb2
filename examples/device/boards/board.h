/* board.h: what main.c needs of a board. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stdint.h>

/* board_init sets up the clock's tick, the lamp and the UART. */
void board_init(void);
void board_lamp(bool on);

/* board_tick_begin has SysTick interrupt each millisecond. */
void board_tick_begin(uint32_t clock);
/* board_interrupt_enable enables one interrupt of the board's. */
void board_interrupt_enable(unsigned number);

#endif
