// SPDX-License-Identifier: MIT
#include "node_heap.h"

#include <errno.h>

#include "meta.h"

#define DRAIN_BATCH 64u

struct node_heap *node_heaps[MAX_HOMES];
u32 nr_homes;

int node_heap_init(u32 home, s32 node)
{
	static struct node_heap *spare; /* of an attempt that failed; who starts is alone */
	struct node_heap *nh = spare ? spare : meta_alloc(sizeof(*nh), CACHE_LINE);

	spare = nh;
	if (!nh)
		return -ENOMEM;
	nh->home = home;
	nh->node = node;
	if (page_heap_init(&nh->pages, home))
		return -ENOMEM;
	spin_lock_init(&nh->class_lock, RANK_CLASS);
	node_heaps[home] = nh;
	spare = NULL;
	return 0;
}

void node_heap_use_class(struct node_heap *nh, u32 cls)
{
	if (likely(smp_load_acquire(&nh->used) >> cls & 1))
		return;
	spin_lock(&nh->class_lock);
	if (!(nh->used >> cls & 1)) {
		transfer_init(&nh->transfer[cls]);
		central_init(&nh->central[cls], false);
		smp_store_release(&nh->used, nh->used | 1ULL << cls);
	}
	spin_unlock(&nh->class_lock);
}

u32 node_heap_get(struct node_heap *nh, u32 cls, void **objs, u32 n)
{
	u32 got = 0;

	node_heap_use_class(nh, cls);
	if (likely(!node_heap_packs(nh, cls)))
		got = transfer_get(&nh->transfer[cls], objs, n, USER_CPU);
	return got ? got : central_get(nh, cls, objs, n, USER_CPU);
}

void node_heap_put(struct node_heap *nh, u32 cls, void **objs, u32 n)
{
	node_heap_use_class(nh, cls);
	if (likely(!node_heap_packs(nh, cls)))
		n -= transfer_put(&nh->transfer[cls], cls, objs, n, USER_CPU);
	central_put(nh, cls, objs, n, USER_CPU);
}

void *node_heap_malloc(struct node_heap *nh, u32 cls)
{
	void *obj;

	node_heap_use_class(nh, cls);
	if (likely(!node_heap_packs(nh, cls)) &&
	    transfer_get(&nh->transfer[cls], &obj, 1, USER_PROGRAM))
		return obj;
	return central_get(nh, cls, &obj, 1, USER_PROGRAM) ? obj : NULL;
}

void node_heap_free(struct node_heap *nh, u32 cls, void *obj)
{
	node_heap_use_class(nh, cls);
	if (node_heap_packs(nh, cls) ||
	    !transfer_put(&nh->transfer[cls], cls, &obj, 1, USER_PROGRAM))
		central_put(nh, cls, &obj, 1, USER_PROGRAM);
}

static void use_sampled(struct node_heap *nh, u32 cls)
{
	node_heap_use_class(nh, cls);
	if (likely(smp_load_acquire(&nh->sampled_used) >> cls & 1))
		return;
	spin_lock(&nh->class_lock);
	if (!(nh->sampled_used >> cls & 1)) {
		central_init(&nh->sampled[cls], true);
		smp_store_release(&nh->sampled_used, nh->sampled_used | 1ULL << cls);
	}
	spin_unlock(&nh->class_lock);
}

void *node_heap_malloc_sampled(struct node_heap *nh, u32 cls)
{
	void *obj;

	use_sampled(nh, cls);
	return central_get(nh, cls, &obj, 1, USER_SAMPLED) ? obj : NULL;
}

void node_heap_free_sampled(struct node_heap *nh, u32 cls, void *obj)
{
	central_put(nh, cls, &obj, 1, USER_SAMPLED);
}

static void drain_class(struct node_heap *nh, u32 cls, bool all)
{
	void *objs[DRAIN_BATCH];
	u32 left = READ_ONCE(nh->transfer[cls].count), n;

	/* No more than there was at first: others may be filling it. */
	while (left &&
	       (n = transfer_drain(&nh->transfer[cls], objs, min(left, DRAIN_BATCH), all))) {
		central_put(nh, cls, objs, n, CENTRAL_FROM_TRANSFER);
		left -= n;
	}
}

void node_heap_drain_class(struct node_heap *nh, u32 cls)
{
	drain_class(nh, cls, true);
}

static void drain_classes(struct node_heap *nh, bool all)
{
	u64 used = smp_load_acquire(&nh->used);

	for (; used; used &= used - 1)
		drain_class(nh, (u32)__builtin_ctzll(used), all);
	used = smp_load_acquire(&nh->sampled_used);
	for (; used; used &= used - 1)
		central_trim(nh, (u32)__builtin_ctzll(used));
}

void node_heap_plunder(struct node_heap *nh)
{
	drain_classes(nh, false);
}

void node_heap_drain(struct node_heap *nh)
{
	drain_classes(nh, true);
}
