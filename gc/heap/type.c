// SPDX-License-Identifier: MIT
#include "type.h"

#include <errno.h>
#include <string.h>

#include "atomic.h"
#include "heap.h"
#include "meta.h"
#include "slow_path.h"

u64 layouts[LAYOUTS][NR_CLASSES];

static int invalid(const struct lane_gc_layout *l, const char *why)
{
	(void)l, (void)why;
#ifdef LANE_DEBUG
	panic("type '%s' %s", l->name ? l->name : "", why);
#endif
	return -EINVAL;
}

static int check(const struct lane_gc_layout *l)
{
	if (!l || l->sz != sizeof(*l))
		return -EINVAL;
	if (!l->size)
		return invalid(l, "has no size");
	if (l->bitmap && l->trace)
		return invalid(l, "has both a bitmap and a callback");
	if (l->bitmap_bits > l->size / sizeof(void *))
		return invalid(l, "has a bitmap longer than its object");
	return 0;
}

/* Bits set in the bitmap, of those that count. */
static u64 references(const struct lane_gc_layout *l)
{
	u64 n = 0;

	for (size_t i = 0; l->bitmap && i < l->bitmap_bits; i++)
		n += l->bitmap[i / 64] >> (i % 64) & 1;
	return n;
}

static u32 kind_of(const struct lane_gc_layout *l)
{
	u64 n = references(l);

	if (l->trace)
		return GC_TYPED;
	if (!n)
		return GC_NOSCAN;
	/* Words that do not fill a pointer's worth cannot be references. */
	return n == l->size / sizeof(void *) && l->size % sizeof(void *) == 0 ? GC_POINTERS
									      : GC_TYPED;
}

static void copy_bitmap(struct lane_gc_type *t, u64 *to, const struct lane_gc_layout *l)
{
	for (size_t i = 0; i < l->bitmap_bits; i++) {
		if (l->bitmap[i / 64] >> (i % 64) & 1)
			to[i / 64] |= 1ULL << (i % 64);
	}
	t->bitmap = to;
	t->nwords = (u32)DIV_ROUND_UP(l->bitmap_bits, 64);
}

/* The kind of objects of class @cls whose references are @refs; GC_TYPED where there is no room. */
static u32 layout_kind(u32 cls, u64 refs)
{
	for (u32 i = 0; i < LAYOUTS; i++) {
		u64 other = atomic_cmpxchg(&layouts[i][cls], 0, refs);

		if (!other || other == refs)
			return GC_LAYOUT + i;
	}
	return GC_TYPED;
}

static void set_class(struct lane_gc_type *t)
{
	u64 bytes = max(t->size, (u64)(1 << 4));

	if (t->kind == GC_TYPED && t->bitmap && bytes <= LAYOUT_SLOT_MAX)
		t->kind = layout_kind(size_to_class((u32)bytes), t->bitmap[0]);
	bytes = max(t->size + type_extra(t->kind), (u64)(1 << 4));
	if (bytes > SMALL_MAX)
		return;
	t->cls = size_to_class((u32)bytes);
	t->slot = size_classes[t->cls].size;
	t->block = collected_block(t->kind, t->cls);
}

LANE_API int lane_gc_type_create(const struct lane_gc_layout *l, const struct lane_gc_type **type)
{
	u64 words = l ? DIV_ROUND_UP(l->bitmap_bits, 64) : 0;
	struct lane_gc_type *t = NULL;
	int err = check(l);

	if (err)
		return err;
	if (slow_enter()) {
		t = meta_alloc(sizeof(*t) + words * sizeof(u64), CACHE_LINE);
		slow_exit();
	}
	if (!t)
		return -ENOMEM;
	t->magic = TYPE_MAGIC;
	t->size = l->size;
	t->kind = t->array_kind = kind_of(l);
	t->trace = l->trace;
	if (l->bitmap)
		copy_bitmap(t, (u64 *)(t + 1), l);
	if (l->name)
		strncpy(t->name, l->name, sizeof(t->name) - 1);
	set_class(t);
	*type = t;
	return 0;
}
