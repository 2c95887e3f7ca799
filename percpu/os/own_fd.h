/* SPDX-License-Identifier: MIT */
/*
 * own_fd.h - descriptors of Lane's own in a process whose program may close any
 * descriptor, as daemons do with all of them, and get the number for a file of
 * its own. So the inode is kept beside the number and looked at before each use.
 * And the number is a high one, out of the way of programs that count on theirs;
 * never that of a standard stream, also where these are closed.
 *
 * Sockets only: they have an inode each, and are used by send() and recv(),
 * which do nothing to another kind of file.
 */
#ifndef PERCPU_OWN_FD_H
#define PERCPU_OWN_FD_H

#include "compiler.h"

struct own_fd {
	int fd; /* -1: none */
	u64 dev;
	u64 ino;
};

/* Take @fd (close-on-exec), which moves. 0 or -errno; then @fd is closed. */
int own_fd_take(struct own_fd *f, int fd);

/* Whether the number still stands for our socket. */
bool own_fd_valid(const struct own_fd *f);

/* Close it where it is ours still; none then. */
void own_fd_close(struct own_fd *f);

#endif
