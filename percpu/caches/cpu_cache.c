// SPDX-License-Identifier: MIT
#include "cpu_cache.h"

#include "cpu_capacity.h"
#include "errors.h"
#include "lanes.h"
#include "node_heap.h"
#include "prof_arm.h"
#include "prof_sample.h"
#include "rseq_ops.h"

/*
 * Each try makes the operation possible on the CPU that it sees; by the time it
 * runs, the thread may have moved or others may have used the room up. After
 * this many the operation goes past the caches, so that it ends.
 */
#define TRIES 4

/* The operations on the block of the CPU that runs this, in either mode. */

static int roll_local(struct lane *l, u32 cls)
{
	if (!lanes_locked())
		return rseq_roll(hot.local, block_offset(cls), book_offset(cls));
	return READ_ONCE(cache_block(lane_cache(l, l->home), cls)->cap) ? RSEQ_CURRENT
									: RSEQ_NO_CACHE;
}

static int roll_home(struct lane *l, u32 home, u32 cls)
{
	if (!lanes_locked())
		return rseq_roll(hot.caches, block_of(home, cls),
				 home_offset(home) + book_offset(cls));
	return READ_ONCE(cache_block(lane_cache(l, home), cls)->cap) ? RSEQ_CURRENT : RSEQ_NO_CACHE;
}

static void *try_pop(struct lane *l, u32 cls)
{
	void *obj = NULL;

	if (!lanes_locked())
		return rseq_pop(block_offset(cls));
	spin_lock(&l->lock);
	if (l->state == LANE_UP) {
		lane_window_open(l);
		obj = block_pop_locked(lane_cache(l, l->home), cls);
		lane_window_close(l);
	}
	spin_unlock(&l->lock);
	return obj;
}

static int try_push(struct lane *l, u32 home, u32 cls, void *obj)
{
	int pushed = 0;

	if (!lanes_locked())
		return rseq_push(block_of(home, cls), obj);
	spin_lock(&l->lock);
	if (l->state == LANE_UP) {
		lane_window_open(l);
		pushed = block_push_locked(lane_cache(l, home), cls, obj);
		lane_window_close(l);
	}
	spin_unlock(&l->lock);
	return pushed < 0 ? RSEQ_PUSH_DOUBLE : pushed ? RSEQ_PUSHED : RSEQ_PUSH_SLOW;
}

u32 cpu_cache_try_put(void **objs, u32 n, u32 cls, u32 home)
{
	struct rseq_batch b = {.block = block_offset(cls),
			       .book = book_offset(cls),
			       .objs = objs,
			       .n = n,
			       .home_tag = home + 1,
			       .table = hot.local};
	u32 put = rseq_refill(&b);

	if (!put && rseq_roll(hot.local, b.block, b.book) == RSEQ_ROLLED)
		put = rseq_refill(&b);
	return put;
}

/* How many of @objs[0..@n) the block took. */
static u32 try_refill(struct lane *l, u32 home, u32 cls, void **objs, u32 n)
{
	u32 put = 0;

	if (!lanes_locked())
		return cpu_cache_try_put(objs, n, cls, home);
	spin_lock(&l->lock);
	if (l->state == LANE_UP && l->home == home) {
		lane_window_open(l);
		put = block_refill_locked(lane_cache(l, l->home), cls, objs, n);
		lane_window_close(l);
	}
	spin_unlock(&l->lock);
	return put;
}

static u32 try_flush(struct lane *l, u32 home, u32 cls, void **objs, u32 n)
{
	u32 got = 0;

	if (!lanes_locked()) {
		struct rseq_batch b = {.block = block_of(home, cls),
				       .book = home_offset(home) + book_offset(cls),
				       .objs = objs,
				       .n = n,
				       .table = hot.caches};

		return rseq_flush(&b);
	}
	spin_lock(&l->lock);
	if (l->state == LANE_UP) {
		lane_window_open(l);
		got = block_flush_locked(lane_cache(l, home), cls, objs, n);
		lane_window_close(l);
	}
	spin_unlock(&l->lock);
	return got;
}

/* Give @n objects of the CPU's block back to their home. */
static void flush(struct lane *l, u32 home, u32 cls, u32 n)
{
	void *objs[CAPACITY_BATCH_MAX];

	n = try_flush(l, home, cls, objs, min(n, CAPACITY_BATCH_MAX));
	node_heap_put(node_heaps[home], cls, objs, n);
}

/* The block ran empty or full: let it grow, now and then at the cost of neighbours. */
static void grow(struct lane *l, struct cpu_block *block, u32 cls)
{
	struct cpu_cache *own = lane_cache(l, l->home);
	u32 victim, cap, idx;

	if (capacity_is_max(block, cls) || capacity_grow(l, block, cls) || !capacity_may_take(l))
		return;
	for (u32 i = 0; i < CAPACITY_VICTIMS; i++) {
		victim = capacity_shrink_neighbour(l, own, cls);
		if (!victim)
			return;
		cap = READ_ONCE(cache_block(own, victim)->cap);
		idx = word_idx(READ_ONCE(cache_block(own, victim)->word));
		if (idx > cap)
			flush(l, l->home, victim, idx - cap);
		if (capacity_grow(l, block, cls))
			return;
	}
}

