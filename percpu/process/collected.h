/* SPDX-License-Identifier: MIT */
/*
 * collected.h - the CPU caches for objects of the collected heap.
 *
 * The same blocks, books and sections as malloc's (cpu_block.h), behind a table
 * of their own. They differ in three points:
 *
 *  - A CPU has a cache per kind of object instead of one per home, all for its
 *    own node.
 *  - Objects only come out of them. What is freed goes to its span.
 *  - What comes in is ready: zeroed where a collector may look at it, and marked
 *    while marking runs. So popping is all that an allocation does.
 *
 * Who may touch them, and how they are stopped: lanes.h. A lane that is drained
 * gives these caches back, too, through hooks.put.
 */
#ifndef PERCPU_COLLECTED_H
#define PERCPU_COLLECTED_H

#include "cpu_block.h"
#include "lanes.h"
#include "rseq_ops.h"

#define COLLECTED_KINDS 12u

/* Make the table; all lanes are without these caches. 0 or -ENOMEM. Inside a slow path. */
int collected_init(void);

/* Where a CPU's caches have the block of @kind and @cls, bytes. */
static inline u32 collected_block(u32 kind, u32 cls)
{
	return kind * cpu_cache_bytes + block_offset(cls);
}

static inline struct cpu_cache *collected_cache(struct lane *l, u32 kind)
{
	return (struct cpu_cache *)(l->collected + (size_t)kind * cpu_cache_bytes);
}

/* The fast path: an object, or NULL. @block: collected_block(). */
static __always_inline void *collected_pop_fast(u64 block)
{
	return rseq_pop_from(hot.collected, block);
}

/* Make the lane's block ready, in the present generation. False where the lane is stopped. */
bool collected_prepare(struct lane *l, u32 kind, u32 cls);

/* The same in either mode. */
void *collected_pop(struct lane *l, u32 kind, u32 cls);

/*
 * Where the block's pops are full, begin them anew (prof_arm.h). True where that was so, by
 * *@rate: then the next object is the sampled one.
 */
bool collected_arm(struct lane *l, u32 kind, u32 cls, u64 *rate);

/* Begin all blocks of a stopped lane anew at @rate; inside a window. */
void collected_set_rate(struct lane *l, u64 rate);

/* How many objects the block may be given at a time. It may grow by being asked. */
u32 collected_batch(struct lane *l, u32 kind, u32 cls);

/* Put objects of @home, which is the lane's, into its block; how many it took. */
u32 collected_refill(struct lane *l, u32 home, u32 kind, u32 cls, void **objs, u32 n);

/* Give all objects of a stopped lane's caches back. */
void collected_drain(struct lane *l);

/* Stop each lane in turn and do so. False: cannot (fence.h). Inside a slow path. */
bool collected_drain_all(void);

/* Show the lane's caches to its CPU, or hide them. Lock held. */
void collected_publish(struct lane *l);
void collected_hide(struct lane *l);

#endif
