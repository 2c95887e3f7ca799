// SPDX-License-Identifier: MIT
#include "pack.h"

#include "cpu_capacity.h"
#include "lanes.h"

#define WORTH_BYTES (128u << 10) /* free in a class, at least */
#define WORTH_SHARE 1024u	 /* and of all that the node has in use */

/* Of one lane in a tick: about 4% of its time, whatever it does. */
#define DIRECT_OPERATIONS 40000u

/* Read without the lock: of a moment that never was, which does no harm. */
static struct pack_view view_class(struct node_heap *nh, u32 cls, u64 worth)
{
	const u64 *n = nh->central[cls].book.cur;
	u64 passed = READ_ONCE(n[C_CPU_IN]) + READ_ONCE(n[C_FREES]) + READ_ONCE(n[C_DRAINED]);
	u64 taken = READ_ONCE(n[C_CPU_OUT]) + READ_ONCE(n[C_MALLOCS]);
	u64 spans = READ_ONCE(n[C_SPANS_IN]) - READ_ONCE(n[C_SPANS_OUT]);
	u64 objects = spans * size_classes[cls].objects;
	s64 free = (s64)(objects + passed - taken);

	return (struct pack_view){.objects = objects,
				  .free = (u64)clamp(free, (s64)0, (s64)objects),
				  .passed = passed,
				  .worth = worth / size_classes[cls].size};
}

static u64 worth_bytes(struct node_heap *nh)
{
	u64 in_use;

	spin_lock(&nh->pages.lock);
	in_use = page_heap_in_use(&nh->pages);
	spin_unlock(&nh->pages.lock);
	return max((u64)WORTH_BYTES, in_use / WORTH_SHARE);
}

static void look_at_classes(struct node_heap *nh, u64 now)
{
	u64 used = smp_load_acquire(&nh->used), worth = worth_bytes(nh);

	for (; used; used &= used - 1) {
		u32 cls = (u32)__builtin_ctzll(used);
		struct pack_view v = view_class(nh, cls, worth);
		bool was = nh->packed >> cls & 1, is = pack_pace_tick(&nh->pack[cls], &v, now);

		if (is == was)
			continue;
		WRITE_ONCE(nh->packed, nh->packed ^ 1ULL << cls);
		if (is)
			node_heap_drain_class(nh, cls);
	}
}

static bool can_pack(struct node_heap *nh, const struct lane *l)
{
	/* pairs with bring_up(): caches before UP */
	return l->home == nh->home && smp_load_acquire(&l->state) == LANE_UP;
}

/* The next lane of the node behind @l, which may be @l again; a busy one, if any. NULL: none. */
static struct lane *next_lane(struct node_heap *nh, struct lane *l)
{
	u32 from = l ? l->index + 1 : 0;
	struct lane *idle = NULL;

	for (u32 i = 0; i < nr_lanes; i++) {
		struct lane *next = &lanes[(from + i) % nr_lanes];

		if (!can_pack(nh, next))
			continue;
		if (!next->idle_looks)
			return next;
		idle = idle ? idle : next;
	}
	return idle;
}

static void make_direct(struct lane *l, u64 classes)
{
	struct cpu_cache *cache = lane_cache(l, l->home);

	lane_set_direct(l, classes, DIRECT_OPERATIONS);
	for (classes &= READ_ONCE(cache->used); classes; classes &= classes - 1) {
		u32 cls = (u32)__builtin_ctzll(classes);

		capacity_cut(l, cache_block(cache, cls), cls);
	}
}

void pack_tick(struct node_heap *nh, u64 now)
{
	look_at_classes(nh, now);
	if (nh->packer)
		lane_set_direct(nh->packer, 0, 0);
	nh->packer = nh->packed ? next_lane(nh, nh->packer) : NULL;
	if (nh->packer)
		make_direct(nh->packer, nh->packed);
}
