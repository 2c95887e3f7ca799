// SPDX-License-Identifier: MIT
/*
 * file.c - the files of a process
 *
 * The text of an open file is set by open() and not changed until release(), so
 * reads share it without a lock. Sizes are 0 and the page cache is passed by
 * (direct_io), as for procfs: what is read is what the process said.
 *
 * One write() is one request to the process, wherever in the file it is.
 */
#include "lanefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "client.h"

struct snapshot {
	char *text; /* NULL where the file is open for writing only */
	size_t len; /* bytes */
};

void file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	bool reads = (fi->flags & O_ACCMODE) != O_WRONLY;
	bool writes = (fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & O_TRUNC);
	int file = ino_file(ino), ret = 0;
	struct snapshot *s;

	if (writes && file != FILE_CONF) {
		fuse_reply_err(req, EACCES);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (reads)
		ret = client_read(ino_pid(ino), file_names[file], &s->text, &s->len);
	if (ret) {
		free(s);
		fuse_reply_err(req, ret == -ESRCH ? ENOENT : -ret);
		return;
	}
	fi->fh = (uintptr_t)s;
	fi->direct_io = 1;
	/* Where the caller was interrupted meanwhile there is no release(). */
	if (fuse_reply_open(req, fi)) {
		free(s->text);
		free(s);
	}
}

void file_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct snapshot *s = (const struct snapshot *)(uintptr_t)fi->fh;
	size_t left;

	(void)ino;
	if (!s->text || off < 0 || (size_t)off >= s->len) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	left = s->len - (size_t)off;
	fuse_reply_buf(req, s->text + off, size < left ? size : left);
}

void file_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		struct fuse_file_info *fi)
{
	int ret = client_write(ino_pid(ino), file_names[ino_file(ino)], buf, size);

	(void)off;
	(void)fi;
	if (ret)
		fuse_reply_err(req, -ret);
	else
		fuse_reply_write(req, size);
}

void file_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct snapshot *s = (struct snapshot *)(uintptr_t)fi->fh;

	(void)ino;
	free(s->text);
	free(s);
	fuse_reply_err(req, 0);
}
