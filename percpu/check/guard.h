/* SPDX-License-Identifier: MIT */
/*
 * guard.h - guarded samples: one in guard_rate sampled small objects lies in a page
 * of its own, against the end of it, and no page beside it may be touched. What
 * writes or reads beyond the object, or after it was freed, dies with a report
 * (guard_report.c) that names the object and who allocated and freed it.
 *
 *	| no access | slot 0 | no access | slot 1 | no access | ...
 *
 * slot		page			who changes it
 * GUARD_UNUSED	no access		guard.lock
 * GUARD_LIVE	read and write		the program; state: its owner in free
 * GUARD_FREED	no access (quarantine)	guard.lock
 *
 * Slots are handed out in the order in which they were freed, so each stays in
 * quarantine as long as can be. Where all are live, the sample is an ordinary one.
 * An overflow by less than the object's alignment stays in its page and is not seen.
 *
 * The pool is made when guard_rate is first set, at start or by a write of conf, and
 * stays; so does the handler of SIGSEGV. That calls the one that was there before for
 * what is not in the pool. Without a rate no more objects are guarded, those that live
 * remain so.
 *
 * Lock: guard_lock (RANK_GUARD) protects queue, states, the book, and the making of
 * the pool, which guard.bytes publishes. The report takes none.
 */
#ifndef PERCPU_GUARD_H
#define PERCPU_GUARD_H

#include "barrier.h"
#include "compiler.h"
#include "prof_stack.h"
#include "spinlock.h"
#include "stat.h"

#define GUARD_SLOTS 256u

enum guard_state { GUARD_UNUSED, GUARD_LIVE, GUARD_FREED };

struct guard_slot {
	u32 state;	  /* enum guard_state */
	u32 next;	  /* in the queue, slot + 1; lock */
	u32 size;	  /* bytes asked for */
	uintptr_t object; /* where it starts */
	struct prof_stack allocated, freed;
};

struct guard_pool {
	u64 bytes;		  /* 0: no pool; written once, after all below */
	uintptr_t base;		  /* first byte; constant with bytes */
	struct guard_slot *slots; /* GUARD_SLOTS of them; likewise */
	u64 rate;		  /* one in so many samples, 0 = none; guard_lock, read without */
};
extern struct guard_pool guard;
extern struct stat_book
	guard_book; /* as enum reentry_item: the objects have mappings of their own */

/*
 * Guard one in @rate samples from now on, 0: none. 0; -ENOMEM where the pool cannot be
 * made, -EBUSY inside a slow path: nothing has changed then.
 */
int guard_set_rate(u64 rate);
u64 guard_rate(void);

/* A sampled object of @size bytes aligned to @align, made guarded, or NULL. Inside a slow path. */
void *guard_malloc(size_t size, size_t align, const struct prof_stack *stack);

static inline bool guard_has(const void *p)
{
	u64 bytes = smp_load_acquire(&guard.bytes); /* pairs with make_pool() */

	return unlikely((uintptr_t)p - guard.base < bytes);
}

/*
 * For @p in the pool: dies, naming @what, unless a live object starts there. Usable
 * bytes; any context.
 */
size_t guard_size(const void *p, const char *what);

/* Free it; dies likewise. Inside a slow path. */
void guard_free(void *p);

/* Live objects, from the pool itself; for the walk. */
u64 guard_live(u64 *bytes);

/* The slot that the address @p belongs to: whose page it is, or beside whose page it lies. */
struct guard_slot *guard_slot_of(uintptr_t p);

/* guard_report.c: install the handler; report a double free, and die. */
void guard_report_init(void);
void guard_report_double_free(const struct guard_slot *slot, const void *p)
	__attribute__((noreturn)) __cold;

#endif
