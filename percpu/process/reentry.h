/* SPDX-License-Identifier: MIT */
/*
 * reentry.h - malloc and free for a signal handler that interrupted a slow
 * path of its own thread (slow_path.h).
 *
 * malloc: a mapping of its own, apart from others. All signals are blocked while reentry.lock
 * (RANK_REENTRY) is held, so no handler ever finds it held by its own thread.
 * free: the object waits in a lock-free list, until some thread leaves its
 * slow path; only then is it counted as freed.
 */
#ifndef PERCPU_REENTRY_H
#define PERCPU_REENTRY_H

#include "compiler.h"
#include "spinlock.h"
#include "stat.h"

/* @bytes aligned to @align (a power of two); NULL: no memory, or too many at once. */
void *reentry_malloc(size_t bytes, size_t align);

/* True, and the usable bytes in *@bytes, where @p is a live object of reentry_malloc(). */
bool reentry_owns(const void *p, size_t *bytes);

/* Free such an object; false where @p is none. */
bool reentry_free(void *p);

/* Free any object of Lane's later. */
void reentry_defer(void *p);

bool reentry_pending(void);
/* Free what was deferred; inside a slow path. */
void reentry_drain(void);

extern struct spinlock reentry_lock;
extern struct stat_book reentry_book; /* enum reentry_item */

/* Live objects, from the table itself; for the walk. */
u64 reentry_live(u64 *bytes);

#endif
