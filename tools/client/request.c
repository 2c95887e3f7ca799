// SPDX-License-Identifier: MIT
/*
 * request.c - one request to a process and its answer, with one deadline for all
 *
 * The process may hang, die, or be malicious where root reads: nothing waits
 * beyond the deadline, and nothing that it says is believed without a bound.
 * Whatever breaks the exchange is -EIO.
 */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lane/lane_serve.h"

#include "dir.h"

#define ANSWER_MAX (64L << 20) /* bytes of a text that are believed */
#define ERRNO_END 256	       /* the kernel keeps numbers above for itself */
#define FULL_MS 5	       /* from one try to the next where a queue is full */

struct exchange {
	pid_t pid;
	int fd;
	int64_t deadline;
	bool full;			    /* a queue has no place at present */
	int err;			    /* of a socket of this number that is of no use */
	char head[LANE_SERVE_LINE_MAX + 1]; /* what came with the first line */
	size_t have;			    /* bytes in head */
};

static int wait_for(const struct exchange *x, short events)
{
	struct pollfd p = {.fd = x->fd, .events = events};
	int64_t left;
	int n;

	do {
		left = x->deadline - now_ms();
		n = left > 0 ? poll(&p, 1, (int)left) : 0;
	} while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : -EIO;
}

/* A service that answers before it has read all closes early: its answer then tells why. */
static int send_all(const struct exchange *x, const char *p, size_t len)
{
	while (len) {
		ssize_t n = send(x->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return 0;
		} else if (errno == EAGAIN) {
			if (wait_for(x, POLLOUT))
				return -EIO;
		} else if (errno != EINTR) {
			return -EIO;
		}
	}
	return 0;
}

/* Return: bytes, or -EIO, also at the end of the stream. */
static ssize_t receive(const struct exchange *x, char *p, size_t room)
{
	for (;;) {
		ssize_t n = recv(x->fd, p, room, MSG_DONTWAIT);

		if (n > 0)
			return n;
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return -EIO;
		if (wait_for(x, POLLIN))
			return -EIO;
	}
}

/*
 * The first line. Return: the length that it promises, or -errno, which may be
 * what it says; @body is set to where the text begins in head.
 */
static long receive_head(struct exchange *x, char **body)
{
	char *end, *nl;
	long value;

	do {
		ssize_t n = receive(x, x->head + x->have, LANE_SERVE_LINE_MAX - x->have);

		if (n < 0)
			return -EIO;
		nl = memchr(x->head + x->have, '\n', (size_t)n);
		x->have += (size_t)n;
	} while (!nl && x->have < LANE_SERVE_LINE_MAX);
	if (!nl)
		return -EIO;
	*nl = '\0';
	*body = nl + 1;
	if (!strncmp(x->head, "ok ", 3)) {
		value = digits(x->head + 3, "");
		return value >= 0 && value <= ANSWER_MAX ? value : -EIO;
	}
	if (strncmp(x->head, "error ", 6))
		return -EIO;
	value = strtol(x->head + 6, &end, 10);
	return end != x->head + 6 && *end == ' ' && value > 0 && value < ERRNO_END ? -value : -EIO;
}

static int receive_text(struct exchange *x, char **text, size_t *len)
{
	size_t got, size;
	long promised;
	char *body;

	promised = receive_head(x, &body);
	if (promised < 0)
		return (int)promised;
	size = (size_t)promised;
	got = x->have - (size_t)(body - x->head);
	if (got > size)
		return -EIO;
	*text = malloc(size + 1);
	if (!*text)
		return -ENOMEM;
	memcpy(*text, body, got);
	while (got < size) {
		ssize_t n = receive(x, *text + got, size - got);

		if (n < 0) {
			free(*text);
			*text = NULL;
			return -EIO;
		}
		got += (size_t)n;
	}
	(*text)[size] = '\0';
	*len = size;
	return 0;
}

static int try_dir(const struct socket_dir *dir, void *arg)
{
	struct exchange *x = arg;

	x->fd = socket_dir_connect(dir, x->pid);
	if (x->fd == -EAGAIN)
		x->full = true;
	else if (x->fd < 0 && x->fd != -ESRCH)
		x->err = x->fd;
	return x->fd >= 0;
}

/*
 * Any user may put a socket of any number into a folder of his own, and not answer there: where
 * root reads, none ends the search, nor is one waited for while the others are not looked at.
 */
static int find(struct exchange *x)
{
	while (!socket_dir_walk(try_dir, x)) {
		struct timespec again = {.tv_nsec = FULL_MS * 1000000L};

		if (!x->full && x->err)
			return x->err;
		if (!x->full)
			return kill(x->pid, 0) && errno == EPERM ? -EACCES : -ESRCH;
		if (now_ms() >= x->deadline)
			return -EIO;
		x->full = false;
		nanosleep(&again, NULL);
	}
	return 0;
}

static int ask(struct exchange *x, pid_t pid, const char *line, const char *data, size_t data_len,
	       char **text, size_t *len)
{
	int ret;

	x->pid = pid;
	x->deadline = now_ms() + LANE_SERVE_TIMEOUT_MS;
	if (pid <= 0)
		return -ESRCH;
	ret = find(x);
	if (ret)
		return ret;
	ret = send_all(x, line, strlen(line));
	if (!ret)
		ret = send_all(x, data, data_len);
	if (!ret)
		ret = receive_text(x, text, len);
	close(x->fd);
	return ret;
}

/* A name as it may stand in a request; the service knows which exist. */
static int valid(const char *name)
{
	return name[0] && strlen(name) < 64 && !strpbrk(name, " \n\r\t/");
}

int client_read(pid_t pid, const char *name, char **text, size_t *len)
{
	struct exchange x = {0};
	char line[LANE_SERVE_LINE_MAX];

	*text = NULL;
	*len = 0;
	if (!valid(name))
		return -ENOENT;
	snprintf(line, sizeof(line), "read %s\n", name);
	return ask(&x, pid, line, NULL, 0, text, len);
}

int client_write(pid_t pid, const char *name, const char *text, size_t len)
{
	struct exchange x = {0};
	char line[LANE_SERVE_LINE_MAX];
	char *answer = NULL;
	size_t answer_len;
	int ret;

	if (!valid(name))
		return -ENOENT;
	if (len > LANE_SERVE_WRITE_MAX)
		return -EMSGSIZE;
	snprintf(line, sizeof(line), "write %s %zu\n", name, len);
	ret = ask(&x, pid, line, text, len, &answer, &answer_len);
	free(answer);
	return ret;
}
