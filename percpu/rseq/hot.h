/* SPDX-License-Identifier: MIT */
/*
 * hot.h - everything the fast path reads, in two cache lines that are
 * written at start and, but for gen, hardly ever again.
 *
 * Zeroes lead every malloc and free to the slow path, which starts Lane.
 */
#ifndef PERCPU_HOT_H
#define PERCPU_HOT_H

#include "compiler.h"
#include "cpu_block.h"
#include "layout.h"

/*
 * A table has one pointer per CPU index (cpu_id or mm_cid). Sections leave before
 * they use the index of a thread without rseq (-1); should one not, the guards
 * lead it to the slow path.
 */
#define LANE_GUARDS 8u
#define MAX_LANES 8192u

struct lane_hot {
	/*
	 * Sizes up to this take the fast path: SMALL_MAX, or 0 to lead every
	 * malloc to the slow path (before start; in lock mode; where objects are
	 * checked, check.h; while release.c wants to see each).
	 */
	u64 small_limit;
	s64 rseq_offset;  /* of the thread's rseq area from its thread pointer */
	s64 index_offset; /* of the field that says which cache: cpu_id or mm_cid */
	struct cpu_cache *
		*local; /* by index: the cache for the CPU's own node; dummy = slow path */
	struct cpu_cache *
		*caches; /* by index: its caches for all homes, one behind the other; likewise */
	uintptr_t base;	 /* first byte of heap 0; constant once set */
	/* Granules (MIN_ALIGN bytes) of heap whose free takes the fast path; 0 as small_limit. */
	u64 free_limit;
	/* by index: its caches for collected objects (collected.h); NULL without a collected heap
	 */
	struct cpu_cache **collected;
	const u32 *pagemap; /* by page: block_of() its objects; 0 = ask the span */
	/*
	 * Number of the current generation << WORD_IDX_BITS. Blocks compare its low
	 * WORD_GEN_BITS, books all of it; one variable, so that both change at once.
	 * Written by snapshot.c under its lock.
	 */
	u64 gen;
} __aligned_to(CACHE_LINE);

extern struct lane_hot hot;

#endif
