// SPDX-License-Identifier: MIT
/*
 * alloc.c - allocation from the collected heap.
 *
 *	pay		assist_charge(): nothing while no marking runs
 *	pop		from the CPU's cache, one restartable sequence
 *	else		refill the cache from the node's spans (gc_span.h)
 *
 * An object comes out zeroed, and marked if it has to be, so nothing is left to do, but
 * for the word of GC_TYPED and the zeroing of GC_NOSCAN, at which no collector looks.
 */
#include <errno.h>
#include <string.h>

#include "assist.h"
#include "cpu_capacity.h"
#include "cycle.h"
#include "errors.h"
#include "gc_inject.h"
#include "gc_map.h"
#include "gc_span.h"
#include "heap.h"
#include "lanes.h"
#include "mark.h"
#include "prof_cycle.h"
#include "release.h"
#include "slow_path.h"
#include "sweep.h"
#include "threads.h"
#include "type.h"

#define TRIES 4			 /* as in cpu_cache.c */
#define REFILL_BYTES (64u << 10) /* zeroed at once, at most */

/* Put some objects into the block; false: no memory. Inside a slow path and gc_enter(). */
static bool refill(struct lane *l, u32 kind, u32 cls)
{
	void *objs[CAPACITY_BATCH_MAX];
	u32 home = READ_ONCE(l->home); /* the constructor may give it another meanwhile */
	u32 n = min(collected_batch(l, kind, cls), max(REFILL_BYTES / size_classes[cls].size, 1u));
	u32 got = gc_take(home, kind, cls, objs, n, true), put;

	if (!got)
		return false;
	GC_INJECT(AT_REFILL);
	put = collected_refill(l, home, kind, cls, objs, got);
	if (put < got)
		gc_put(home, kind, cls, objs + put, got - put);
	return true;
}

/* The profile wants to know of @obj, which was drawn for @rate. */
static void *sampled(void *obj, u64 size, u64 rate)
{
	struct gc_object o;

	if (gc_find((uintptr_t)obj, &o))
		gc_sampled(o.page, obj, size, rate);
	return obj;
}

static void *small_inside(u32 kind, u32 cls)
{
	u64 size = size_classes[cls].size, rate = 0 /* not sampled */, drawn_for;
	struct lane *l = NULL;
	void *obj;

	for (int i = 0; i < TRIES; i++) {
		l = this_lane();
		if (!l || !collected_prepare(l, kind, cls))
			break;
		if (unlikely(collected_arm(l, kind, cls, &drawn_for)))
			rate = drawn_for;
		obj = collected_pop(l, kind, cls);
		if (!obj && !refill(l, kind, cls))
			return NULL;
		if (!obj)
			obj = collected_pop(l, kind, cls);
		if (obj)
			return unlikely(rate) ? sampled(obj, size, rate) : obj;
	}
	if (!gc_take(l ? l->home : 0, kind, cls, &obj, 1, false))
		return NULL;
	if (likely(!rate))
		rate = prof_gc_due(size);
	return unlikely(rate) ? sampled(obj, size, rate) : obj;
}

static void *large_inside(u32 home, u32 kind, u64 bytes)
{
	void *obj = gc_take_large(home, kind, bytes);
	u64 takes, rate;

	if (!obj)
		return NULL;
	takes = span_bytes(&space.spans[addr_to_page(obj)]);
	rate = prof_gc_due(takes);
	return unlikely(rate) ? sampled(obj, takes, rate) : obj;
}

static void *alloc_inside(struct gc_thread *t, u32 kind, u32 cls, u64 bytes)
{
	void *obj;

	gc_enter(t);
	obj = cls ? small_inside(kind, cls) : large_inside(this_home(), kind, bytes);
	gc_exit(t);
	return obj;
}

/* From @home, and past the CPU's caches, which hold their own node's objects. */
static void *alloc_from(struct gc_thread *t, u32 home, u32 kind, u32 cls, u64 bytes)
{
	u64 size = size_classes[cls].size, rate;
	void *obj = NULL;

	gc_enter(t);
	if (!cls)
		obj = large_inside(home, kind, bytes);
	else if (gc_take(home, kind, cls, &obj, 1, false) && unlikely(rate = prof_gc_due(size)))
		sampled(obj, size, rate);
	gc_exit(t);
	return obj;
}

