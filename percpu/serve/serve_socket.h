/* SPDX-License-Identifier: MIT */
/*
 * serve_socket.h - the socket under which others find this process, and its
 * folder; lane/lane_serve.h says where and with which rights.
 */
#ifndef PERCPU_SERVE_SOCKET_H
#define PERCPU_SERVE_SOCKET_H

#include "compiler.h"
#include "own_fd.h"

struct serve_socket {
	struct own_fd listener; /* non-blocking */
	char path[108];		/* as long as struct sockaddr_un allows; "" where there is none */
	u64 dev;		/* of the path */
	u64 ino;
};

/* Where $XDG_RUNTIME_DIR is, or NULL. Kept for all sockets that follow. */
void serve_socket_runtime_dir(const char *dir);

/*
 * Make the folder where it is not there, and the socket in it. @s has none.
 * 0 or -errno: -EACCES where no folder is the user's own, -EADDRINUSE where
 * another process of this number serves there (another PID namespace).
 */
int serve_socket_open(struct serve_socket *s);

/* Whether it is there still: the program may have closed it, a cleaner removed it. */
bool serve_socket_intact(const struct serve_socket *s);

/* Wake the thread that waits for connections. */
void serve_socket_wake(const struct serve_socket *s);

/*
 * Remove what dead processes left in the folder: those that ended by _exit() or
 * a signal. So it holds no more names than processes, also where nobody reads.
 */
void serve_socket_sweep(const struct serve_socket *s);

/* Remove the name where it is still ours. */
void serve_socket_unlink(struct serve_socket *s);

#endif
