/* device.c: a device that does what it is told on standard input, a line each, and
 * says on standard output what it hears. The tests in Go drive it.
 *
 *	device PORT CODEC [TOKEN]
 *
 *	connect NAME EVENT,... METHOD,...   "-" for none; "any" answers all methods
 *	disconnect NAME
 *	emit NAME INDEX HEX
 *	subscribe SENDER EVENT              unsubscribe SENDER EVENT
 *	watch NAME
 *	request NAME METHOD TIMEOUT HEX     cancel
 *	answer HEX                          what was asked of the method "later"
 *	stop MILLISECONDS
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../ports/posix/gosig_posix.h"

#define MOST 16

static gosig g;
static gosig_ticket ticket;

static char *keep(const char *s)
{
	char *p = malloc(strlen(s) + 1);

	if (p == NULL)
		abort();
	return strcpy(p, s);
}

static void print_hex(const uint8_t *p, size_t size)
{
	if (size == 0)
		printf("-");
	while (size-- > 0)
		printf("%02x", *p++);
}

static size_t parse_hex(const char *s, uint8_t *to, size_t most)
{
	size_t n = 0;
	unsigned b;

	for (; n < most && sscanf(s, "%2x", &b) == 1; s += 2)
		to[n++] = (uint8_t)b;
	return n;
}

/* ---- what happens ------------------------------------------------------------------ */

static void on_change(gosig *c, gosig_state state, uint16_t code, const char *text)
{
	(void)c;
	printf("state %d %d %s\n", state, code, text);
}

static void on_signal(gosig *c, const gosig_signal *s, void *context)
{
	static const char *const kinds[] = {"event", "lost", "connect", "disconnect", "refused"};

	(void)c;
	(void)context;
	printf("%s %s %s", kinds[s->kind], s->sender, s->event);
	switch (s->kind) {
	case GOSIG_EVENT:
		printf(" %llu ", (unsigned long long)s->number);
		print_hex(s->data, s->size);
		break;
	case GOSIG_LOST:
		printf(" %llu %llu %u", (unsigned long long)s->number, (unsigned long long)s->count, s->reason);
		break;
	case GOSIG_CONNECT:
		break;
	case GOSIG_DISCONNECT:
	case GOSIG_REFUSED:
		printf(" %u %s", s->code, s->text);
		break;
	}
	printf("\n");
}

static void on_asked(gosig *c, const gosig_asked *a, void *context)
{
	(void)context;
	printf("asked %s %llu ", a->method, (unsigned long long)a->timeout);
	print_hex(a->data, a->size);
	printf("\n");
	if (strcmp(a->method, "later") == 0)
		ticket = a->ticket;
	else if (strcmp(a->method, "fail") == 0)
		(void)gosig_fail(c, a->ticket, -7, "the oven is locked");
	else
		(void)gosig_answer(c, a->ticket, a->data, a->size);
}

static void on_ended(gosig *c, gosig_sender *s, uint16_t code, const char *text)
{
	(void)c;
	printf("ended %s %u %s\n", s->name, code, text);
}

static void on_peer(gosig *c, gosig_peer *p, void *context)
{
	(void)c;
	(void)context;
	printf("peer %s %d\n", p->name, p->here);
}

static gosig_call the_call;
static bool calling;

static void on_reply(gosig *c, const gosig_reply *r, void *context)
{
	(void)c;
	(void)context;
	calling = false;
	printf("reply %u %lld ", r->code, (long long)r->app);
	print_hex(r->data, r->size);
	printf(" %s\n", r->text);
}

/* ---- what it is told ------------------------------------------------------------------ */

static gosig_sender senders[MOST];
static gosig_subscription subscriptions[MOST];
static gosig_peer peers[MOST];
static size_t subscription_count, peer_count;

static gosig_sender *sender_of(const char *name)
{
	size_t i = 0;

	while (i + 1 < MOST && senders[i].name != NULL && strcmp(senders[i].name, name) != 0)
		i++;
	return &senders[i];
}

static int do_connect(const char *name, char *events, char *methods)
{
	gosig_sender *s = sender_of(name);
	gosig_method *m;
	char *word;

	if (s->name == NULL) {
		s->name = keep(name);
		s->events = calloc(MOST, sizeof *s->events);
		m = calloc(MOST, sizeof *m);
		s->methods = m;
		s->ended = on_ended;
		if (s->events == NULL || m == NULL)
			abort();
		for (word = strtok(events, ","); word != NULL && *word != '-'; word = strtok(NULL, ","))
			s->events[s->event_count++].name = keep(word);
		for (word = strtok(methods, ","); word != NULL && *word != '-'; word = strtok(NULL, ",")) {
			if (strcmp(word, "any") == 0) {
				s->any = on_asked;
				continue;
			}
			m[s->method_count].name = keep(word);
			m[s->method_count++].handle = on_asked;
		}
	}
	return gosig_connect(&g, s);
}

