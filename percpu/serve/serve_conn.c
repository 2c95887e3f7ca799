// SPDX-License-Identifier: MIT
#include "serve_conn.h"

#include <errno.h>
#include <string.h>

#include "conf.h"
#include "format.h"
#include "os.h"
#include "os_net.h"

void conn_close(struct conn *c)
{
	own_fd_close(&c->sock);
	if (c->file.size)
		procfs_text_free(&c->file);
	c->file.size = 0;
	c->state = CONN_FREE;
}

static void send_answer(struct conn *c)
{
	while (c->left && own_fd_valid(&c->sock)) {
		long n = os_net.send(c->sock.fd, c->answer, c->left);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return;
		if (n < 0)
			break;
		c->answer += n;
		c->left -= (size_t)n;
	}
	conn_close(c);
}

static void answer(struct conn *c, const char *text, size_t len, u64 now)
{
	c->state = CONN_ANSWER;
	c->deadline = now + LANE_SERVE_TIMEOUT_MS;
	c->answer = text;
	c->left = len;
	send_answer(c);
}

/* The request has been read: its room takes the line. */
static void answer_error(struct conn *c, int err, const char *text, u64 now)
{
	answer(c, c->request, format(c->request, sizeof(c->request), "error %d %s\n", -err, text),
	       now);
}

static void do_read(struct conn *c, const char *name, u64 now)
{
	char head[PROCFS_HEAD], *at;
	size_t len;
	int err = procfs_render(name, &c->file);

	if (err) {
		c->file.size = 0;
		answer_error(c, err,
			     err == -ENOENT ? "no such file"
					    : "the file cannot be rendered at present",
			     now);
		return;
	}
	len = format(head, sizeof(head), "ok %zu\n", c->file.len);
	at = c->file.buf + PROCFS_HEAD - len;
	memcpy(at, head, len);
	answer(c, at, len + c->file.len, now);
}

static void do_write(struct conn *c, const char *text, size_t len, u64 now)
{
	int err = conf_write(text, len);

	if (err == -EINVAL)
		answer_error(c, err, "bad key or value, nothing is changed", now);
	else if (err)
		answer_error(c, err, "a rate cannot be set, all else is", now);
	else
		answer(c, "ok 0\n", 5, now);
}

/* Digits only, not above what may be written; -EINVAL, -EMSGSIZE. */
static int parse_length(const char *s)
{
	int len = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		len = min(len * 10 + (*s - '0'), LANE_SERVE_WRITE_MAX + 1);
	}
	return len > LANE_SERVE_WRITE_MAX ? -EMSGSIZE : len;
}

/* "NAME LENGTH": ends the name, and returns the length or -errno. */
static int parse_write(char *name)
{
	char *blank = strchr(name, ' ');
	int len = blank ? parse_length(blank + 1) : -EINVAL;

	if (len < 0)
		return len;
	*blank = '\0';
	if (!procfs_exists(name))
		return -ENOENT;
	return strcmp(name, "conf") ? -EACCES : len;
}

static const char *error_text(int err)
{
	switch (err) {
	case -ENOENT:
		return "no such file";
	case -EACCES:
		return "the file is not for writing";
	case -EMSGSIZE:
		return "too long";
	default:
		return "malformed request";
	}
}

/*
 * A whole line of @len bytes, its end included, has come: do what it asks for.
 * Looked at anew each time while the bytes of a write arrive, so on a copy.
 */
static void run_request(struct conn *c, size_t len, bool eof, u64 now)
{
	char line[LANE_SERVE_LINE_MAX];
	int length = -EINVAL;

	memcpy(line, c->request, len - 1);
	line[len - 1] = '\0';
	if (strlen(line) == len - 1 && !strncmp(line, "read ", 5) && line[5]) {
		do_read(c, line + 5, now);
		return;
	}
	if (strlen(line) == len - 1 && !strncmp(line, "write ", 6))
		length = parse_write(line + 6);
	if (length >= 0 && c->have >= len + (size_t)length)
		do_write(c, c->request + len, (size_t)length, now);
	else if (length < 0 || eof)
		answer_error(c, length < 0 ? length : -EINVAL, error_text(length), now);
}

static void try_request(struct conn *c, bool eof, u64 now)
{
	size_t room = min(c->have, (size_t)LANE_SERVE_LINE_MAX);
	const char *end = memchr(c->request, '\n', room);

	if (end)
		run_request(c, (size_t)(end - c->request) + 1, eof, now);
	else if (room == LANE_SERVE_LINE_MAX)
		answer_error(c, -EMSGSIZE, "too long", now);
	else if (eof)
		answer_error(c, -EINVAL, "malformed request", now);
}

static void receive(struct conn *c, u64 now)
{
	while (c->state == CONN_REQUEST) {
		/* Never full here: what fills it is a whole request, or no request at all. */
		long n = !own_fd_valid(&c->sock) ? 0
						 : os_net.receive(c->sock.fd, c->request + c->have,
								  sizeof(c->request) - c->have);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return;
		if (n < 0) {
			conn_close(c);
			return;
		}
		c->have += (size_t)n;
		try_request(c, n == 0, now);
	}
}

void conn_open(struct conn *c, int fd, u64 now)
{
	if (own_fd_take(&c->sock, fd))
		return;
	c->state = CONN_REQUEST;
	c->deadline = now + LANE_SERVE_TIMEOUT_MS;
	c->have = 0;
	receive(c, now);
}

void conn_run(struct conn *c, u64 now)
{
	if (c->state == CONN_REQUEST)
		receive(c, now);
	else if (c->state == CONN_ANSWER)
		send_answer(c);
}

void conn_expire(struct conn *c)
{
	if (c->state == CONN_REQUEST)
		answer_error(c, -EAGAIN, "the request did not arrive in time", 0);
	if (c->state != CONN_FREE)
		conn_close(c);
}
