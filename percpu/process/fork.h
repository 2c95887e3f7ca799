/* SPDX-License-Identifier: MIT */
/*
 * fork.h - fork() of a process with threads.
 *
 * prepare	the C library's streams are locked, the service finishes its step (serve.h), a
 *		reader finishes (RANK_READER), the door of the slow paths closes and all who
 *		are inside leave (slow_path.h). Then no lock is held and nothing is between
 *		two layers.
 * parent	the door opens.
 * child	the same; and lanes that a stopper had stopped would be up again, but there are
 *		none, as a stopper is inside.
 *
 * A handler may fork, also where it interrupted a slow path of its own thread (a forker). It
 * neither waits for what waits for that slow path, nor for other forkers: forks from
 * outside let it go first, so only a forker's child may find somebody's operation
 * unfinished, another forker's of the same instant.
 *
 * A handler that interrupted a slow path may fork where the process has no other
 * thread: it does not wait for its own. Beside others it may wait for one that
 * waits for it (Documentation/errors.rst).
 *
 * A handler that interrupted a slow path may call exit(). What that calls before Lane's
 * destructor may wait for a lock of a fork's, which waits for the slow path: so a fork gives
 * all back after a while, and begins again.
 *
 * A thread of the parent may be in a restartable sequence at that instant. In
 * the child its stores before the commit are there or not, the commit is not:
 * harmless, as for any aborted section.
 *
 * Our prepare runs last: that of another library may wait for a thread that
 * waits in malloc for the door. Handlers run from the last registered to the
 * first, and constructors in an order that is not ours to choose. So Lane takes
 * the place of the function that registers them, __register_atfork().
 */
#ifndef PERCPU_FORK_H
#define PERCPU_FORK_H

/* Register the handlers, where none of another library has made us do so. Once. */
void fork_init(void);

#endif
