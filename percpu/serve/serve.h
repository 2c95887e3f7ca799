/* SPDX-License-Identifier: MIT */
/*
 * serve.h - the service: a thread that shows this process' files to others, by
 * the protocol of lane/lane_serve.h. serve:true, or lane_serve_start().
 *
 * The thread sleeps in poll() and holds RANK_SERVE while it works, at most for
 * one connection's step at a time. Under it: the socket and all connections.
 * RANK_CONTROL: start, stop, and whether there is a service. fork takes both, so
 * that the child finds nothing half done; it closes what is the parent's and
 * starts a service of its own. exit and exec need no more than the name's
 * removal and close-on-exec.
 *
 * Its descriptors are the thread's own where the kernel has that (thread.h): no
 * other thread can use one. So the thread opens the socket, closes all at its end,
 * and who starts it waits with control held until it has looked for the first
 * time; it takes nothing but RANK_SERVE for that. A stop wakes it by a signal that
 * is pending for it, which it has in poll() as a descriptor, and never takes.
 */
#ifndef PERCPU_SERVE_H
#define PERCPU_SERVE_H

#include "compiler.h"

/* Where LANE_CONF wants it. From the constructor; @runtime_dir is $XDG_RUNTIME_DIR or NULL. */
void serve_init(const char *runtime_dir);

/* Remove the socket: the process ends. */
void serve_exit(void);

struct spinlock;

/* What fork() takes, by rising rank: control, and the one of socket and connections. */
void serve_fork_locks(struct spinlock *locks[2]);

/* In the child, before they are given back: nothing of the parent's is left. */
void serve_fork_child(void);

/* The child starts its own. */
void serve_after_fork(void);

#endif
