/* main.c: the device as a program of this computer.
 *
 *	thermometer PORT [NAME]
 */
#include <stdio.h>
#include <string.h>

#include "../app.h"
#include "gosig_posix.h"

static void lamp(bool on)
{
	printf("lamp %s\n", on ? "on" : "off");
	(void)fflush(stdout);
}

static float temperature(void) { return 21.5f; }

int main(int argc, char **argv)
{
	static gosig_posix line;
	app_board board = {"thermometer", lamp, temperature};

	if (argc < 2 || argc > 3) {
		(void)fprintf(stderr, "usage: thermometer PORT [NAME]\n");
		return 2;
	}
	if (argc == 3)
		board.name = argv[2];
	if (gosig_posix_open(&line, argv[1], 115200) < 0) {
		perror(argv[1]);
		return 1;
	}
	app_init(&line.port, &board);
	for (;;)
		if (!app_poll() && gosig_posix_wait(&line, 10) < 0) {
			(void)fprintf(stderr, "%s is gone\n", argv[1]);
			return 1;
		}
}
