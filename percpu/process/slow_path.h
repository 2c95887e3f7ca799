/* SPDX-License-Identifier: MIT */
/*
 * slow_path.h - the door to everything behind the fast path.
 *
 * slow_enter() is false for a thread that is inside already: a signal handler
 * that interrupted a slow path and calls malloc or free. The locks may be its
 * own, so it must not take them; reentry.h serves it instead. So it does where the handler
 * interrupted a change of its thread's quarantine and finds the door closed: the fork waits for
 * the end of that (quarantine.h).
 *
 * fork() closes the door (slow_close()): it waits until nobody is inside and
 * keeps others out until slow_open(). So no batch is under way between two
 * layers in the child, and its books are exact. A handler that forks is inside
 * itself where it interrupted a slow path, and is waited for where it interrupted a change of its
 * quarantine: a forker (slow_path.c).
 *
 * Context: anywhere but a restartable sequence; before start, too.
 */
#ifndef PERCPU_SLOW_PATH_H
#define PERCPU_SLOW_PATH_H

#include "compiler.h"

bool slow_enter(void);
/* For what cannot be refused, and is never done from within; there it would wait for itself. */
void slow_enter_always(void);
void slow_exit(void);

/*
 * Around what holds a lock that fork() takes behind the door, and may allocate: the door does not
 * close meanwhile, and this thread goes through it as often as it likes. With signals blocked.
 * False from within.
 */
bool slow_hold_open(void);
void slow_let_go(void);

/*
 * Around the locks of readers: of books, and of the heap profile. Signals are blocked, but for
 * those of a thread's own faults: a handler that forks waits for other forks, which wait for these
 * locks, and its child would find them held by itself. Also around meta_lock outside of slow paths:
 * a handler that allocates may need it.
 */
void slow_read_begin(void);
void slow_read_end(void);

/*
 * In a handler, or what it calls: whether the thread was inside a slow path, or was changing its
 * quarantine. Then no lock may be waited for that may wait for that.
 */
bool slow_interrupted(void);

/*
 * Call @fn when this thread leaves a slow path next: the one that a handler interrupted, or a later
 * one, also of a handler. One at a time; a fork's child does not inherit it.
 */
void slow_defer(void (*fn)(void));

#define FORKER_PATIENCE_MS 100u /* of a forker, for what may wait for what it interrupted */
#define EXIT_PATIENCE_MS 2000u	/* of a forker, for who may have called exit() and wait for it */

/*
 * fork(), and who changes what those inside have seen (check_init()). begin: before the first lock
 * that is waited for; also by a handler that ends the process, without end. close: false, from
 * outside, with the door open again: a forker has to go first, or who is inside has not left in
 * time; a forker goes on without them then. slow_forkers(): as long as there are any;
 * slow_is_forker(): whether the thread with this thread pointer is one. open: afterwards, in parent
 * and child.
 */
void slow_fork_begin(void);
bool slow_close(u32 patience_ms);
bool slow_forkers(void);
bool slow_is_forker(uintptr_t thread);
void slow_open(bool child);

#endif
