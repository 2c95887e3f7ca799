// SPDX-License-Identifier: MIT
#include "collected.h"

#include <errno.h>
#include <sys/mman.h>

#include "atomic.h"
#include "cpu_capacity.h"
#include "hooks.h"
#include "meta.h"
#include "os.h"
#include "prof_arm.h"

#define DRAIN_BATCH 64u

struct hooks hooks;

static struct cpu_cache *dummy; /* of zeroes, never written */

/*
 * What sections take for the thread's rseq area in lock mode: that of a thread without rseq, which
 * leads to the slow path. malloc's do not run then; those of collected objects look at nothing
 * before.
 */
static __thread struct {
	u32 cpu_id_start;
	s32 cpu_id;
	u64 rseq_cs;
	u64 rest[2];
} no_rseq __attribute__((aligned(32))) = {.cpu_id = -1};

int collected_init(void)
{
	size_t bytes = (size_t)COLLECTED_KINDS * cpu_cache_bytes;
	struct cpu_cache **table;

	if (hot.collected)
		return 0;
	if (!dummy) {
		void *p = os.map(bytes, PROT_READ);

		if (os_is_err(p))
			return -ENOMEM;
		dummy = p;
		meta_account(bytes, 0);
	}
	table = meta_alloc((LANE_GUARDS + nr_lanes) * sizeof(*table), CACHE_LINE);
	if (!table)
		return -ENOMEM;
	for (u32 i = 0; i < LANE_GUARDS + nr_lanes; i++)
		table[i] = dummy;
	if (lanes_locked())
		hot.rseq_offset = (char *)&no_rseq - (char *)__builtin_thread_pointer();
	smp_store_release(&hot.collected, table + LANE_GUARDS);
	return 0;
}

void collected_publish(struct lane *l)
{
	if (!l->collected || lanes_locked())
		return;
	collected_cache(l, 0)->home_tag = l->home + 1;
	smp_store_release(&hot.collected[l->index], collected_cache(l, 0));
}

void collected_hide(struct lane *l)
{
	if (hot.collected)
		WRITE_ONCE(hot.collected[l->index], dummy);
}

static bool bring_up(struct lane *l)
{
	bool up = false;

	spin_lock(&l->lock);
	if (!l->collected && l->state == LANE_UP) {
		char *p = meta_alloc((size_t)COLLECTED_KINDS * cpu_cache_bytes, os_page_size);

		if (p)
			((struct cpu_cache *)p)->rate = READ_ONCE(prof_bytes);
		smp_store_release(&l->collected, p); /* pairs with collected_prepare() */
	}
	if (l->collected && l->state == LANE_UP) {
		collected_publish(l);
		up = true;
	}
	spin_unlock(&l->lock);
	return up;
}

/* As use_block() in lanes.c. The rate of all kinds is that of the first (prof_arm.h). */
static void use_block(struct lane *l, u32 kind, u32 cls)
{
	struct cpu_cache *c = collected_cache(l, kind), *first = collected_cache(l, 0);
	struct cpu_block *block = cache_block(c, cls);

	spin_lock(&l->lock);
	if (!READ_ONCE(block->cap)) {
		if (!(READ_ONCE(c->used) >> cls & 1)) {
			u64 start = prof_start(first->rate, cls);

			WRITE_ONCE(c->book[cls].flow[0].pops, -start);
			WRITE_ONCE(block->word, start << WORD_POP_SHIFT);
		}
		/* Full barrier: a reader that sees the bit sees where the pops began. */
		if (!(READ_ONCE(c->used) >> cls & 1))
			atomic_or(&c->used, 1ULL << cls);
		capacity_grant_first(l, block, cls, capacity_first(cls));
	}
	spin_unlock(&l->lock);
}

static struct cpu_block *block_of_kind(struct lane *l, u32 kind, u32 cls)
{
	return cache_block(collected_cache(l, kind), cls);
}

bool collected_prepare(struct lane *l, u32 kind, u32 cls)
{
	if (!lane_is_up(l))
		return false;
	/* pairs with bring_up(): the caches before their pointer */
	if (!smp_load_acquire(&l->collected) && !bring_up(l))
		return false;
	if (!READ_ONCE(block_of_kind(l, kind, cls)->cap))
		use_block(l, kind, cls);
	if (lanes_locked())
		return true;
	return rseq_roll(hot.collected, collected_block(kind, cls),
			 kind * cpu_cache_bytes + book_offset(cls)) != RSEQ_NO_CACHE;
}

void *collected_pop(struct lane *l, u32 kind, u32 cls)
{
	void *obj = NULL;

	if (!lanes_locked())
		return collected_pop_fast(collected_block(kind, cls));
	spin_lock(&l->lock);
	if (l->state == LANE_UP) {
		lane_window_open(l);
		obj = block_pop_locked(collected_cache(l, kind), cls);
		lane_window_close(l);
	}
	spin_unlock(&l->lock);
	return obj;
}

