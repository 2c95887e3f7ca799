/* SPDX-License-Identifier: MIT */
/*
 * gc_map.h - where a collected object starts, what it is and whether it is marked,
 * all from an address.
 *
 * Two arrays over the whole heap range, writable as far as the page heaps are open:
 *
 *	map	u32 per page: kind, class, and how far back its span begins;
 *		0 where no collected objects are
 *	marks	bit per 16 bytes, so that those of a page fill one cache line; an
 *		object has the bit of its first byte
 *
 * A marker looks at one line of each, and can prefetch that of the marks as soon
 * as it knows the address.
 *
 * map: written when a span is made, before an object of it is handed out, and
 * when it is given back, which only sweeping does. Read without a lock.
 * marks: set by anyone, atomically. Cleared by sweeping under the lock of the
 * class, at a time when nobody marks.
 */
#ifndef GC_GC_MAP_H
#define GC_GC_MAP_H

#include "gc.h"
#include "size_class.h"
#include "space.h"

#define GRANULE_SHIFT 4 /* 16 bytes: the smallest slot */
#define MARKS_PER_PAGE (PAGE_SIZE >> GRANULE_SHIFT)

/*
 * An entry of the map, of small objects: class 0..5, kind 6..9, pages back 10..31. Of a large
 * one, whose class is 0 and which has no layout: kind 6..7, one 8, pages back 9..31.
 */
#define MAP_CLASS_MASK 63u
#define MAP_KIND_SHIFT 6
#define MAP_KIND_MASK 15u
#define MAP_BACK_SHIFT 10
#define MAP_LARGE_KIND_MASK 3u
#define MAP_LARGE_ONE (1u << 8)
#define MAP_LARGE_BACK_SHIFT 9
#define MAP_BACK_MAX (UINT32_MAX >> MAP_LARGE_BACK_SHIFT) /* pages of the largest: 64 GiB */
BUILD_BUG_ON(GC_KINDS - 1 > MAP_KIND_MASK);
BUILD_BUG_ON(GC_LAYOUT - 1 > MAP_LARGE_KIND_MASK);

extern u32 *gc_map;
extern u64 *gc_marks;

/* Set both aside. 0 or -ENOMEM. Inside a slow path. */
int gc_map_init(void);

/* Make them writable for the first @pages of a home. 0 or -ENOMEM. */
int gc_map_open(u32 home, u64 pages);

/* Write, or with @entry 0 clear, the entries of a span. */
void gc_map_set(u64 page, u32 npages, u32 entry);

/* An object found from an address. */
struct gc_object {
	uintptr_t start; /* of its slot */
	u64 page;	 /* of its span */
	u32 index;	 /* in its span */
	u32 cls;	 /* 0: large */
	u32 kind;
};

/* @fn(@o, @span, @arg) for each collected span; @o is its first slot. What changes meanwhile may be
 * missed. */
void gc_each_span(void (*fn)(struct gc_object *o, struct span *s, void *arg), void *arg);

static inline u32 map_entry(u32 kind, u32 cls)
{
	return cls | kind << MAP_KIND_SHIFT | (cls ? 0 : MAP_LARGE_ONE);
}

/* Pages from the beginning of its span to the page whose entry is @e. */
static inline u32 map_back(u32 e)
{
	return e >> (e & MAP_CLASS_MASK ? MAP_BACK_SHIFT : MAP_LARGE_BACK_SHIFT);
}

static inline u32 map_kind(u32 e)
{
	u32 mask = e & MAP_CLASS_MASK ? MAP_KIND_MASK : MAP_LARGE_KIND_MASK;

	return e >> MAP_KIND_SHIFT & mask;
}

/* False where @p lies in no collected span. */
static __always_inline bool gc_find(uintptr_t p, struct gc_object *o)
{
	u64 offset = p - space.base;
	u32 e, in_span;

	if (offset >= gc.limit)
		return false;
	e = smp_load_acquire(&gc_map[offset >> PAGE_SHIFT]); /* pairs with gc_map_set() */
	if (!e)
		return false;
	o->cls = e & MAP_CLASS_MASK;
	o->kind = map_kind(e);
	o->page = (offset >> PAGE_SHIFT) - map_back(e);
	o->start = space.base + (o->page << PAGE_SHIFT);
	o->index = 0;
	if (!o->cls)
		return true;
	in_span = (u32)(p - o->start);
	o->index = (u32)((u64)in_span * size_classes[o->cls].magic >> 32);
	o->start += (u64)o->index * size_classes[o->cls].size;
	return true;
}

/* Whether it is a slot at all, rather than the rest at the end of a span. */
static inline bool gc_object_exists(const struct gc_object *o)
{
	return !o->cls || o->index < size_classes[o->cls].objects;
}

static inline u64 gc_slot_bytes(const struct gc_object *o)
{
	return o->cls ? size_classes[o->cls].size : (u64)space.spans[o->page].npages << PAGE_SHIFT;
}

static inline u64 *mark_word(uintptr_t start, u64 *bit)
{
	u64 granule = (start - space.base) >> GRANULE_SHIFT;

	*bit = 1ULL << (granule % 64);
	return &gc_marks[granule / 64];
}

static inline bool mark_test(uintptr_t start)
{
	u64 bit, *word = mark_word(start, &bit);

	return READ_ONCE(*word) & bit;
}

/* True where it was not marked before. */
static inline bool mark_set(uintptr_t start)
{
	u64 bit, *word = mark_word(start, &bit);

	if (READ_ONCE(*word) & bit)
		return false;
	return !(__atomic_fetch_or(word, bit, __ATOMIC_RELAXED) & bit);
}

#endif
