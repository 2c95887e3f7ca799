/* SPDX-License-Identifier: MIT */
/*
 * section_world.h - all that a restartable sequence reads and writes, made by hand: the caches
 * of two CPUs, the thread's rseq area, the table. With the sections and their twins in C, the
 * states that they may begin from, and what others may do meanwhile.
 */
#ifndef LANE_UNIT_SECTION_WORLD_H
#define LANE_UNIT_SECTION_WORLD_H

#include "stepping.h"

#include "rseq_ops.h"

#define CLS 1u
#define MOST WORD_IDX_MASK /* objects of a block */
#define BATCH 9u
#define CACHE_WORDS (sizeof(struct cpu_cache) / 8 + 2 + MOST + 16)
#define HOME_TAG 3
#define RATE 4096
#define CLOSED 7 /* the barrier's word, where it is not 0 */

/* All that sections read and write; hot.gen goes with it. */
struct world {
	u64 cache[2][CACHE_WORDS] __aligned_to(CACHE_LINE);
	struct rseq_fields area; /* mm_cid says which cache */
	struct cpu_cache *table[4];
	void *objs[BATCH + 1];
	u64 gen;
	u32 closed;
	void *slot;
};

static struct world now;
static u64 down[CACHE_WORDS] __aligned_to(CACHE_LINE); /* what stands in for a CPU's caches */

/* What is tried. */
static void *object;
static struct rseq_batch batch;
static struct rseq_arming arming;
static u64 result;

static struct cpu_cache *cache_of(struct world *w, u32 cpu)
{
	return (struct cpu_cache *)w->cache[cpu];
}

static struct cpu_block *block_in(struct world *w, u32 cpu)
{
	return cache_block(cache_of(w, cpu), CLS);
}

static void save(struct world *w)
{
	*w = now;
	w->gen = hot.gen;
}

static void restore(const struct world *w)
{
	now = *w;
	hot.gen = w->gen;
}

/* The cache of this CPU, or NULL where the block may not be used so. */
static struct cpu_cache *mine(void)
{
	struct cpu_cache *c = now.area.cpu_id < 0 ? NULL : now.table[now.area.mm_cid];

	if (!c || word_gen(cache_block(c, CLS)->word) != ((u32)hot.gen & WORD_GEN_MASK))
		return NULL;
	return c;
}

/* The sections, and what they are to do. */

static __noinline void pop(void)
{
	result = (uintptr_t)rseq_pop_from(now.table, block_offset(CLS));
}

static void pop_in_c(void)
{
	struct cpu_cache *c = mine();

	result = c ? (uintptr_t)block_pop_locked(c, CLS) : 0;
}

static __noinline void push(void)
{
	result = (u64)rseq_push(block_offset(CLS), object);
}

static void push_in_c(void)
{
	struct cpu_cache *c = mine();
	int n = c ? block_push_locked(c, CLS, object) : 0;

	result = n == 1 ? RSEQ_PUSHED : n ? RSEQ_PUSH_DOUBLE : RSEQ_PUSH_SLOW;
}

static __noinline void roll(void)
{
	result = (u64)(s64)rseq_roll(now.table, block_offset(CLS), book_offset(CLS));
}

static void roll_in_c(void)
{
	struct cpu_cache *c = now.area.cpu_id < 0 ? NULL : now.table[now.area.mm_cid];

	if (!c || !cache_block(c, CLS)->cap) {
		result = (u64)RSEQ_NO_CACHE;
		return;
	}
	result = mine() ? RSEQ_CURRENT : RSEQ_ROLLED;
	block_roll_locked(c, CLS);
}

static __noinline void refill(void)
{
	result = rseq_refill(&batch);
}

static void refill_in_c(void)
{
	struct cpu_cache *c = mine();

	if (c && c->home_tag == batch.home_tag)
		result = block_refill_locked(c, CLS, batch.objs, (u32)batch.n);
	else
		result = 0;
}

static __noinline void flush(void)
{
	result = rseq_flush(&batch);
}

static void flush_in_c(void)
{
	struct cpu_cache *c = mine();

	result = c ? block_flush_locked(c, CLS, batch.objs, (u32)batch.n) : 0;
}

static __noinline void arm(void)
{
	result = rseq_arm(&arming);
}

static void arm_in_c(void)
{
	struct cpu_cache *c = mine();

	result = c && c->rate == arming.rate &&
		 word_pops(cache_block(c, CLS)->word) == WORD_POPS_MAX;
	if (result)
		block_arm_locked(c, CLS, arming.start >> WORD_POP_SHIFT);
}

static __noinline void store(void)
{
	result = rseq_store_if(&now.closed, 0, &now.slot, object);
}

static void store_in_c(void)
{
	result = now.area.cpu_id >= 0 && !now.closed;
	if (result)
		now.slot = object;
}

static __noinline void store_closed(void)
{
	result = rseq_store_if(&now.closed, CLOSED, &now.slot, object);
}

static void store_closed_in_c(void)
{
	result = now.area.cpu_id >= 0 && now.closed == CLOSED;
	if (result)
		now.slot = object;
}

/* What others do meanwhile. */

static struct cpu_cache *others(void)
{
	return now.table[now.area.mm_cid] == (void *)down ? NULL : now.table[now.area.mm_cid];
}

static void nothing(void)
{
}

static void others_pop(void)
{
	if (others())
		block_pop_locked(others(), CLS);
}

static void others_push(void)
{
	if (others())
		block_push_locked(others(), CLS, (void *)0x770000);
}