static int do_subscribe(const char *sender, const char *event)
{
	gosig_subscription *s = &subscriptions[subscription_count++ % MOST];

	s->sender = keep(sender);
	s->event = keep(event);
	s->handle = on_signal;
	return gosig_subscribe(&g, s);
}

static int do_unsubscribe(const char *sender, const char *event)
{
	size_t i;

	for (i = 0; i < subscription_count; i++)
		if (subscriptions[i].active && strcmp(subscriptions[i].sender, sender) == 0 && strcmp(subscriptions[i].event, event) == 0)
			return gosig_unsubscribe(&g, &subscriptions[i]);
	return -1;
}

static gosig_peer *peer_of(const char *name)
{
	size_t i;

	for (i = 0; i < peer_count; i++)
		if (strcmp(peers[i].name, name) == 0)
			return &peers[i];
	return NULL;
}

static int do_watch(const char *name)
{
	gosig_peer *p = &peers[peer_count++ % MOST];

	p->name = keep(name);
	p->changed = on_peer;
	gosig_watch(&g, p);
	return GOSIG_OK;
}

static int do_request(const char *name, const char *method, const char *timeout, const char *hex)
{
	uint8_t data[1024];
	size_t size = parse_hex(hex, data, sizeof data);
	gosig_peer *p = peer_of(name);
	int code;

	if (p == NULL || calling)
		return -1;
	the_call.done = on_reply;
	code = gosig_request(&g, p, method, data, size, (uint32_t)strtoul(timeout, NULL, 10), &the_call);
	calling = code == GOSIG_OK;
	return code;
}

static int obey(char *line)
{
	static char none[1];
	char *w[6] = {none, none, none, none, none, none}, *at = line;
	uint8_t data[1024];
	size_t n = 0;

	for (at = line; n < 6; at = NULL, n++)
		if ((w[n] = strtok(at, " \n")) == NULL)
			break;
	for (; n < 6; n++)
		w[n] = none;
	if (strcmp(w[0], "connect") == 0)
		return do_connect(w[1], w[2], w[3]);
	if (strcmp(w[0], "disconnect") == 0)
		return gosig_disconnect(&g, sender_of(w[1]), "told to");
	if (strcmp(w[0], "emit") == 0) {
		n = parse_hex(w[3], data, sizeof data);
		return gosig_emit(&g, sender_of(w[1]), strtoul(w[2], NULL, 10), data, n);
	}
	if (strcmp(w[0], "subscribe") == 0)
		return do_subscribe(w[1], w[2]);
	if (strcmp(w[0], "unsubscribe") == 0)
		return do_unsubscribe(w[1], w[2]);
	if (strcmp(w[0], "watch") == 0)
		return do_watch(w[1]);
	if (strcmp(w[0], "request") == 0)
		return do_request(w[1], w[2], w[3], w[4]);
	if (strcmp(w[0], "cancel") == 0) {
		gosig_cancel(&g, &the_call);
		return GOSIG_OK;
	}
	if (strcmp(w[0], "answer") == 0) {
		n = parse_hex(w[1], data, sizeof data);
		return gosig_answer(&g, ticket, data, n);
	}
	if (strcmp(w[0], "stop") == 0) {
		gosig_stop(&g, (uint32_t)strtoul(w[1], NULL, 10));
		return GOSIG_OK;
	}
	return -1;
}

/* Takes the lines that have come; false: there will be no more. */
static bool listen_to_input(void)
{
	static char buffer[8192];
	static size_t size;
	char *end;
	ssize_t n = read(STDIN_FILENO, buffer + size, sizeof buffer - size - 1);

	if (n <= 0)
		return false;
	size += (size_t)n;
	buffer[size] = 0;
	while ((end = strchr(buffer, '\n')) != NULL) {
		*end = 0;
		printf("= %d\n", obey(buffer));
		size -= (size_t)(end + 1 - buffer);
		memmove(buffer, end + 1, size + 1);
	}
	return true;
}

int main(int argc, char **argv)
{
	static gosig_posix line;
	struct pollfd ask[2];

	if (argc != 3 && argc != 4)
		return 2;
	if (gosig_posix_open(&line, argv[1], 115200) < 0) {
		perror(argv[1]);
		return 1;
	}
	gosig_init(&g, &line.port, "device", argv[2]);
	gosig_prove(&g, argv[3]); /* NULL at the end */
	gosig_on_change(&g, on_change);
	memset(ask, 0, sizeof ask);
	ask[0].fd = line.fd;
	ask[1].fd = STDIN_FILENO;
	ask[0].events = ask[1].events = POLLIN;
	while (!line.gone) {
		if (!gosig_poll(&g)) {
			(void)fflush(stdout);
			(void)poll(ask, 2, 5);
		}
		if (ask[1].revents != 0 && !listen_to_input())
			break;
		ask[1].revents = 0;
	}
	return 0;
}
