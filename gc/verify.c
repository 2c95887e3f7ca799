// SPDX-License-Identifier: MIT
#include "verify.h"

#include <errno.h>

#include "cycle.h"
#include "gc_map.h"
#include "gc_span.h"
#include "slow_path.h"
#include "type.h"

#define LINES 10u /* faults that are shown */

u64 verify_faults;

static void fault(uintptr_t slot, uintptr_t value, const char *what)
{
	if (verify_faults++ < LINES)
		pr_err("verify: %p holds %p, which %s", (void *)slot, (void *)value, what);
}

static void check_slot(uintptr_t slot)
{
	uintptr_t value = READ_ONCE(*(uintptr_t *)slot);
	struct gc_object o;

	if (!value || !gc_find(value, &o))
		return;
	if (!gc_object_exists(&o))
		fault(slot, value, "is no object");
	else if (gc_slot_is_free(o.page, o.index))
		fault(slot, value, "was freed");
	else if (!mark_test(o.start))
		fault(slot, value, "is not marked");
}

static void check_typed(uintptr_t start, u64 bytes)
{
	const struct lane_gc_type *t = smp_load_acquire(type_word(start, bytes));
	uintptr_t end = start + bytes - sizeof(uintptr_t);

	if (!t || t->trace)
		return;
	for (uintptr_t at = start; at + t->size <= end; at += t->size) {
		for (u32 i = 0; i < t->nwords * 64; i++) {
			if (t->bitmap[i / 64] >> (i % 64) & 1)
				check_slot(at + i * sizeof(uintptr_t));
		}
	}
}

static void check_object(const struct gc_object *o)
{
	u64 bytes = gc_slot_bytes(o);

	if (!mark_test(o->start) || gc_slot_is_free(o->page, o->index))
		return;
	if (o->kind == GC_TYPED)
		check_typed(o->start, bytes);
	for (uintptr_t at = o->start; o->kind == GC_POINTERS && at < o->start + bytes; at += 8)
		check_slot(at);
}

static void check_span(struct gc_object *o, const struct span *s)
{
	uintptr_t start = o->start;

	for (o->index = 0; o->index < s->nobjects; o->index++) {
		o->start = start + (u64)o->index * (o->cls ? size_classes[o->cls].size : 0);
		check_object(o);
	}
}

void verify_marks(void)
{
	for (u32 h = 0; h < homes_made(); h++) {
		u64 page = (u64)h << (HOME_SHIFT - PAGE_SHIFT);
		u64 end = page + (u64)READ_ONCE(node_heaps[h]->pages.opened) * HUGE_PAGES;

		while (page < end) {
			struct gc_object o;

			if (!gc_find(space.base + (page << PAGE_SHIFT), &o)) {
				page++;
				continue;
			}
			check_span(&o, &space.spans[page]);
			page += space.spans[page].npages;
		}
	}
}

LANE_API int lane_gc_verify(void)
{
	u64 before;

	if (!READ_ONCE(gc.ready))
		return -EAGAIN;
	before = READ_ONCE(verify_faults);
	atomic_add_return(&gc.check, 1);
	cycle_collect();
	atomic_add_return(&gc.check, (u32)-1);
	return (int)min(READ_ONCE(verify_faults) - before, (u64)INT32_MAX);
}
