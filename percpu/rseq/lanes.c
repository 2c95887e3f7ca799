// SPDX-License-Identifier: MIT
#include "lanes.h"

#include <errno.h>
#include <lane/lane.h>
#include <sched.h>
#include <sys/mman.h>

#include "atomic.h"
#include "bug.h"
#include "check.h"
#include "collected.h"
#include "cpu_capacity.h"
#include "meta.h"
#include "node_heap.h"
#include "os.h"
#include "prof_arm.h"
#include "space.h"

struct lane_hot hot;
struct lane *lanes;
u32 nr_lanes;
u32 mode = LANE_MODE_LOCK;
struct cpu_cache *dummy_cache;

static void table_init(struct cpu_cache **table, u32 n)
{
	for (s64 i = -(s64)LANE_GUARDS; i < (s64)n; i++)
		table[i] = dummy_cache;
}

int lanes_init(u32 n, u32 homes)
{
	size_t bytes = (size_t)homes * cpu_cache_bytes;
	size_t table = (LANE_GUARDS + n) * sizeof(struct cpu_cache *);
	char *tables;

	/* Read only: the kernel backs it with its one page of zeroes. */
	if (!dummy_cache) {
		void *p = os.map(bytes, PROT_READ);

		if (os_is_err(p))
			return -ENOMEM;
		dummy_cache = p;
		meta_account(bytes, 0);
	}
	if (!lanes)
		lanes = meta_alloc(n * sizeof(*lanes), sizeof(*lanes));
	tables = meta_alloc(2 * table, CACHE_LINE);
	if (!lanes || !tables)
		return -ENOMEM;
	hot.local = (struct cpu_cache **)tables + LANE_GUARDS;
	hot.caches = (struct cpu_cache **)(tables + table) + LANE_GUARDS;
	table_init(hot.local, n);
	table_init(hot.caches, n);
	for (u32 i = 0; i < n; i++) {
		struct lane *l = &lanes[i];

		spin_lock_init(&l->lock, RANK_LANE);
		l->index = i;
	}
	nr_lanes = n;
	return 0;
}

void lanes_open_fast_path(void)
{
	bool open = !lanes_locked() && !check.on;

	WRITE_ONCE(check.fast, check.on && !lanes_locked());
	/* The release orders all of hot and the tables before the fast path's first use. */
	smp_store_release(&hot.free_limit, open ? space.limit >> MIN_ALIGN_SHIFT : 0);
	smp_store_release(&hot.small_limit, open ? SMALL_MAX : 0);
}

struct lane *this_lane(void)
{
	char *tp = __builtin_thread_pointer();
	s32 i;

	if (lanes_locked()) {
		int saved_errno = errno;

		i = sched_getcpu();
		errno = saved_errno;
		return &lanes[i < 0 ? 0 : (u32)i % nr_lanes];
	}
	if (READ_ONCE(*(s32 *)(tp + hot.rseq_offset + 4)) < 0)
		return NULL;
	i = READ_ONCE(*(s32 *)(tp + hot.index_offset));
	return &lanes[i];
}

void lane_publish(struct lane *l)
{
	DEBUG_BUG_ON(!l->caches);
	lane_cache(l, l->home)->home_tag = l->home + 1;
	if (lanes_locked())
		return;
	smp_store_release(&hot.caches[l->index], lane_cache(l, 0));
	smp_store_release(&hot.local[l->index], lane_cache(l, l->home));
	collected_publish(l);
}

void lanes_watch_mallocs(bool watch)
{
	u64 limit = watch || lanes_locked() || check.on ? 0 : SMALL_MAX;

	if (check.on)
		WRITE_ONCE(check.fast, !watch && !lanes_locked());
	if (READ_ONCE(hot.small_limit) != limit)
		WRITE_ONCE(hot.small_limit, limit);
}

void lane_hide(struct lane *l)
{
	WRITE_ONCE(hot.caches[l->index], dummy_cache);
	WRITE_ONCE(hot.local[l->index], dummy_cache);
	collected_hide(l);
}

static bool bring_up(struct lane *l)
{
	bool up = false;

	spin_lock(&l->lock);
	if (!l->caches && l->state != LANE_STOPPED) {
		char *caches = meta_alloc((size_t)space.nr_homes * cpu_cache_bytes, os_page_size);

		smp_store_release(&l->caches, caches); /* pairs with readers of the pointer */
	}
	if (l->caches && l->state != LANE_STOPPED) {
		smp_store_release(&l->state, LANE_UP); /* pairs with lane_prepare() */
		lane_publish(l);
		up = true;
	}
	spin_unlock(&l->lock);
	return up;
}

/*
 * The first time no section can roll the block yet: its capacity was never anything but 0. So its
 * pops begin here; later a section that saw a capacity may be about to roll it.
 */
static void use_block(struct lane *l, u32 home, u32 cls)
{
	struct cpu_cache *c = lane_cache(l, home);
	struct cpu_block *block = cache_block(c, cls);
	bool own = home == l->home;

	spin_lock(&l->lock);
	if (!READ_ONCE(block->cap)) {
		if (!c->used)
			c->rate = READ_ONCE(prof_bytes);
		if (own && !(READ_ONCE(c->used) >> cls & 1)) {
			u64 start = prof_start(c->rate, cls);

			WRITE_ONCE(c->book[cls].flow[0].pops, -start);
			WRITE_ONCE(block->word, start << WORD_POP_SHIFT);
		}
		if (!(READ_ONCE(l->rows) >> home & 1))
			atomic_or(&l->rows, 1u << home); /* full barrier; pairs with lane_rows() */
		/* Full barrier: a reader that sees the bit sees where the pops began. */
		if (!(READ_ONCE(c->used) >> cls & 1))
			atomic_or(&c->used, 1ULL << cls);
		capacity_grant_first(l, block, cls,
				     own ? capacity_first(cls) : capacity_outgoing(cls));
	}
	spin_unlock(&l->lock);
}

bool lane_is_up(struct lane *l)
{
	u32 state = smp_load_acquire(&l->state); /* pairs with bring_up(): caches before UP */

	return state == LANE_UP || (state == LANE_DOWN && bring_up(l));
}

/* One of the operations past the block; false where they are used up. */
static bool spend_direct(struct lane *l)
{
	u32 left = READ_ONCE(l->direct_left);

	if (!left) {
		WRITE_ONCE(l->direct, 0);
		return false;
	}
	WRITE_ONCE(l->direct_left, left - 1);
	return true;
}

bool lane_prepare(struct lane *l, u32 home, u32 cls)
{
	if (!lane_is_up(l))
		return false;
	if (READ_ONCE(cache_block(lane_cache(l, home), cls)->cap))
		return true;
	if (home == l->home && lane_is_direct(l, cls) && spend_direct(l))
		return false;
	use_block(l, home, cls);
	return true;
}
