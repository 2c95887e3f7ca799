// SPDX-License-Identifier: MIT
#include "lanes.h"

#include <errno.h>
#include <lane/lane.h>
#include <sched.h>
#include <sys/mman.h>

#include "atomic.h"
#include "cpu_capacity.h"
#include "meta.h"
#include "node_heap.h"
#include "os.h"
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
	size_t bytes = (size_t)cpu_cache_lines * CACHE_LINE;
	char *tables;

	/* Read only: the kernel backs it with its one page of zeroes. */
	dummy_cache = os.map(bytes, PROT_READ);
	if (os_is_err(dummy_cache))
		return -ENOMEM;
	meta_account(bytes, 0);
	lanes = meta_alloc(n * sizeof(*lanes), sizeof(*lanes));
	tables = meta_alloc((size_t)homes * HOME_TABLE_BYTES, CACHE_LINE);
	if (!tables || !lanes)
		return -ENOMEM;
	hot.home_tables = tables + LANE_GUARDS * sizeof(void *);
	/* Behind the first home's entries, in the same page on small machines. */
	hot.local = home_table(0) + n + LANE_GUARDS;
	for (u32 h = 0; h < homes; h++)
		table_init(home_table(h), n);
	table_init(hot.local, n);
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
	bool open = !lanes_locked();

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
	if (lanes_locked())
		return;
	for (u32 h = 0; h < nr_homes; h++) {
		if (l->cache[h])
			smp_store_release(&home_table(h)[l->index], l->cache[h]);
	}
	if (l->cache[l->home])
		smp_store_release(&hot.local[l->index], l->cache[l->home]);
}

void lane_hide(struct lane *l)
{
	for (u32 h = 0; h < nr_homes; h++)
		WRITE_ONCE(home_table(h)[l->index], dummy_cache);
	WRITE_ONCE(hot.local[l->index], dummy_cache);
}

/* Make the cache for @home; lock held. */
static struct cpu_cache *make_cache(struct lane *l, u32 home)
{
	struct cpu_cache *c;

	if (!l->cache) {
		struct cpu_cache **by_home = meta_alloc(MAX_HOMES * sizeof(*by_home), CACHE_LINE);

		if (!by_home)
			return NULL;
		smp_store_release(&l->cache, by_home); /* pairs with lane_cache() */
	}
	if (l->cache[home])
		return l->cache[home];
	c = meta_alloc((size_t)cpu_cache_lines * CACHE_LINE, os_page_size);
	if (!c)
		return NULL;
	c->home_tag = home + 1;
	c->node_lane = (s32)l->index;
	smp_store_release(&l->cache[home], c); /* pairs with lane_cache() */
	return c;
}

static struct cpu_cache *lane_cache(struct lane *l, u32 home)
{
	struct cpu_cache **by_home = smp_load_acquire(&l->cache); /* pairs with make_cache() */

	return by_home ? smp_load_acquire(&by_home[home]) : NULL;
}

static bool bring_up(struct lane *l, u32 home)
{
	bool up = false;

	spin_lock(&l->lock);
	if (l->state != LANE_STOPPED && make_cache(l, home)) {
		WRITE_ONCE(l->state, LANE_UP);
		lane_publish(l);
		up = true;
	}
	spin_unlock(&l->lock);
	return up;
}

bool lane_prepare(struct lane *l, u32 home, u32 cls)
{
	struct cpu_cache *c = lane_cache(l, home);
	struct cpu_block *block;

	if (READ_ONCE(l->state) == LANE_STOPPED)
		return false;
	if (!c || READ_ONCE(l->state) == LANE_DOWN) {
		if (!bring_up(l, home))
			return false;
		c = l->cache[home];
	}
	block = cache_block(c, cls);
	if (READ_ONCE(block->cap))
		return true;
	if (!(READ_ONCE(c->used) >> cls & 1))
		atomic_or(&c->used,
			  1ULL << cls); /* before any section can roll the block: cap is 0 */
	WRITE_ONCE(block->cls, cls);
	capacity_grant_first(l, block, cls,
			     home == l->home ? capacity_first(cls) : capacity_outgoing(cls));
	return true;
}
