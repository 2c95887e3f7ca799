/* SPDX-License-Identifier: MIT */
/*
 * prof_cycle.h - the heap profile of collected objects.
 *
 * An object that is garbage stays in use until a collection has found it. So a
 * profile of the present moment would show what the program allocated since the
 * last mark, and none of what died meanwhile. Instead a profile shows the heap as the
 * last finished collection found it, both allocations and frees. Each site has
 * three sets of counts that are not published yet, taken in turn. In cycle C
 *
 *	allocation, explicit free	-> future[(C + 2) % 3]
 *	free found by sweeping		-> future[(C + 1) % 3]
 *	mark termination		prof_cycle_next(): C + 1
 *	then, outside			prof_cycle_flush(): active += future[C % 3]
 *
 * What was allocated before the mark of cycle C began, and swept after it ended (so
 * in cycle C + 1), is published by the flush of C + 2 at the latest, the free with
 * or after its allocation. Before the second cycle is flushed there is no finished
 * collection to show, and readers add up all sets.
 *
 * An event loads the cycle with its site's lock held, and the flush takes each
 * site's lock: behind it no event of an older cycle is left there. That is the
 * grace period; nobody is stopped. A flush as a whole and a reader exclude each other
 * by prof_read_lock (RANK_PROF_READ), which no event ever takes.
 *
 * Objects of malloc take no part: their frees are known at once.
 */
#ifndef PERCPU_PROF_CYCLE_H
#define PERCPU_PROF_CYCLE_H

#include "compiler.h"
#include "prof_stack.h"
#include "spinlock.h"

/* Whether an object that takes @size bytes is sampled: the rate for prof_gc_alloc(); else 0. */
u64 prof_gc_due(u64 size);

/*
 * A sampled object that takes @size bytes, drawn for @rate, whatever the rate is by now. False
 * where no record could be kept. @stack NULL: the caller's. Inside a slow path.
 */
bool prof_gc_alloc(const void *object, u64 size, u64 rate, const struct prof_stack *stack);

/*
 * The end of an object, by the program or found by sweeping; once, before the memory is
 * anyone's. Whether it was a sampled one.
 */
bool prof_gc_free(const void *object);
bool prof_gc_swept(const void *object);

/* Mark termination: one store. Flushes first where that was left undone. */
void prof_cycle_next(void);

/* Publish the present cycle; after prof_cycle_next(), one caller at a time with it. */
void prof_cycle_flush(void);

#define PROF_CYCLE_WHOLE 2u /* the first cycle whose flush shows a finished collection */

/* The last cycle published; with prof_read_lock held it stands still. */
u64 prof_cycle_published(void);

extern struct spinlock prof_read_lock; /* fork takes it */

/* What tests may change; zeroes in use. */
struct prof_cycle_test {
	void (*loaded)(void); /* called before the lock; where early, after the load of the cycle */
	void (*between_sites)(void); /* called after each site that is flushed */
	bool early;		     /* load the cycle before the lock: no grace period */
	bool swept_late;	     /* count swept objects in (C + 2) % 3 */
};
extern struct prof_cycle_test prof_cycle_test;

#endif
