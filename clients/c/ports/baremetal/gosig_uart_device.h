/* gosig_uart_device.h: between gosig_uart.c and the file of a kind of UART. */
#ifndef GOSIG_UART_DEVICE_H
#define GOSIG_UART_DEVICE_H

#include "gosig_ring.h"
#include "gosig_uart.h"

extern gosig_ring gosig_uart_received, gosig_uart_sending;

void gosig_uart_setup(uint32_t registers, uint32_t clock, uint32_t baud);

static inline volatile uint32_t *gosig_register(uint32_t base, uint32_t offset) { return (volatile uint32_t *)(uintptr_t)(base + offset); }

/* Turns interrupts off, and on again if they were on. */
static inline uint32_t gosig_uart_mask(void)
{
	uint32_t mask;

	__asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(mask)::"memory");
	return mask;
}

static inline void gosig_uart_unmask(uint32_t mask) { __asm__ volatile("msr primask, %0" ::"r"(mask) : "memory"); }

#endif