/* The node is out of memory: free what caches hold, then look on the other nodes. */
static void *alloc_short(struct gc_thread *t, u32 kind, u32 cls, u64 bytes)
{
	u32 home = this_home(), homes = homes_made();
	void *obj;

	release_caches();
	obj = alloc_inside(t, kind, cls, bytes);
	for (u32 i = 1; !obj && i < homes; i++)
		obj = alloc_from(t, (home + i) % homes, kind, cls, bytes);
	return obj;
}

/* @cls 0: a large object of @bytes. */
static void *alloc_once(struct gc_thread *t, u32 kind, u32 cls, u64 bytes)
{
	u64 owed = heap_sweep_owed(cls ? REFILL_BYTES : bytes);
	void *obj = NULL;

	if (!slow_enter()) {
		errno = EDEADLK; /* from a signal handler, which is not allowed */
		return NULL;
	}
	if (owed)
		sweep_pages(owed);
	obj = alloc_inside(t, kind, cls, bytes);
	if (unlikely(!obj))
		obj = alloc_short(t, kind, cls, bytes);
	release_poll(!cls);
	slow_exit();
	if (!obj)
		errno = ENOMEM;
	return obj;
}

/* Whether a cycle could make room for @bytes where there is no memory. */
static bool may_collect(u64 bytes)
{
	return errno == ENOMEM && bytes <= READ_ONCE(heap.live) && !READ_ONCE(gc.failed);
}

/* Garbage before failure. */
static void *collect_and_alloc(struct gc_thread *t, u32 kind, u32 cls, u64 bytes)
{
	void *obj = NULL;

	if (!cycle_try_collect())
		obj = alloc_once(t, kind, cls, bytes);
	if (!obj)
		errno = ENOMEM;
	return obj;
}

static __noinline void *alloc_slow(struct gc_thread *t, u32 kind, u32 cls, u64 bytes)
{
	void *obj;

	if (heap_is_late())
		cycle_await_begin();
	else if (!cls && READ_ONCE(heap.live) + bytes >= READ_ONCE(heap.pacer.trigger))
		cycle_wake();
	obj = alloc_once(t, kind, cls, bytes);
	if (unlikely(!obj) && may_collect(bytes))
		obj = collect_and_alloc(t, kind, cls, bytes);
	return obj;
}

/* An object of a class whose block lies at @block. */
static __always_inline void *alloc_small(struct gc_thread *t, u32 kind, u32 cls, u32 block)
{
	void *obj = collected_pop_fast(block);

	return likely(obj) ? obj : alloc_slow(t, kind, cls, 0);
}

/* @bytes of slot are wanted, of any size. */
static void *alloc_bytes(struct gc_thread *t, u32 kind, u64 bytes)
{
	u32 cls;
	void *obj;

	if (unlikely(bytes > HOME_SIZE)) {
		errno = ENOMEM;
		return NULL;
	}
	assist_charge(t, bytes);
	if (bytes > SMALL_MAX)
		return alloc_slow(t, kind, 0, bytes);
	cls = size_to_class((u32)max(bytes, (u64)(1 << GRANULE_SHIFT)));
	obj = alloc_small(t, kind, cls, collected_block(kind, cls));
	assist_charge_rounding(t, size_classes[cls].size - bytes);
	return obj;
}

/* They say of themselves what they are, as they may be of any length. */
static __noinline void *alloc_array(struct gc_thread *t, const struct lane_gc_type *type, size_t n)
{
	struct gc_object o;
	u64 bytes;
	void *obj;

	if (__builtin_mul_overflow(n, type->size, &bytes) || bytes > HOME_SIZE) {
		errno = ENOMEM;
		return NULL;
	}
	bytes += type_extra(type->array_kind);
	obj = alloc_bytes(t, type->array_kind, bytes);
	if (!obj)
		return NULL;
	if (type->array_kind == GC_TYPED && gc_find((uintptr_t)obj, &o))
		smp_store_release(type_word(o.start, gc_slot_bytes(&o)), type);
	else if (type->array_kind == GC_NOSCAN && bytes <= SMALL_MAX)
		memset(obj, 0, bytes);
	return obj;
}

