/* SPDX-License-Identifier: MIT */
/*
 * serve_conn.h - one connection of the service: a request, an answer, the end.
 *
 *	CONN_FREE -> CONN_REQUEST -> CONN_ANSWER -> CONN_FREE
 *
 * No call blocks, each does what can be done at once, and none outlives its
 * deadline. All under the service's lock.
 */
#ifndef PERCPU_SERVE_CONN_H
#define PERCPU_SERVE_CONN_H

#include <lane/lane_serve.h>

#include "compiler.h"
#include "own_fd.h"
#include "procfs.h"

enum conn_state { CONN_FREE, CONN_REQUEST, CONN_ANSWER };

struct conn {
	enum conn_state state;
	struct own_fd sock;
	u64 deadline;		 /* ms; of the request, then of the answer */
	size_t have;		 /* bytes of the request */
	struct procfs_text file; /* size 0: the answer is a line in @request */
	const char *answer;	 /* what is left to send */
	size_t left;		 /* bytes of it */
	char request[LANE_SERVE_LINE_MAX + LANE_SERVE_WRITE_MAX];
};

/* Begin with @fd, which is the connection's from here on, and go on as far as it gets. */
void conn_open(struct conn *c, int fd, u64 now);

/* Go on: poll() found something. */
void conn_run(struct conn *c, u64 now);

/* The end of a connection whose time is up, or that must make way. */
void conn_expire(struct conn *c);

/* Forget it without an answer. */
void conn_close(struct conn *c);

#endif
