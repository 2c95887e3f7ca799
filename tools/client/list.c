// SPDX-License-Identifier: MIT
/*
 * list.c - which processes serve
 *
 * A name in the folder is not enough: its process may be gone, be a zombie,
 * have run exec(), or be another one with the same number. Only a connection
 * tells. It is closed at once, and nobody waits for a process that is stopped:
 * a queue that is full is a process that serves.
 */
#include "client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dir.h"

static bool serves(const struct socket_dir *dir, pid_t pid)
{
	int fd = socket_dir_connect(dir, pid);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || (fd == -EAGAIN && (!kill(pid, 0) || errno != ESRCH));
}

struct list {
	pid_t *pids;
	int n, room;
};

static int append(struct list *l, pid_t pid)
{
	if (l->n == l->room) {
		int room = l->room ? l->room * 2 : 64;
		pid_t *pids = realloc(l->pids, (size_t)room * sizeof(*pids));

		if (!pids)
			return -ENOMEM;
		l->pids = pids;
		l->room = room;
	}
	l->pids[l->n++] = pid;
	return 0;
}

static int list_dir(const struct socket_dir *dir, void *arg)
{
	struct dirent *e;
	int ret = 0, fd;
	DIR *d;

	fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE ? -errno : 0;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	while (!ret && (e = readdir(d))) {
		long pid = digits(e->d_name, ".sock");

		if (pid > 0 && pid <= INT_MAX && serves(dir, (pid_t)pid))
			ret = append(arg, (pid_t)pid);
	}
	closedir(d);
	return ret;
}

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

int client_list(pid_t **pids)
{
	struct list l = {0};
	int ret, n = 0;

	*pids = NULL;
	ret = socket_dir_walk(list_dir, &l);
	if (ret || !l.n) {
		free(l.pids);
		return ret;
	}
	qsort(l.pids, (size_t)l.n, sizeof(*l.pids), by_number);
	for (int i = 0; i < l.n; i++) {
		if (!i || l.pids[i] != l.pids[n - 1])
			l.pids[n++] = l.pids[i];
	}
	*pids = l.pids;
	return n;
}

static int has(const struct socket_dir *dir, void *arg)
{
	return serves(dir, *(pid_t *)arg);
}

bool client_serves(pid_t pid)
{
	return pid > 0 && socket_dir_walk(has, &pid);
}

struct stat_of {
	pid_t pid;
	struct stat *st;
	int found;
};

static bool stat_in(const struct socket_dir *dir, const struct stat_of *of)
{
	struct stat st;
	char name[32];

	snprintf(name, sizeof(name), "%d.sock", of->pid);
	if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISSOCK(st.st_mode))
		return false;
	*of->st = st;
	return true;
}

static int count(const struct socket_dir *dir, void *arg)
{
	struct stat_of *of = arg;

	of->found += stat_in(dir, of);
	return 0;
}

/* As serves(), but a queue that is full says nothing about whose it is. */
static int stat_connected(const struct socket_dir *dir, void *arg)
{
	struct stat_of *of = arg;
	int fd = socket_dir_connect(dir, of->pid);

	if (fd < 0)
		return 0;
	close(fd);
	return stat_in(dir, of);
}

/*
 * Where root looks any user may have put a socket of any number into a folder of his own: of
 * several it is the one that the process listens on.
 */
int client_stat(pid_t pid, struct stat *st)
{
	struct stat_of of = {pid, st, 0};

	socket_dir_walk(count, &of);
	if (of.found > 1)
		return socket_dir_walk(stat_connected, &of) ? 0 : -ESRCH;
	return of.found ? 0 : -ESRCH;
}