bool collected_arm(struct lane *l, u32 kind, u32 cls, u64 *rate)
{
	struct cpu_cache *cache = collected_cache(l, kind);
	struct cpu_block *block = cache_block(cache, cls);
	bool armed = false;
	u64 start;

	if (likely(word_pops(READ_ONCE(block->word)) != WORD_POPS_MAX))
		return false;
	if (!lanes_locked()) {
		struct rseq_arming a = {.block = collected_block(kind, cls),
					.book = kind * cpu_cache_bytes + book_offset(cls),
					.table = hot.collected};

		*rate = a.rate = READ_ONCE(collected_cache(l, 0)->rate);
		start = prof_start(a.rate, cls);
		a.pops = WORD_POPS_MAX - start;
		a.start = start << WORD_POP_SHIFT;
		return rseq_arm(&a) && a.rate;
	}
	spin_lock(&l->lock);
	if (l->state == LANE_UP && word_pops(block->word) == WORD_POPS_MAX) {
		*rate = collected_cache(l, 0)->rate;
		lane_window_open(l);
		block_arm_locked(cache, cls, prof_start(*rate, cls));
		lane_window_close(l);
		armed = *rate != 0;
	}
	spin_unlock(&l->lock);
	return armed;
}

void collected_set_rate(struct lane *l, u64 rate)
{
	lockdep_assert_held(&l->lock);
	if (!l->collected)
		return;
	collected_cache(l, 0)->rate = rate;
	for (u32 kind = 0; kind < COLLECTED_KINDS; kind++) {
		struct cpu_cache *c = collected_cache(l, kind);

		for (u64 used = c->used; used; used &= used - 1) {
			u32 cls = (u32)__builtin_ctzll(used);

			block_arm_locked(c, cls, prof_start(rate, cls));
		}
	}
}

u32 collected_batch(struct lane *l, u32 kind, u32 cls)
{
	struct cpu_block *b = block_of_kind(l, kind, cls);

	capacity_grow(l, b, cls);
	return min(max(READ_ONCE(b->cap), 1u), CAPACITY_BATCH_MAX);
}

u32 collected_refill(struct lane *l, u32 home, u32 kind, u32 cls, void **objs, u32 n)
{
	u32 put = 0;

	if (!lanes_locked()) {
		struct rseq_batch b = {.block = collected_block(kind, cls),
				       .book = kind * cpu_cache_bytes + book_offset(cls),
				       .objs = objs,
				       .n = n,
				       .home_tag = home + 1,
				       .table = hot.collected};

		put = rseq_refill(&b);
		if (!put && rseq_roll(hot.collected, b.block, b.book) == RSEQ_ROLLED)
			put = rseq_refill(&b);
		return put;
	}
	spin_lock(&l->lock);
	if (l->state == LANE_UP && l->home == home) {
		lane_window_open(l);
		put = block_refill_locked(collected_cache(l, kind), cls, objs, n);
		lane_window_close(l);
	}
	spin_unlock(&l->lock);
	return put;
}

static void drain_block(struct lane *l, u32 kind, u32 cls)
{
	struct cpu_cache *c = collected_cache(l, kind);
	void *objs[DRAIN_BATCH];
	u32 n;

	do {
		lane_window_open(l);
		n = block_flush_locked(c, cls, objs, DRAIN_BATCH);
		lane_window_close(l);
		if (n)
			hooks.put(l->home, kind, cls, objs, n);
	} while (n == DRAIN_BATCH);
	capacity_revoke(l, cache_block(c, cls), cls);
}

void collected_drain(struct lane *l)
{
	lockdep_assert_held(&l->lock);
	if (!l->collected)
		return;
	for (u32 kind = 0; kind < COLLECTED_KINDS; kind++) {
		for (u64 used = collected_cache(l, kind)->used; used; used &= used - 1)
			drain_block(l, kind, (u32)__builtin_ctzll(used));
	}
}

bool collected_drain_all(void)
{
	struct lane *set[LANE_STOP_MAX];
	u32 n = 0;

	for (u32 i = 0; i < nr_lanes; i++) {
		/*
		 * Also lanes that have none yet, as one of them may be made just now; but not
		 * those that are down, which have no cache at all (collected_prepare()).
		 */
		if (READ_ONCE(lanes[i].state) != LANE_DOWN)
			set[n++] = &lanes[i];
		if (n == LANE_STOP_MAX || (n && i + 1 == nr_lanes)) {
			if (!lanes_stop(set, n))
				return false;
			for (u32 k = 0; k < n; k++)
				collected_drain(set[k]);
			lanes_start(set, n);
			n = 0;
		}
	}
	return true;
}
