/* SPDX-License-Identifier: MIT */
/*
 * cpu_capacity.h - how many objects each block may cache.
 *
 * A block starts small and doubles each time it runs empty or full, so that
 * a cache costs what its use is worth. Every byte of capacity is granted from
 * two budgets: the CPU's (cpu_cache_max) and the process' (cpu_cache_total).
 * When they are spent, one in TAKE_EVERY misses on the CPU lets the block take
 * from its neighbours in turn: so capacity moves to where the misses are, and
 * what moving it costs stays small beside them.
 *
 * The arithmetic is pure; the grants are atomic counters, exact in sum.
 */
#ifndef PERCPU_CPU_CAPACITY_H
#define PERCPU_CPU_CAPACITY_H

#include "compiler.h"
#include "lanes.h"

/*
 * Pure: capacity of a young block for objects of the CPU's own node, or of one
 * for another node's; what follows @cap; objects to move at capacity @cap.
 */
u32 capacity_first(u32 cls);
u32 capacity_outgoing(u32 cls);
u32 capacity_next(u32 cls, u32 cap);
u32 capacity_batch(u32 cap);

#define CAPACITY_BATCH_MAX 256u /* objects moved at once, and so on the stack */

/* Give a block without capacity its first, @cap objects. */
void capacity_grant_first(struct lane *l, struct cpu_block *block, u32 cls, u32 cap);

/* Let the block grow where the budgets allow it; true if it did. */
bool capacity_grow(struct lane *l, struct cpu_block *block, u32 cls);

/* True where it can never grow. */
bool capacity_is_max(const struct cpu_block *block, u32 cls);

/* Count a miss without budget; true if the block may take from its neighbours this time. */
bool capacity_may_take(struct lane *l);

#define CAPACITY_VICTIMS 8u /* neighbours that one miss may shrink */

/*
 * Halve a neighbour of @cls in turn, to make room for it. Returns the class
 * whose block must be flushed down to its new capacity, or 0 for none.
 */
u32 capacity_shrink_neighbour(struct lane *l, struct cpu_cache *cache, u32 cls);

/* Take all capacity away; the lane is stopped, or the block is to be bypassed (pack.h). */
void capacity_revoke(struct lane *l, struct cpu_block *block, u32 cls);

/* Leave room for one object, so that a free soon finds the block full. */
void capacity_cut(struct lane *l, struct cpu_block *block, u32 cls);

/*
 * The budgets were lowered: drain the CPUs that have more than they may, so that
 * they begin anew. Takes the locks of lanes.
 */
void capacity_fit(void);

/* Bytes granted to all lanes. */
extern s64 capacity_total;

#endif
