// SPDX-License-Identifier: MIT
/*
 * lane_stop.c - take a CPU's caches away from it and work on them.
 *
 *	lock the lane			one stopper at a time
 *	state = STOPPED			slow paths do not wait for the lock
 *	pointers = dummy		new sections find nothing
 *	fence				sections in flight have committed or
 *					start again, and then find the dummy
 *	... the caches are the stopper's ...
 *	state = UP, pointers = caches	release: our changes before the pointer
 *	unlock
 *
 * One fence serves all lanes of a set. In lock mode the lock alone does it.
 */
#include "collected.h"
#include "cpu_capacity.h"
#include "fence.h"
#include "lanes.h"
#include "node_heap.h"

#define DRAIN_BATCH 64u

bool lanes_stop(struct lane **set, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		spin_lock(&set[i]->lock);
		if (set[i]->state == LANE_UP)
			WRITE_ONCE(set[i]->state, LANE_STOPPED);
		if (!lanes_locked())
			lane_hide(set[i]);
	}
	if (lanes_locked() || rseq_fence())
		return true;
	lanes_start(set, n);
	return false;
}

void lanes_start(struct lane **set, u32 n)
{
	for (u32 i = n; i-- > 0;) {
		if (set[i]->state == LANE_STOPPED) {
			WRITE_ONCE(set[i]->state, LANE_UP);
			lane_publish(set[i]);
		}
		spin_unlock(&set[i]->lock);
	}
}

static void drain_block(struct lane *l, u32 home, u32 cls)
{
	struct cpu_cache *c = lane_cache(l, home);
	void *objs[DRAIN_BATCH];
	u32 n;

	do {
		lane_window_open(l);
		n = block_flush_locked(c, cls, objs, DRAIN_BATCH);
		lane_window_close(l);
		node_heap_put(node_heaps[home], cls, objs, n);
	} while (n == DRAIN_BATCH);
	capacity_revoke(l, cache_block(c, cls), cls);
}

void lane_drain(struct lane *l)
{
	lockdep_assert_held(&l->lock);
	for (u32 rows = l->rows; rows; rows &= rows - 1) {
		u32 h = (u32)__builtin_ctz(rows);
		u64 used = lane_cache(l, h)->used;

		for (; used; used &= used - 1)
			drain_block(l, h, (u32)__builtin_ctzll(used));
	}
	collected_drain(l);
}

void lane_roll(struct lane *l)
{
	lockdep_assert_held(&l->lock);
	for (u32 rows = l->rows; rows; rows &= rows - 1) {
		struct cpu_cache *c = lane_cache(l, (u32)__builtin_ctz(rows));

		for (u64 used = c->used; used; used &= used - 1)
			block_roll_locked(c, (u32)__builtin_ctzll(used));
	}
	for (u32 kind = 0; l->collected && kind < COLLECTED_KINDS; kind++) {
		struct cpu_cache *c = collected_cache(l, kind);

		for (u64 used = c->used; used; used &= used - 1)
			block_roll_locked(c, (u32)__builtin_ctzll(used));
	}
}

u32 lanes_drain(bool (*want)(struct lane *l))
{
	struct lane *set[LANE_STOP_MAX];
	u32 n = 0, drained = 0;

	for (u32 i = 0; i < nr_lanes; i++) {
		if (READ_ONCE(lanes[i].state) == LANE_UP && want(&lanes[i]))
			set[n++] = &lanes[i];
		if (n == LANE_STOP_MAX || (n && i + 1 == nr_lanes)) {
			if (!lanes_stop(set, n))
				break;
			for (u32 k = 0; k < n; k++)
				lane_drain(set[k]);
			lanes_start(set, n);
			drained += n;
			n = 0;
		}
	}
	return drained;
}
