// SPDX-License-Identifier: MIT
/*
 * A connection is reading, then writing, then lingering: closed for writing and
 * read to its end, because closing a socket with unread bytes would take the
 * answer back. Whoever misses the deadline of a state is closed.
 */
#include "serve_http.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "process.h"

#define LINGER_SECONDS 1
#define STARVED_MS 200

enum state {
	UNUSED,
	READING,
	WRITING,
	LINGERING,
};

struct connection {
	enum state state;
	int fd;
	double deadline; /* of the state, by now_seconds() */
	char in[HTTP_HEAD_MAX];
	size_t in_len;
	char *out;
	size_t out_len, sent;
};

static struct connection connections[SERVE_CONNECTIONS];
static bool starved; /* no descriptor for who waits at the listener: not before the next round */

static void drop(struct connection *c)
{
	close(c->fd);
	free(c->out);
	c->out = NULL;
	c->state = UNUSED;
}

static void accept_all(int listener)
{
	for (int i = 0; i < SERVE_CONNECTIONS; i++) {
		struct connection *c = &connections[i];
		int fd;

		if (c->state != UNUSED)
			continue;
		fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			starved = errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
				  errno == ENOBUFS;
			return;
		}
		c->state = READING;
		c->fd = fd;
		c->deadline = now_seconds() + SERVE_REQUEST_SECONDS;
		c->in_len = 0;
	}
}

static void linger(struct connection *c)
{
	shutdown(c->fd, SHUT_WR);
	c->state = LINGERING;
	c->deadline = now_seconds() + LINGER_SECONDS;
}

static void write_some(struct connection *c)
{
	while (c->sent < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->sent, c->out_len - c->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			drop(c);
			return;
		}
		c->sent += (size_t)n;
	}
	linger(c);
}

static const char *content_type(int status, bool openmetrics)
{
	if (status != HTTP_OK)
		return "text/plain; charset=utf-8";
	return openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
			   : "text/plain; version=0.0.4; charset=utf-8";
}

static void answer(struct connection *c, int status, bool openmetrics, char *body, size_t len)
{
	FILE *out = open_memstream(&c->out, &c->out_len);

	if (!out) {
		drop(c);
		return;
	}
	fprintf(out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n", status, http_reason(status),
		content_type(status, openmetrics));
	if (status == HTTP_NOT_ALLOWED)
		fputs("Allow: GET\r\n", out);
	if (status != HTTP_OK) {
		fprintf(out, "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
			strlen(http_reason(status)) + 1, http_reason(status));
	} else {
		fprintf(out,
			"Content-Length: %zu\r\nVary: Accept\r\nCache-Control: no-store\r\n"
			"Connection: close\r\n\r\n",
			len);
		fwrite(body, 1, len, out);
	}
	if (fclose(out)) {
		drop(c);
		return;
	}
	c->state = WRITING;
	c->sent = 0;
	c->deadline = now_seconds() + SERVE_ANSWER_SECONDS;
	write_some(c);
}

static void read_some(struct connection *c, serve_body body, unsigned long round)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);
	struct http_request req;
	char *text = NULL;
	size_t len = 0;
	int status;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->in_len += (size_t)n;
	status = http_parse(c->in, c->in_len, &req);
	if (status == HTTP_MORE)
		return;
	if (status == HTTP_OK) {
		text = body(req.openmetrics, round, &len);
		if (!text)
			status = 503;
	}
	answer(c, status, req.openmetrics, text, len);
	free(text);
}

static void read_away(struct connection *c)
{
	char buf[4096];
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		drop(c);
}

static void advance(struct connection *c, short events, serve_body body, unsigned long round)
{
	if (events && c->state == READING)
		read_some(c, body, round);
	else if (events && c->state == WRITING)
		write_some(c);
	else if (events && c->state == LINGERING)
		read_away(c);
	if (c->state != UNUSED && now_seconds() >= c->deadline)
		drop(c);
}

/* Milliseconds until there is something to do, -1 where there is nothing. */
static int next_deadline(void)
{
	double left = starved ? STARVED_MS / 1000.0 : -1;

	for (int i = 0; i < SERVE_CONNECTIONS; i++) {
		double mine = connections[i].deadline - now_seconds();

		if (connections[i].state == UNUSED)
			continue;
		mine = mine < 0 ? 0 : mine;
		left = left < 0 || mine < left ? mine : left;
	}
	return left < 0 ? -1 : (int)(left * 1000) + 1;
}

/*
 * One round: whoever has something to do or is late. 1 to go on, 0 when @signals
 * has one, or -errno.
 */
static int serve_round(int listener, int signals, serve_body body, unsigned long round)
{
	struct pollfd p[SERVE_CONNECTIONS + 2] = {0};
	struct pollfd *accepts = &p[SERVE_CONNECTIONS], *ends = accepts + 1;
	bool room = false;

	for (int i = 0; i < SERVE_CONNECTIONS; i++) {
		struct connection *c = &connections[i];

		p[i].fd = c->state == UNUSED ? -1 : c->fd;
		p[i].events = c->state == WRITING ? POLLOUT : POLLIN;
		room = room || c->state == UNUSED;
	}
	*accepts = (struct pollfd){.fd = room && !starved ? listener : -1, .events = POLLIN};
	*ends = (struct pollfd){.fd = signals, .events = POLLIN};
	if (poll(p, SERVE_CONNECTIONS + 2, next_deadline()) < 0)
		return errno == EINTR ? 1 : -errno;
	starved = false;
	if (ends->revents)
		return 0;
	for (int i = 0; i < SERVE_CONNECTIONS; i++)
		if (connections[i].state != UNUSED)
			advance(&connections[i], p[i].revents, body, round);
	if (accepts->revents)
		accept_all(listener);
	return 1;
}

int serve_http(int listener, serve_body body)
{
	int signals, more = 1;
	sigset_t set;

	/* As a descriptor among the others: clients that are always ready cannot hold it up. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return -errno;
	for (unsigned long round = 1; more > 0; round++)
		more = serve_round(listener, signals, body, round);
	for (int i = 0; i < SERVE_CONNECTIONS; i++)
		if (connections[i].state != UNUSED)
			drop(&connections[i]);
	close(signals);
	return more;
}
