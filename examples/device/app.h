/* app.h: what the device does, on whatever board. */
#ifndef APP_H
#define APP_H

#include "gosig.h"

/* What a board gives beside its serial line. */
typedef struct app_board {
	const char *name;          /* of the sender */
	void (*lamp)(bool on);     /* switches something that can be seen */
	float (*temperature)(void); /* in degrees */
} app_board;

void app_init(const gosig_port *port, const app_board *board);

/* app_poll does what there is to do; true: there is more, at once. */
bool app_poll(void);

#endif
