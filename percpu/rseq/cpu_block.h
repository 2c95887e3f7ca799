/* SPDX-License-Identifier: MIT */
/*
 * cpu_block.h - one CPU's cache of one size class, and its books.
 *
 * The word holds the count of objects, the generation it was last used in and
 * the operations done, so that one store moves an object *and* counts it *and*
 * says in which generation:
 *
 *	63             25  24   23       10 9        0
 *	+----------------+------+-----------+---------+
 *	| pops, and what | flip | generation| objects |
 *	| they began at  |      |           | (idx)   |
 *	+----------------+------+-----------+---------+
 *
 * Who writes: only a thread that runs on the block's CPU, in a restartable
 * sequence whose last instruction is the store of the word; or, while the CPU
 * is stopped or in lock mode, the holder of the lane's lock (lanes.h). Nobody
 * else, ever. So there is never more than one writer.
 *
 * Generation. Every section loads hot.gen and goes to the slow path where the
 * word has another one. The slow path *rolls* the block: word and flows are
 * copied to the baseline, then the word is stored with the new generation.
 * An operation belongs to the generation that its section loaded. See
 * snapshot.c for what readers make of it.
 *
 * Flows. What moves in batches changes several counts at once. There are two
 * copies; the word's flip bit says which one is valid. A batch section writes
 * the other copy and then commits idx and flip in one store.
 *
 * Pops. The field begins at a number of the profile's choice, so that it is full
 * when the pop that is to be sampled comes: that one overflows, which leads it to
 * the slow path. There the field begins anew (arm), and flow.pops takes what it
 * had and gives what it begins at. So pops done = flow.pops + the field, in
 * numbers that wrap around, and no field ever loses a count. Without a profile it
 * begins at 0 and is full after 2^39 pops.
 *
 * Pushes have no counter: pushes = idx + pops + out - in.
 */
#ifndef PERCPU_CPU_BLOCK_H
#define PERCPU_CPU_BLOCK_H

#include "compiler.h"
#include "layout.h"
#include "size_class.h"

#define WORD_IDX_BITS 10
#define WORD_GEN_BITS 14
#define WORD_IDX_MASK ((1u << WORD_IDX_BITS) - 1)
#define WORD_GEN_ONE (1u << WORD_IDX_BITS)
#define WORD_GEN_MASK (((1u << WORD_GEN_BITS) - 1) << WORD_IDX_BITS)
#define WORD_LOW_MASK (WORD_GEN_MASK | WORD_IDX_MASK)
#define WORD_FLIP_SHIFT (WORD_IDX_BITS + WORD_GEN_BITS)
#define WORD_FLIP (1u << WORD_FLIP_SHIFT)
#define WORD_POP_SHIFT (WORD_FLIP_SHIFT + 1)
#define WORD_POP_ONE (1ULL << WORD_POP_SHIFT)
#define WORD_POPS_MAX (~0ULL >> WORD_POP_SHIFT)

/* Generation 0 is never hot.gen: a word of zeroes fails every test and so leads to the slow path.
 */
#define GEN_NEVER 0u

struct cpu_block {
	u64 word; /* see above */
	u32 cap;  /* objects it may hold; any slow path on the CPU (cpu_capacity.c) */
	u32 zero; /* with cap, what a push finds below slot[0]: no object lies at an address so low
		   */
	void *slot[];
};

/* Running totals of one block; objects, but for the last two. */
struct block_flow {
	u64 pops;    /* objects handed out, less the pops of the word; wraps around */
	u64 in;	     /* objects that refills put in */
	u64 out;     /* objects that flushes took out */
	u64 refills; /* batches */
	u64 flushes; /* batches */
};

struct block_book {
	struct block_flow flow[2]; /* valid one by the word's flip bit */
	struct block_flow base;	   /* at the roll into the word's generation */
	u64 base_word;		   /* likewise */
};

/*
 * All blocks of one CPU for objects of one home: its own node for malloc and
 * free, or another node, to which frees are then sent in batches. The caches of
 * a CPU for all homes lie one behind the other, so that home and class together
 * are one offset (block_of()), which the pagemap has ready for free().
 *
 * A cache of zeroes works: it is empty and full at once, in no generation.
 * One that is never written (the dummy) stands in for CPUs that are not up.
 */
struct cpu_cache {
	u64 never;    /* the block of class 0: always zero */
	u32 home_tag; /* index of the home + 1; constant; 0 in the dummy */
	u32 pad;
	u64 used; /* bit per class: block was ever used; atomic or, set before the first roll */
	u64 rate; /* that the pops of its blocks began by (prof_arm.h), bytes; lane's lock */
	u64 spare[4];
	struct block_book book[NR_CLASSES];
	/* blocks follow, each at size_classes[].block cache lines from the start */
} __aligned_to(CACHE_LINE);

#define CPU_CACHE_HEADER_LINES (sizeof(struct cpu_cache) / CACHE_LINE)

static inline u32 word_idx(u64 word)
{
	return (u32)word & WORD_IDX_MASK;
}

static inline u32 word_gen(u64 word)
{
	return (u32)word & WORD_GEN_MASK;
}

static inline u32 word_flip(u64 word)
{
	return (u32)(word >> WORD_FLIP_SHIFT) & 1;
}

static inline u64 word_pops(u64 word)
{
	return word >> WORD_POP_SHIFT;
}

/* Where the block of @cls lies in its cache, bytes. */
static inline u32 block_offset(u32 cls)
{
	return (u32)size_classes[cls].block * CACHE_LINE;
}

/* Where its book lies. */
static inline u32 book_offset(u32 cls)
{
	return (u32)(offsetof(struct cpu_cache, book) + cls * sizeof(struct block_book));
}

/* Where the cache for @home lies in a CPU's caches, bytes. */
static inline u32 home_offset(u32 home)
{
	return home * cpu_cache_bytes;
}

/* Where a CPU's caches have the block for objects of @home and @cls, bytes; never 0. */
static inline u32 block_of(u32 home, u32 cls)
{
	return home_offset(home) + block_offset(cls);
}

static inline struct cpu_block *cache_block(struct cpu_cache *cache, u32 cls)
{
	return (struct cpu_block *)((char *)cache + block_offset(cls));
}

/*
 * The operations in C, for the holder of the lane's lock inside its window
 * (lanes.h): what rseq_ops.h specifies, without restart. Each rolls first.
 */
void *block_pop_locked(struct cpu_cache *cache, u32 cls);
/* 1 done, 0 full, -1 @obj lies on top already: a double free */
int block_push_locked(struct cpu_cache *cache, u32 cls, void *obj);
/* How many of the @n objects fitted, or were there. */
u32 block_refill_locked(struct cpu_cache *cache, u32 cls, void **objs, u32 n);
u32 block_flush_locked(struct cpu_cache *cache, u32 cls, void **objs, u32 n);
/* The pops begin anew at @start; after a roll. */
void block_arm_locked(struct cpu_cache *cache, u32 cls, u64 start);
/* Only roll: the block then carries the current generation. */
void block_roll_locked(struct cpu_cache *cache, u32 cls);

#endif
