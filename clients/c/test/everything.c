/* everything.c: a program that has all of the client in it and nothing else, to see
 * how large that is. */
#include "gosig.h"

typedef void (*function)(void);

/* Read by nobody the compiler can see. */
const function volatile everything[] = {
    (function)gosig_init, (function)gosig_prove, (function)gosig_on_change, (function)gosig_poll, (function)gosig_now,
    (function)gosig_connect, (function)gosig_disconnect, (function)gosig_emit,
    (function)gosig_subscribe, (function)gosig_unsubscribe, (function)gosig_watch,
    (function)gosig_request, (function)gosig_cancel, (function)gosig_answer, (function)gosig_fail, (function)gosig_stop,
    (function)gosig_write_begin, (function)gosig_write_uint, (function)gosig_write_int, (function)gosig_write_float,
    (function)gosig_write_bool, (function)gosig_write_null, (function)gosig_write_text, (function)gosig_write_bytes,
    (function)gosig_write_array, (function)gosig_write_map,
    (function)gosig_read_begin, (function)gosig_read_type, (function)gosig_read_uint, (function)gosig_read_int,
    (function)gosig_read_float, (function)gosig_read_bool, (function)gosig_read_null, (function)gosig_read_text,
    (function)gosig_read_bytes, (function)gosig_read_array, (function)gosig_read_map, (function)gosig_read_key,
    (function)gosig_skip, (function)gosig_valid,
};

gosig the_client;

void _start(void);
void _start(void)
{
	for (;;)
		everything[the_client.state]();
}
