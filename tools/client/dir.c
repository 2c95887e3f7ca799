// SPDX-License-Identifier: MIT
/*
 * dir.c - the folders in which processes put their sockets
 *
 * A process takes the first of three places that suits it, by its environment;
 * a reader cannot know that environment and looks into all three.
 */
#include "dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"

struct walk {
	socket_dir_fn fn;
	void *arg;
	dev_t dev; /* of the folder by $XDG_RUNTIME_DIR, which may come twice */
	ino_t ino;
};

long digits(const char *s, const char *end)
{
	char again[24];
	char *stop;
	long n;

	if (*s < '0' || *s > '9')
		return -1;
	n = strtol(s, &stop, 10);
	snprintf(again, sizeof(again), "%ld", n);
	if (strncmp(s, again, (size_t)(stop - s)) || strlen(again) != (size_t)(stop - s))
		return -1;
	return strcmp(stop, end) ? -1 : n;
}

static int visit(struct walk *w, const char *path, uid_t owner, bool first)
{
	struct socket_dir dir = {.owner = owner, .path = path};
	struct stat st;
	int ret = 0;

	dir.fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir.fd < 0)
		return 0;
	if (!fstat(dir.fd, &st) && st.st_uid == owner && (st.st_mode & 07777) == 0700 &&
	    (first || st.st_dev != w->dev || st.st_ino != w->ino)) {
		if (first) {
			w->dev = st.st_dev;
			w->ino = st.st_ino;
		}
		ret = w->fn(&dir, w->arg);
	}
	close(dir.fd);
	return ret;
}

/* Folders named @parent/@prefix<uid>@suffix, each owned by the user of its name. */
static int visit_all(struct walk *w, const char *parent, const char *prefix, const char *suffix)
{
	size_t skip = strlen(prefix);
	DIR *d = opendir(parent);
	struct dirent *e;
	char path[PATH_MAX];
	int ret = 0;

	if (!d)
		return 0;
	while (!ret && (e = readdir(d))) {
		long uid = strncmp(e->d_name, prefix, skip) ? -1 : digits(e->d_name + skip, "");

		if (uid < 0 || uid >= (long)UINT_MAX)
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", parent, e->d_name, suffix);
		ret = visit(w, path, (uid_t)uid, false);
	}
	closedir(d);
	return ret;
}

int socket_dir_walk(socket_dir_fn fn, void *arg)
{
	struct walk w = {.fn = fn, .arg = arg};
	const char *run = getenv("XDG_RUNTIME_DIR");
	uid_t uid = geteuid();
	char path[PATH_MAX];
	int ret = 0;

	if (run && run[0] == '/' &&
	    snprintf(path, sizeof(path), "%s/lane", run) < (int)sizeof(path))
		ret = visit(&w, path, uid, true);
	if (ret)
		return ret;
	if (uid == 0) {
		ret = visit_all(&w, "/run/user", "", "/lane");
		return ret ? ret : visit_all(&w, "/tmp", "lane-", "");
	}
	snprintf(path, sizeof(path), "/run/user/%u/lane", uid);
	ret = visit(&w, path, uid, false);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/tmp/lane-%u", uid);
	return visit(&w, path, uid, false);
}

struct found {
	struct client_dir *dirs;
	int room, n;
};

static int keep(const struct socket_dir *dir, void *arg)
{
	struct found *f = arg;

	if (f->n == f->room)
		return 1;
	/* A path too long for the address of a socket has no sockets either. */
	if (strlen(dir->path) < sizeof(f->dirs->path))
		strcpy(f->dirs[f->n++].path, dir->path);
	return 0;
}

int client_dirs(struct client_dir *dirs, int room)
{
	struct found f = {.dirs = dirs, .room = room};

	socket_dir_walk(keep, &f);
	return f.n;
}