LANE_API void *lane_gc_alloc(const struct lane_gc_type *type)
{
	struct gc_thread *t = gc_self;
	void *obj;

	if (unlikely(!t) && !(t = thread_self("allocation")))
		return NULL;
	if (unlikely(!type->cls))
		return alloc_array(t, type, 1);
	assist_charge(t, type->slot);
	obj = alloc_small(t, type->kind, type->cls, type->block);
	if (unlikely(!obj))
		return NULL;
	if (type->kind == GC_TYPED)
		smp_store_release(type_word((uintptr_t)obj, type->slot), type);
	else if (type->kind == GC_NOSCAN)
		memset(obj, 0, type->slot);
	return obj;
}

LANE_API void *lane_gc_alloc_array(const struct lane_gc_type *type, size_t n)
{
	struct gc_thread *t = thread_self("allocation");

	if (unlikely(!t))
		return NULL;
	return n == 1 ? lane_gc_alloc(type) : alloc_array(t, type, n);
}

LANE_API void *lane_gc_alloc_conservative(size_t size)
{
	struct gc_thread *t = thread_self("allocation");

	return likely(t) ? alloc_bytes(t, GC_CONSERVATIVE, size) : NULL;
}

/*
 * Objects smaller than a slot share one, which lives as long as any of them. The slot
 * that a thread is filling is kept by its address on the thread's books, as a root.
 */
static void *alloc_tiny(struct gc_thread *t, size_t size)
{
	u64 align = roundup_pow_of_two(max(size, (size_t)1));
	uintptr_t slot = t->tiny & ~(uintptr_t)15, at = ALIGN_UP(t->tiny, align);

	if (!t->tiny || at + size > slot + 16) {
		slot = (uintptr_t)alloc_bytes(t, GC_NOSCAN, 16);
		if (!slot)
			return NULL;
		GC_INJECT(AT_TINY);
		memset((void *)slot, 0, 16);
		at = slot;
	} else {
		WRITE_ONCE(t->tiny_allocs, t->tiny_allocs + 1);
	}
	/* A full slot is not kept: its next free byte would lie in the next one. */
	WRITE_ONCE(t->tiny, at + max(size, (size_t)1) < slot + 16 ? at + max(size, (size_t)1) : 0);
	return (void *)at;
}

LANE_API void *lane_gc_alloc_noscan(size_t size)
{
	struct gc_thread *t = thread_self("allocation");
	void *obj;

	if (unlikely(!t))
		return NULL;
	if (size < 16)
		return alloc_tiny(t, size);
	obj = alloc_bytes(t, GC_NOSCAN, size);
	if (obj && size <= SMALL_MAX)
		memset(obj, 0, size);
	return obj;
}

LANE_API void *lane_gc_base(const void *p)
{
	struct gc_object o;

	if (!READ_ONCE(gc.ready) || !gc_find((uintptr_t)p, &o) || !gc_object_exists(&o) ||
	    gc_slot_is_free(o.page, o.index))
		return NULL;
	return (void *)o.start;
}

LANE_API size_t lane_gc_size(const void *obj)
{
	struct gc_object o;

	if (lane_gc_base(obj) != obj || !obj || !gc_find((uintptr_t)obj, &o))
		return 0;
	return gc_slot_bytes(&o) - type_extra(o.kind);
}

static int not_live(const void *p)
{
#ifdef LANE_DEBUG
	panic("lane_gc_free of %p, which is not a live collected object", p);
#endif
	(void)p;
	return -EINVAL;
}

LANE_API int lane_gc_free(void *obj)
{
	struct gc_thread *t = thread_self("free");
	enum gc_free_result result = GC_NOT_LIVE;
	struct gc_object o;

	if (!obj)
		return 0;
	if (!t)
		return -EPERM;
	if (!gc_find((uintptr_t)obj, &o) || !gc_object_exists(&o))
		return not_live(obj);
	/* It may be a shared one, and then lie anywhere in its slot. */
	if (o.kind == GC_NOSCAN && o.cls && size_classes[o.cls].size == 16)
		return 0;
	if (o.start != (uintptr_t)obj)
		return not_live(obj);
	if (!slow_enter())
		return -EDEADLK;
	gc_enter(t);
	/* What stays as it is for this cycle is found by it, should it have to be. */
	if (READ_ONCE(gc.marking) && !gc_free_leaves(&o))
		mark_fields(&o);
	result = gc_free_slot(o.page, o.index);
	gc_exit(t);
	slow_exit();
	if (result == GC_FREE_TWICE)
		die_double_free(obj);
	return result == GC_FREED ? 0 : not_live(obj);
}
