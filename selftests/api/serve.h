/* SPDX-License-Identifier: MIT */
/* serve.h - a folder for sockets of one's own, and the reader's side of the protocol */
#ifndef LANE_API_SERVE_H
#define LANE_API_SERVE_H

#include "common.h"

#include <dirent.h>
#include <fcntl.h>
#include <lane/lane_serve.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const char *const serve_files[] = {LANE_SERVE_FILES};
#define NR_SERVE_FILES ARRAY_SIZE(serve_files)

#define SERVE_PATIENCE 20 /* seconds, for busy machines; the service itself takes one */

static char serve_root[64]; /* $XDG_RUNTIME_DIR of this test */

/* A runtime directory of this test's own; before the service starts. */
static inline void serve_prepare(void)
{
	strcpy(serve_root, "/tmp/lane-test-XXXXXX");
	if (!mkdtemp(serve_root))
		ksft_exit_fail_msg("mkdtemp: %s", strerror(errno));
	setenv("XDG_RUNTIME_DIR", serve_root, 1);
}

static inline void serve_path(pid_t pid, char *path, size_t room)
{
	snprintf(path, room, "%s/lane/%d.sock", serve_root, (int)pid);
}

static inline bool serve_has_socket(pid_t pid)
{
	struct stat st;
	char path[128];

	serve_path(pid, path, sizeof(path));
	return lstat(path, &st) == 0;
}

/* Names in the folder. */
static inline int serve_count_sockets(void)
{
	struct dirent *e;
	char path[128];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/lane", serve_root);
	d = opendir(path);
	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static inline void serve_clean(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", serve_root);
	if (system(command) != 0)
		ksft_print_msg("%s stays behind", serve_root);
}

/* Connected, or -errno. */
static inline int serve_connect(pid_t pid)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	serve_path(pid, addr.sun_path, sizeof(addr.sun_path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return err;
	}
	return fd;
}

/* Read to the end, for @seconds at most. Bytes, or -1 where there was no end. */
static inline ssize_t serve_take(int fd, char *buf, size_t room, double seconds)
{
	double end = ksft_now() + seconds;
	size_t have = 0;

	for (;;) {
		struct pollfd p = {fd, POLLIN, 0};
		int ms = (int)((end - ksft_now()) * 1000);
		ssize_t n;

		if (ms <= 0 || poll(&p, 1, ms) == 0) {
			ksft_print_msg("no end after %.1f s, %zu bytes", seconds, have);
			return -1;
		}
		n = recv(fd, buf + have, room - 1 - have, 0);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	buf[have] = 0;
	return (ssize_t)have;
}

/* Send @len bytes of a request and take the answer; as serve_take(), or -errno of the connection.
 */
static inline ssize_t serve_ask(pid_t pid, const void *request, size_t len, char *buf, size_t room)
{
	int fd = serve_connect(pid);
	ssize_t n;

	buf[0] = 0;
	if (fd < 0)
		return fd;
	if (send(fd, request, len, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		ksft_print_msg("send: %s", strerror(errno));
	n = serve_take(fd, buf, room, SERVE_PATIENCE);
	close(fd);
	return n;
}

/* One try: the bytes, -1, or -EAGAIN where a second was not enough for a busy machine. */
static inline ssize_t serve_read_once(pid_t pid, const char *name, char *buf, size_t room)
{
	char request[64], *text;
	ssize_t n;
	size_t len;

	snprintf(request, sizeof(request), "read %s\n", name);
	n = serve_ask(pid, request, strlen(request), buf, room);
	if (n <= 0 || sscanf(buf, "ok %zu\n", &len) != 1)
		return n == 0 || strncmp(buf, "error 11 ", 9) == 0 ? -EAGAIN : -1;
	text = strchr(buf, '\n') + 1;
	if ((size_t)(buf + n - text) != len)
		return (size_t)(buf + n - text) < len ? -EAGAIN : -1;
	memmove(buf, text, len + 1);
	return (ssize_t)len;
}

/* The text of a file, ended by a 0 byte; its bytes, or below 0 where there is none. */
static inline ssize_t serve_read(pid_t pid, const char *name, char *buf, size_t room)
{
	ssize_t n = -EAGAIN;

	for (int i = 0; i < 5 && n == -EAGAIN; i++) {
		n = serve_read_once(pid, name, buf, room);
		if (n == -EAGAIN)
			ksft_print_msg("%s: not within its second, again", name);
	}
	return n;
}

/* The number of an "error NUMBER TEXT\n", 0 for "ok", -1 for anything else. */
static inline int serve_error(const char *answer)
{
	int number;

	if (strncmp(answer, "ok ", 3) == 0)
		return 0;
	if (sscanf(answer, "error %d ", &number) != 1 || number <= 0 ||
	    answer[strlen(answer) - 1] != '\n')
		return -1;
	return number;
}

/* Wait until @pid has a socket that answers. */
static inline bool serve_wait(pid_t pid, double seconds)
{
	char buf[4096];

	for (double end = ksft_now() + seconds; ksft_now() < end; usleep(5000))
		if (serve_read(pid, "heapinfo", buf, sizeof(buf)) > 0)
			return true;
	return false;
}

#endif /* LANE_API_SERVE_H */
