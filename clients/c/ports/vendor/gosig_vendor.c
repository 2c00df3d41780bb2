/* gosig_vendor.c: a template for a board with a vendor's library (HAL). Copy it, and
 * write the functions board_... with the library's calls, as the example at its end does:
 * board_start_sending, board_milliseconds, and board_random or, with
 * -DBOARD_HAS_NO_RANDOM, board_serial_number and board_starts.
 *
 *	gosig_vendor_port(&port, 115200);
 *	gosig_init(&g, &port, "thermometer", "cbor");
 *	for (;;)
 *		gosig_poll(&g);
 */
#include "../baremetal/gosig_ring.h"
#include "gosig.h"

/* ---- to be written for the board --------------------------------------------------- */

/* Called by you, from the UART's receive interrupt, with each byte that has come. */
void gosig_vendor_received(uint8_t byte);

/* Called by you, from the UART's transmit interrupt: takes the next byte to send;
 * false: there is none, turn the interrupt off. */
bool gosig_vendor_next(uint8_t *byte);

/* Turns the transmit interrupt on, which then calls gosig_vendor_next. */
void board_start_sending(void);
/* Milliseconds since some time, such as HAL_GetTick(). */
uint32_t board_milliseconds(void);
/* A number from the random generator. */
uint32_t board_random(void);
/* Without a generator: the chip's unique number, any of its words... */
uint32_t board_serial_number(void);
/* ... and a counter that goes up at each start and survives it: in flash, in the
 * backup registers of a clock, in an EEPROM. */
uint32_t board_starts(void);

/* ---- stays as it is ------------------------------------------------------------------ */

static gosig_ring received, sending;

/* A byte for which there is no room is lost, and with it a frame: the link sends that
 * again. Make GOSIG_RING_SIZE larger if the program is away for long. */
void gosig_vendor_received(uint8_t byte)
{
	if (!gosig_ring_full(&received))
		gosig_ring_put(&received, byte);
}

bool gosig_vendor_next(uint8_t *byte)
{
	if (gosig_ring_empty(&sending))
		return false;
	*byte = gosig_ring_get(&sending);
	return true;
}

static size_t write_bytes(void *context, const uint8_t *bytes, size_t size)
{
	size_t n = 0;

	(void)context;
	while (n < size && !gosig_ring_full(&sending))
		gosig_ring_put(&sending, bytes[n++]);
	if (!gosig_ring_empty(&sending))
		board_start_sending();
	return n;
}

static size_t read_bytes(void *context, uint8_t *bytes, size_t size)
{
	size_t n = 0;

	(void)context;
	while (n < size && !gosig_ring_empty(&received))
		bytes[n++] = gosig_ring_get(&received);
	return n;
}

static uint32_t milliseconds(void *context)
{
	(void)context;
	return board_milliseconds();
}

/* Mixes what is this chip's, what is this start's, and how often it was asked. */
static uint32_t nonce(void *context)
{
#ifdef BOARD_HAS_NO_RANDOM
	static uint32_t asked;
	uint32_t x = board_serial_number() * 2654435761u ^ board_starts() * 2246822519u ^ ++asked * 3266489917u;

	(void)context;
	x = (x ^ x >> 15) * 2246822519u;
	x = (x ^ x >> 13) * 3266489917u;
	return x ^ x >> 16;
#else
	(void)context;
	return board_random();
#endif
}

void gosig_vendor_port(gosig_port *port, uint32_t baud);

void gosig_vendor_port(gosig_port *port, uint32_t baud)
{
	port->write = write_bytes;
	port->read = read_bytes;
	port->milliseconds = milliseconds;
	port->nonce = nonce;
	port->context = NULL;
	port->baud = baud;
}

/* ---- yours: an example with STM32's HAL, left out of the build ------------------------ */
#if 0
#include "stm32f1xx_hal.h"

static UART_HandleTypeDef *uart = &huart1; /* from CubeMX; its global interrupt is on */
static uint8_t came, goes;

void HAL_UART_RxCpltCallback(UART_HandleTypeDef *h)
{
	gosig_vendor_received(came);
	HAL_UART_Receive_IT(h, &came, 1); /* and once after MX_USART1_UART_Init */
}

void HAL_UART_ErrorCallback(UART_HandleTypeDef *h) { HAL_UART_Receive_IT(h, &came, 1); }

void HAL_UART_TxCpltCallback(UART_HandleTypeDef *h)
{
	if (gosig_vendor_next(&goes))
		HAL_UART_Transmit_IT(h, &goes, 1);
}

/* With interrupts off: HAL_UART_Receive_IT does nothing when it interrupts the other. */
void board_start_sending(void)
{
	__disable_irq();
	if (uart->gState == HAL_UART_STATE_READY && gosig_vendor_next(&goes))
		HAL_UART_Transmit_IT(uart, &goes, 1);
	__enable_irq();
}

uint32_t board_milliseconds(void) { return HAL_GetTick(); }
uint32_t board_serial_number(void) { return HAL_GetUIDw0() ^ HAL_GetUIDw1() ^ HAL_GetUIDw2(); }
/* This one has no random generator (BOARD_HAS_NO_RANDOM), so that board_starts is left:
 * the next word of a page of flash that is not written yet, say. */
#endif
