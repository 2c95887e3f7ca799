/* SPDX-License-Identifier: MIT */
/*
 * rseq_ops.h - the restartable sequences: what each does, for all
 * architectures. rseq_<arch>.h says the same in instructions.
 *
 * Every section begins
 *
 *	rseq->rseq_cs = &descriptor
 *    start:
 *	rseq->cpu_id < 0: as without a cache	(a thread without rseq)
 *	cache = table[rseq->[hot.index_offset]]
 *	word  = block->word			(block of the class, in cache)
 *	t     = (word ^ hot.gen) & WORD_LOW_MASK
 *
 * so that t is the number of objects where the generation is current, and
 * larger than any number of objects where it is not. The last instruction is
 * the store of block->word. The kernel restarts a section that was preempted,
 * migrated or interrupted by a signal before that store, so:
 *
 *  - all is loaded again inside; nothing computed outside reaches the store;
 *  - the stores before it are harmless when repeated or abandoned: they go to
 *    slots above idx, to the flow copy that is not valid, to the baseline of a
 *    block that has not rolled, or to the caller's own memory;
 *  - no call, no system call, no probe.
 *
 * pop(block)			t - 1 >= WORD_IDX_MASK: slow
 *				obj = slot[t - 1]
 *				word + WORD_POP_ONE - 1; pops overflow: slow
 *
 * push(block, obj)		t >= cap: slow
 *				slot[t - 1] == obj: double free
 *				slot[t] = obj
 *				word + 1
 *
 * roll(table, block)		cap == 0: RSEQ_NO_CACHE
 *				t <= WORD_IDX_MASK: RSEQ_CURRENT
 *				base = flow[flip], base_word = word
 *				word with generation of hot.gen: RSEQ_ROLLED
 *
 * refill(block, objs, n)	n == 0, or cache->home_tag is not the batch's: 0
 *				t >= cap: 0
 *				k = min(n, cap - t); slot[t..] = objs[0..k]
 *				flow[!flip] = flow[flip] + {in k, refills 1}
 *				word with idx + k, !flip: k
 *
 * flush(table, block, objs, n)	n == 0, t == 0 or t > WORD_IDX_MASK: 0
 *				k = min(n, t); objs[0..k] = slot[t - k..]
 *				flow[!flip] = flow[flip] + {out k, flushes 1}
 *				word with idx - k, !flip: k
 *
 * arm(block, rate, start)	cache->rate is not rate, or t > WORD_IDX_MASK: 0
 *				pops of word < WORD_POPS_MAX: 0
 *				flow[!flip] = flow[flip] + {pops WORD_POPS_MAX - start}
 *				word with pops start, !flip: 1
 *
 * One section is of no use but to see whether the kernel restarts sections
 * (rseq_restart.h):
 *
 * spin(area, inside, go, looks)	starts++ (before the start, so that it counts)
 *				*inside = 1
 *				until *go: looks--, until that is 0
 *				returns starts
 *
 * Order of stores, for readers (snapshot.c) on other CPUs: the baseline is
 * visible before the word with the new generation, and that word before any
 * later change of the flows. x86 stores are in order; arm64 commits the roll
 * by a release store and begins the writing of flows with a store barrier.
 *
 * store_if(word, is, slot, value)	(needs no cache)
 *				*word != is: false
 *				*slot = value, a release store: true
 *
 * so that after *word was changed and a fence no store is in flight that saw it as it
 * was: the barrier of the collected heap.
 *
 * The table for malloc, refills and arming is hot.local; for what comes from free() it
 * is hot.caches, and the block's offset includes the home's.
 * In the test build RSEQ_INJECT(n) puts a test point between instructions
 * (rseq_inject.h).
 */
#ifndef PERCPU_RSEQ_OPS_H
#define PERCPU_RSEQ_OPS_H

#include "cpu_block.h"
#include "hot.h"

enum rseq_roll_result {
	/* Nothing may be cached: a young block, a CPU that is down or stopped, no rseq. */
	RSEQ_NO_CACHE = -1,
	RSEQ_CURRENT = 0,
	RSEQ_ROLLED = 1,
};

enum rseq_push_result {
	RSEQ_PUSHED,
	RSEQ_PUSH_SLOW,
	RSEQ_PUSH_DOUBLE, /* the object lies on top of the block already */
};

/* What a batch section reads, in the caller's memory. */
struct rseq_batch {
	u64 block;    /* block_offset() */
	u64 book;     /* book_offset() */
	void **objs;  /* refill: source, flush: destination */
	u64 n;	      /* objects */
	u64 home_tag; /* refill: home of the objects + 1 */
	struct cpu_cache **table;
};

/* What arm reads, likewise. */
struct rseq_arming {
	u64 block; /* block_offset() */
	u64 book;  /* book_offset() */
	u64 rate;  /* that start was drawn for, bytes */
	u64 pops;  /* WORD_POPS_MAX - start */
	u64 start; /* << WORD_POP_SHIFT */
	struct cpu_cache **table;
};

BUILD_BUG_ON(offsetof(struct rseq_batch, block) != 0);
BUILD_BUG_ON(offsetof(struct rseq_batch, book) != 8);
BUILD_BUG_ON(offsetof(struct rseq_batch, objs) != 16);
BUILD_BUG_ON(offsetof(struct rseq_batch, n) != 24);
BUILD_BUG_ON(offsetof(struct rseq_batch, home_tag) != 32);
BUILD_BUG_ON(offsetof(struct rseq_batch, table) != 40);
BUILD_BUG_ON(offsetof(struct rseq_arming, book) != 8);
BUILD_BUG_ON(offsetof(struct rseq_arming, rate) != 16);
BUILD_BUG_ON(offsetof(struct rseq_arming, pops) != 24);
BUILD_BUG_ON(offsetof(struct rseq_arming, start) != 32);
BUILD_BUG_ON(offsetof(struct cpu_block, cap) != 8);
BUILD_BUG_ON(offsetof(struct cpu_block, slot) != 16);
BUILD_BUG_ON(offsetof(struct cpu_cache, home_tag) != 8);
BUILD_BUG_ON(offsetof(struct cpu_cache, rate) != 24);
BUILD_BUG_ON(sizeof(struct block_flow) != 40);
BUILD_BUG_ON(offsetof(struct block_book, base) != 80);
BUILD_BUG_ON(offsetof(struct block_book, base_word) != 120);
BUILD_BUG_ON(WORD_LOW_MASK != 0xffffff || WORD_IDX_MASK != 1023 || WORD_FLIP != 1u << 24);

/* Test points: nothing, unless the test build defines them. */
#ifdef LANE_RSEQ_INJECT
#include "rseq_inject.h"
#else
#define RSEQ_INJECT(n)
#define RSEQ_INJECT_INPUT
#endif

/*
 * A zero that the compiler cannot see through. gcc 12 loses a constant that is
 * returned behind a label of an asm goto with outputs, where the other path
 * returns an output (seen: the NULL of rseq_pop() became what was in a register).
 */
static __always_inline u64 rseq_nothing(void)
{
	u64 zero;

	__asm__ __volatile__("" : "=r"(zero) : "0"(0UL));
	return zero;
}

#if defined(LANE_NO_RSEQ)
#include "rseq_none.h"
#elif defined(__x86_64__)
#include "rseq_x86_64.h"
#elif defined(__aarch64__)
#include "rseq_arm64.h"
#else
#include "rseq_none.h"
#endif

/* From the CPU's cache for malloc. */
static __always_inline void *rseq_pop(u64 block)
{
	return rseq_pop_from(hot.local, block);
}

#endif
