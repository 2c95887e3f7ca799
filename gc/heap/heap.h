/* SPDX-License-Identifier: MIT */
/*
 * heap.h - the size of the collected heap as the pacer counts it, and what follows from
 * it: when a cycle begins, what allocation costs, how much is swept.
 *
 * live	objects that the last marking found, and all that was handed out since, also
 *	to CPU caches: it may be above the truth by what they hold. That makes cycles
 *	begin early rather than late.
 *
 * Counts are atomic. The arithmetic (pacer.h, sweep_pace.h, limiter.h) runs under
 * heap.lock (RANK_GC_PACER), by the coordinator and by who changes a setting.
 */
#ifndef GC_HEAP_H
#define GC_HEAP_H

#include "gc.h"
#include "limiter.h"
#include "pacer.h"
#include "sweep_pace.h"

struct heap {
	u64 live;	 /* bytes; atomic */
	u64 scannable;	 /* most work that marking what is live can be, bytes; atomic */
	u64 unscanned;	 /* of that: handed out in this cycle, so not done; atomic */
	u64 marked;	 /* bytes of slots marked in this cycle; atomic */
	u64 fresh;	 /* of marked: handed out in this cycle; atomic */
	u64 work;	 /* bytes scanned in this cycle; atomic */
	s64 pool;	 /* work that allocators may take; atomic */
	u64 roots;	 /* bytes of roots scanned in this cycle; coordinator */
	u64 stacks;	 /* likewise of stacks */
	u64 swept;	 /* pages swept since the last marking; atomic */
	u64 worker_ns;	 /* CPU time of workers; atomic */
	u64 assist_ns;	 /* of assists; atomic */
	u64 sweep_ns;	 /* of background sweeping; coordinator */
	u64 limited_ns;	 /* of marking in which the limiter let assists off; coordinator */
	u64 last_marked; /* bytes, at the last mark termination; coordinator */
	struct spinlock lock;
	struct pacer pacer;	 /* lock; some fields are read without (pacer.h) */
	struct limiter limiter;	 /* lock; limiting is read without */
	struct sweep_pace sweep; /* lock; read without */
	u64 started_ns;		 /* of the process' collected heap */
	u32 cpus;
};

extern struct heap heap;

void heap_init(int percent, u64 limit, u64 min_heap);

#define NOSCAN_WORK 16u /* marking an object without references is work, too, bytes */

/* @n objects were handed out. Begins a cycle where the heap has reached its trigger. */
void heap_taken(u32 kind, u64 bytes, u32 n, bool black);

/* Objects that were handed out came back unused, or were freed explicitly. */
void heap_put_back(u32 kind, u64 bytes, u32 n);

/* A marker has scanned @work bytes and marked slots of @marked bytes. */
void heap_marked(u64 work, u64 marked);

/* A span of @bytes was swept. */
void heap_swept(u64 bytes);

/* Pages to sweep before @bytes more are handed out. */
u64 heap_sweep_owed(u64 bytes);

/* The coordinator, around and while marking. */
void heap_start_cycle(void);
void heap_revise(void);
void heap_end_cycle(u64 duration_ns);

/* After explicit frees or a change of the trigger while sweeping. */
void heap_pace_sweep(void);

/* At its goal, though no marking runs. */
static inline bool heap_is_late(void)
{
	return unlikely(READ_ONCE(heap.live) >= READ_ONCE(heap.pacer.goal)) &&
	       !READ_ONCE(gc.marking) && !READ_ONCE(heap.limiter.limiting);
}

static inline bool heap_limiting(void)
{
	return READ_ONCE(heap.limiter.limiting);
}

static inline struct assist_ratio heap_ratio(void)
{
	return (struct assist_ratio){READ_ONCE(heap.pacer.ratio.work_per_byte),
				     READ_ONCE(heap.pacer.ratio.bytes_per_work)};
}

#endif
