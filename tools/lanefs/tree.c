// SPDX-License-Identifier: MIT
/*
 * tree.c - folders, names and attributes
 *
 * A process is looked for by a connection when its name is looked up or listed;
 * attributes come from its socket's inode alone, so that stat() does not wake it.
 */
#include "lanefs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "dir.h"
#include "lane/lane_serve.h"

const char *const file_names[] = {LANE_SERVE_FILES};
const int file_count = sizeof(file_names) / sizeof(file_names[0]);

_Static_assert(sizeof(file_names) / sizeof(file_names[0]) < 16, "a number for each in an inode");

static int attributes(fuse_ino_t ino, struct stat *st)
{
	struct stat sock;

	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_nlink = 1;
	if (ino == FUSE_ROOT_ID) {
		st->st_mode = S_IFDIR | 0500;
		st->st_nlink = 2;
		st->st_uid = geteuid();
		st->st_gid = getegid();
		return 0;
	}
	if (client_stat(ino_pid(ino), &sock))
		return -ENOENT;
	st->st_uid = sock.st_uid;
	st->st_gid = sock.st_gid;
	st->st_atim = st->st_mtim = st->st_ctim = sock.st_mtim;
	if (ino_file(ino) < 0) {
		st->st_mode = S_IFDIR | 0500;
		st->st_nlink = 2;
	} else {
		st->st_mode = S_IFREG | (ino_file(ino) == FILE_CONF ? 0600 : 0400);
	}
	return 0;
}

/* Return: the inode of a name, 0 where there is none. */
static fuse_ino_t find(fuse_ino_t parent, const char *name)
{
	if (parent == FUSE_ROOT_ID) {
		long pid = digits(name, "");

		if (pid <= 0 || pid > INT_MAX || !client_serves((pid_t)pid))
			return 0;
		return (fuse_ino_t)pid * 16;
	}
	for (int i = 0; i < file_count; i++) {
		if (!strcmp(name, file_names[i]))
			return parent + 1 + (fuse_ino_t)i;
	}
	return 0;
}

void tree_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {0};

	e.ino = find(parent, name);
	if (!e.ino || attributes(e.ino, &e.attr))
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &e);
}

void tree_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (attributes(ino, &st))
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_attr(req, &st, 0);
}

/* To truncate conf is no error, as in /proc/sys; nothing else can be set. */
void tree_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		  struct fuse_file_info *fi)
{
	const int allowed = FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_CTIME |
			    FUSE_SET_ATTR_MTIME_NOW;

	(void)attr;
	if (ino_file(ino) != FILE_CONF || !(to_set & FUSE_SET_ATTR_SIZE) || (to_set & ~allowed))
		fuse_reply_err(req, EPERM);
	else
		tree_getattr(req, ino, fi);
}

/* Without an answer of ours the kernel would say that the function is not implemented. */
void tree_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		 struct fuse_file_info *fi)
{
	(void)parent, (void)name, (void)mode, (void)fi;
	fuse_reply_err(req, EACCES);
}

/* What an open folder shows: set when it is read from its beginning, as rewinddir() wants. */
struct listing {
	pid_t *pids;
	int n;
};

void tree_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct listing *l;

	if (ino != FUSE_ROOT_ID && !client_serves(ino_pid(ino))) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	l = calloc(1, sizeof(*l));
	if (!l) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	fi->fh = (uintptr_t)l;
	if (fuse_reply_open(req, fi))
		free(l);
}

/* Entry @at of a folder, after "." and "..". Return: its name in @name, or NULL at the end. */
static const char *entry(fuse_ino_t ino, const struct listing *l, int at, char name[16],
			 struct stat *st)
{
	st->st_mode = S_IFDIR;
	st->st_ino = ino;
	if (at < 2)
		return at ? ".." : ".";
	at -= 2;
	if (ino != FUSE_ROOT_ID) {
		st->st_mode = S_IFREG;
		st->st_ino = ino + 1 + (fuse_ino_t)at;
		return at < file_count ? file_names[at] : NULL;
	}
	if (at >= l->n)
		return NULL;
	st->st_ino = (ino_t)l->pids[at] * 16;
	snprintf(name, 16, "%d", l->pids[at]);
	return name;
}

void tree_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct listing *l = (struct listing *)(uintptr_t)fi->fh;
	struct stat st = {0};
	const char *name;
	char number[16];
	size_t used = 0, len;
	char *buf;

	if (off == 0 && ino == FUSE_ROOT_ID) {
		free(l->pids);
		l->n = client_list(&l->pids);
		if (l->n < 0) {
			fuse_reply_err(req, -l->n);
			l->n = 0;
			return;
		}
	}
	buf = malloc(size);
	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	while ((name = entry(ino, l, (int)off, number, &st))) {
		len = fuse_add_direntry(req, buf + used, size - used, name, &st, off + 1);
		if (len > size - used)
			break;
		used += len;
		off++;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

void tree_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct listing *l = (struct listing *)(uintptr_t)fi->fh;

	(void)ino;
	free(l->pids);
	free(l);
	fuse_reply_err(req, 0);
}