/* False where there is no memory. */
static bool refill(struct lane *l, u32 cls)
{
	u32 home = READ_ONCE(l->home), got, put; /* the constructor may give it another meanwhile */
	struct node_heap *nh = node_heaps[home];
	struct cpu_block *block = cache_block(lane_cache(l, home), cls);
	void *objs[CAPACITY_BATCH_MAX];

	grow(l, block, cls);
	got = node_heap_get(nh, cls, objs, capacity_batch(READ_ONCE(block->cap)));
	if (!got)
		return false;
	put = try_refill(l, home, cls, objs, got);
	node_heap_put(nh, cls, objs + put, got - put);
	return true;
}

/*
 * The pops of the CPU's block are full: begin them anew. True where that was so
 * and by a rate, in *@rate: then the allocation at hand is the sampled one.
 */
static bool try_arm(struct lane *l, u32 cls, u64 *rate)
{
	struct cpu_cache *cache = lane_cache(l, l->home);
	struct cpu_block *block = cache_block(cache, cls);
	bool armed = false;
	u64 start;

	if (!lanes_locked()) {
		struct rseq_arming a = {
			.block = block_offset(cls), .book = book_offset(cls), .table = hot.local};

		*rate = a.rate = READ_ONCE(cache->rate);
		start = prof_start(a.rate, cls);
		a.pops = WORD_POPS_MAX - start;
		a.start = start << WORD_POP_SHIFT;
		return rseq_arm(&a) && a.rate;
	}
	spin_lock(&l->lock);
	if (l->state == LANE_UP && word_pops(block->word) == WORD_POPS_MAX) {
		*rate = cache->rate;
		lane_window_open(l);
		block_arm_locked(cache, cls, prof_start(cache->rate, cls));
		lane_window_close(l);
		armed = *rate != 0;
	}
	spin_unlock(&l->lock);
	return armed;
}

/* Whether an operation on @block may succeed; what it says of another CPU's may be old. */
static bool has_objects(struct cpu_block *block)
{
	return word_idx(READ_ONCE(block->word)) > 0;
}

static bool has_room(struct cpu_block *block)
{
	return word_idx(READ_ONCE(block->word)) < READ_ONCE(block->cap);
}

/* The lane is to go past its block (pack.h): what is there goes back to the spans. */
static void step_aside(struct lane *l, u32 cls)
{
	struct cpu_block *block = cache_block(lane_cache(l, l->home), cls);

	for (int i = 0; i < TRIES && has_objects(block); i++)
		flush(l, l->home, cls, CAPACITY_BATCH_MAX);
	capacity_revoke(l, block, cls);
}

void *cpu_cache_malloc(u32 cls, size_t size, size_t align)
{
	struct lane *l = NULL;

	for (int i = 0; i < TRIES; i++) {
		struct cpu_block *block;
		u64 rate;
		void *obj;

		l = this_lane();
		if (!l || !lane_prepare(l, l->home, cls))
			break;
		if (roll_local(l, cls) == RSEQ_NO_CACHE)
			continue;
		if (lane_is_direct(l, cls)) {
			step_aside(l, cls);
			break;
		}
		block = cache_block(lane_cache(l, l->home), cls);
		if (unlikely(word_pops(READ_ONCE(block->word)) == WORD_POPS_MAX) &&
		    try_arm(l, cls, &rate)) {
			obj = prof_malloc(node_heaps[l->home], cls, rate, size, align);
			if (obj)
				return obj;
		}
		if (!has_objects(block) && !refill(l, cls))
			return NULL;
		obj = try_pop(l, cls);
		if (obj)
			return obj;
	}
	return prof_malloc_direct(node_heaps[l ? l->home : 0], cls, size, align);
}

void cpu_cache_free(void *obj, u32 cls, u32 home)
{
	for (int i = 0; i < TRIES; i++) {
		struct lane *l = this_lane();
		struct cpu_block *block;
		u32 cap;

		if (!l || !lane_prepare(l, home, cls))
			break;
		if (roll_home(l, home, cls) == RSEQ_NO_CACHE)
			continue;
		if (home == l->home && lane_is_direct(l, cls)) {
			step_aside(l, cls);
			break;
		}
		block = cache_block(lane_cache(l, home), cls);
		if (!has_room(block)) {
			if (home == l->home)
				grow(l, block, cls);
			cap = READ_ONCE(block->cap); /* 0: drained since it was rolled */
			if (word_idx(READ_ONCE(block->word)) >= cap)
				flush(l, home, cls, home == l->home ? capacity_batch(cap) : cap);
		}
		switch (try_push(l, home, cls, obj)) {
		case RSEQ_PUSHED:
			return;
		case RSEQ_PUSH_DOUBLE:
			die_double_free(obj);
		}
	}
	node_heap_free(node_heaps[home], cls, obj);
}

void cpu_cache_put(void **objs, u32 n, u32 cls, u32 home)
{
	struct lane *l = this_lane();
	u32 put = 0;

	if (l && home == l->home && lane_prepare(l, home, cls)) {
		struct cpu_block *block = cache_block(lane_cache(l, home), cls);

		if (word_idx(READ_ONCE(block->word)) + n > READ_ONCE(block->cap))
			grow(l, block, cls);
		put = try_refill(l, home, cls, objs, n);
	}
	node_heap_put(node_heaps[home], cls, objs + put, n - put);
}
