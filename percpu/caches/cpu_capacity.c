// SPDX-License-Identifier: MIT
#include "cpu_capacity.h"

#include "atomic.h"
#include "conf.h"
#include "size_class.h"
#include "slow_path.h"

#define FIRST_SHARE 4u	/* a young block holds a quarter of a batch */
#define TAKE_EVERY 32u	/* misses of a CPU without budget for one that takes */
#define SHRINK_TRIES 8u /* neighbours looked at for one that can give */

s64 capacity_total;

u32 capacity_first(u32 cls)
{
	return max((u32)size_classes[cls].batch / FIRST_SHARE, 2u);
}

u32 capacity_outgoing(u32 cls)
{
	return size_classes[cls].batch; /* and never more: what is freed here is missed at home */
}

u32 capacity_next(u32 cls, u32 cap)
{
	return min(cap * 2, (u32)size_classes[cls].cap_max);
}

u32 capacity_batch(u32 cap)
{
	return clamp((cap + 1) / 2, 1u, CAPACITY_BATCH_MAX);
}

static void grant(struct lane *l, s64 bytes)
{
	atomic_add_return(&l->granted, bytes);
	atomic_add_return(&capacity_total, bytes);
}

void capacity_grant_first(struct lane *l, struct cpu_block *block, u32 cls, u32 cap)
{
	/* The first grant is not refused: without it the CPU could cache nothing of the class. */
	if (atomic_cmpxchg(&block->cap, 0, cap) == 0)
		grant(l, (s64)cap * size_classes[cls].size);
}

bool capacity_grow(struct lane *l, struct cpu_block *block, u32 cls)
{
	u32 cap = READ_ONCE(block->cap), next = capacity_next(cls, cap);
	s64 bytes = ((s64)next - cap) * size_classes[cls].size;

	if (!cap || next <= cap)
		return false;
	if (READ_ONCE(l->granted) + bytes > (s64)READ_ONCE(conf.cpu_cache_max) ||
	    READ_ONCE(capacity_total) + bytes > (s64)READ_ONCE(conf.cpu_cache_total))
		return false;
	if (atomic_cmpxchg(&block->cap, cap, next) != cap)
		return false;
	grant(l, bytes);
	return true;
}

bool capacity_is_max(const struct cpu_block *block, u32 cls)
{
	return READ_ONCE(block->cap) >= size_classes[cls].cap_max;
}

bool capacity_may_take(struct lane *l)
{
	u32 n = READ_ONCE(l->misses);

	WRITE_ONCE(l->misses, n + 1);
	return n % TAKE_EVERY == 0;
}

u32 capacity_shrink_neighbour(struct lane *l, struct cpu_cache *cache, u32 cls)
{
	for (u32 i = 0; i < SHRINK_TRIES; i++) {
		u32 v = READ_ONCE(l->next_victim) % NR_SMALL + 1, cap, to;
		struct cpu_block *block = cache_block(cache, v);

		WRITE_ONCE(l->next_victim, v);
		if (v == cls || !(READ_ONCE(cache->used) >> v & 1))
			continue;
		cap = READ_ONCE(block->cap);
		to = max(cap / 2, capacity_first(v));
		if (to >= cap || atomic_cmpxchg(&block->cap, cap, to) != cap)
			continue;
		grant(l, -((s64)(cap - to) * size_classes[v].size));
		return v;
	}
	return 0;
}

void capacity_revoke(struct lane *l, struct cpu_block *block, u32 cls)
{
	u32 cap = atomic_xchg(&block->cap, 0);

	grant(l, -((s64)cap * size_classes[cls].size));
}

void capacity_cut(struct lane *l, struct cpu_block *block, u32 cls)
{
	u32 cap = READ_ONCE(block->cap);

	if (cap > 1 && atomic_cmpxchg(&block->cap, cap, 1) == cap)
		grant(l, -((s64)(cap - 1) * size_classes[cls].size));
}

static bool exceeds(struct lane *l)
{
	return READ_ONCE(l->granted) > (s64)READ_ONCE(conf.cpu_cache_max) ||
	       READ_ONCE(capacity_total) > (s64)READ_ONCE(conf.cpu_cache_total);
}

void capacity_fit(void)
{
	if (!slow_enter())
		return;
	lanes_drain(exceeds);
	slow_exit();
}
