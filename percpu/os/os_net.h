/* SPDX-License-Identifier: MIT */
/*
 * os_net.h - the system calls on sockets and of who waits for them, as os.h has the others. Unix
 * stream sockets, close-on-exec; none of these blocks but wait().
 */
#ifndef PERCPU_OS_NET_H
#define PERCPU_OS_NET_H

#include "compiler.h"

struct pollfd;
struct sockaddr_un;

struct os_net_ops {
	int (*socket)(void);
	int (*bind)(int fd, const struct sockaddr_un *addr);
	int (*listen)(int fd, int backlog);
	int (*connect)(int fd, const struct sockaddr_un *addr);
	int (*accept)(int fd);
	/* The effective user of who is connected. */
	int (*peer)(int fd, u32 *uid);
	long (*receive)(int fd, void *buf, size_t len);
	/* Without SIGPIPE. */
	long (*send)(int fd, const void *buf, size_t len);
	/* Both directions, which wakes who waits. */
	int (*shutdown)(int fd);
	/* A descriptor, readable while @sig is pending for the calling thread: signalfd(2). */
	int (*signal)(int sig);
	/* poll(2); @ms below 0 for ever. */
	int (*wait)(struct pollfd *fds, u32 n, int ms);
};

extern struct os_net_ops os_net;

#endif