static void others_flush(void)
{
	void *objs[2];

	if (others())
		block_flush_locked(others(), CLS, objs, 2);
}

static void snapshot_begins(void)
{
	hot.gen += WORD_GEN_ONE;
}

static void others_roll(void)
{
	hot.gen += WORD_GEN_ONE;
	if (others())
		block_roll_locked(others(), CLS);
}

static void migrate(void)
{
	now.area.mm_cid ^= 1;
}

static void cpu_goes_down(void)
{
	now.table[now.area.mm_cid] = (struct cpu_cache *)down;
}

static void barrier_closes(void)
{
	now.closed = CLOSED;
}

static const struct {
	const char *name;
	void (*act)(void);
} disturbances[] = {
	{"nothing", nothing},
	{"others pop", others_pop},
	{"others push", others_push},
	{"others flush", others_flush},
	{"a snapshot begins", snapshot_begins},
	{"others roll", others_roll},
	{"it migrates", migrate},
	{"its CPU goes down", cpu_goes_down},
	{"the barrier is closed", barrier_closes},
};

/* The states to begin with. */

struct start {
	u32 objects, cap, flip;
	u32 other; /* xor to the generation */
	u64 pops;
	bool is_down, no_rseq, other_tag, other_rate, is_closed, twice;
	u32 n; /* objects of a batch */
};

static void fill_block(u32 cpu, const struct start *s)
{
	struct cpu_cache *c = cache_of(&now, cpu);
	struct cpu_block *block = cache_block(c, CLS);
	u64 *book = (u64 *)&c->book[CLS];

	/* Something else in each word, so that what is read from a wrong place differs. */
	for (size_t i = 0; i < CACHE_WORDS; i++)
		now.cache[cpu][i] = 0xfeed00000000ULL + (i << 8) + cpu;
	c->never = 0;
	c->home_tag = s->other_tag ? HOME_TAG + 1 : HOME_TAG;
	c->used = ~0ULL;
	c->rate = s->other_rate ? RATE * 2 : RATE;
	for (size_t i = 0; i < sizeof(struct block_book) / 8; i++)
		book[i] = 1000 * (cpu + 1) + i;
	block->cap = s->cap;
	block->zero = 0;
	for (u32 i = 0; i < MOST; i++)
		block->slot[i] = (void *)(uintptr_t)(0x10000000 * (cpu + 1) + 16 * i);
	block->word = s->pops << WORD_POP_SHIFT | (u64)s->flip << WORD_FLIP_SHIFT |
		      (((u32)hot.gen ^ s->other) & WORD_GEN_MASK) | s->objects;
}

static void begin(const struct start *s)
{
	struct start there = *s;

	memset(&now, 0, sizeof(now));
	hot.gen = (u64)((5u << WORD_GEN_BITS) + 0x2a55) << WORD_IDX_BITS;
	fill_block(0, s);
	/* The other CPU's block is in use, too, and differs. */
	there.objects = s->objects > 3 ? s->objects - 2 : s->objects + 2;
	there.flip = !s->flip;
	there.cap = MOST;
	there.other = 0;
	fill_block(1, &there);
	for (u32 i = 0; i < 2; i++)
		now.table[i] = cache_of(&now, i);
	now.table[2] = now.table[3] = (struct cpu_cache *)down;
	if (s->is_down)
		now.table[0] = (struct cpu_cache *)down;
	now.area.cpu_id = s->no_rseq ? -1 : 0;
	now.closed = s->is_closed ? CLOSED : 0;
	for (u32 i = 0; i < ARRAY_SIZE(now.objs); i++)
		now.objs[i] = (void *)(uintptr_t)(0x50000000 + 16 * i);
	object =
		s->twice && s->objects ? block_in(&now, 0)->slot[s->objects - 1] : (void *)0x660000;
	batch = (struct rseq_batch){.block = block_offset(CLS),
				    .book = book_offset(CLS),
				    .objs = now.objs,
				    .n = s->n,
				    .home_tag = HOME_TAG,
				    .table = now.table};
	arming = (struct rseq_arming){.block = block_offset(CLS),
				      .book = book_offset(CLS),
				      .rate = RATE,
				      .pops = WORD_POPS_MAX - 77,
				      .start = 77ULL << WORD_POP_SHIFT,
				      .table = now.table};
	hot.caches = now.table;
}

/*
 * Nothing is said about what a section may scribble on: slots above the objects, the copy of
 * the flows that is not valid, the baseline of a block that has not rolled, and its caller's
 * memory past the objects that it gave.
 */
static void forget_scribbles(struct world *w, u32 given)
{
	for (u32 cpu = 0; cpu < 2; cpu++) {
		struct block_book *book = &cache_of(w, cpu)->book[CLS];
		struct cpu_block *block = block_in(w, cpu);
		u32 objects = word_idx(block->word);

		memset(&block->slot[objects], 0, (MOST - objects) * sizeof(block->slot[0]));
		memset(&book->flow[!word_flip(block->word)], 0, sizeof(struct block_flow));
		if (word_gen(block->word) == ((u32)w->gen & WORD_GEN_MASK))
			continue;
		memset(&book->base, 0, sizeof(book->base));
		book->base_word = 0;
	}
	w->area.cs = 0;
	if (given != BATCH + 1)
		memset(&w->objs[given], 0, (BATCH + 1 - given) * sizeof(w->objs[0]));
}

#endif /* LANE_UNIT_SECTION_WORLD_H */
