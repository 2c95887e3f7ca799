// SPDX-License-Identifier: MIT
#include "verify.h"

#include <errno.h>

#include "cycle.h"
#include "gc_inject.h"
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

/* What is wrong with the reference in @slot, now; NULL: nothing. */
static const char *wrong(uintptr_t slot, uintptr_t *value)
{
	struct gc_object o;

	*value = READ_ONCE(*(uintptr_t *)slot);
	if (!*value || !gc_find(*value, &o))
		return NULL;
	if (!gc_object_exists(&o))
		return "is no object";
	if (gc_slot_is_free(o.page, o.index))
		return "was freed";
	return mark_test(o.start) ? NULL : "is not marked";
}

/* By hand, and left to the sweep: it may refer to what was freed before it. */
static bool was_freed(const struct gc_object *o)
{
	u64 bytes = gc_slot_bytes(o);

	if (!o->cls)
		return READ_ONCE(space.spans[o->page].nfree);
	return o->kind == GC_TYPED &&
	       (uintptr_t)READ_ONCE(*type_word(o->start, bytes)) & TYPE_FREED;
}

static void check_slot(const struct gc_object *in, uintptr_t slot)
{
	uintptr_t value;
	const char *what = wrong(slot, &value);

	if (!what)
		return;
	/*
	 * It may have been stored over, and what it referred to freed by hand, or the object
	 * was taken just now and still holds what was there before. Then it shows otherwise
	 * after a grace period.
	 */
	if (!GC_TWIN(no_grace))
		gc_synchronize();
	what = wrong(slot, &value);
	if (what && !gc_slot_is_free(in->page, in->index) && !was_freed(in))
		fault(slot, value, what);
}

static void check_typed(const struct gc_object *o, uintptr_t start, u64 bytes)
{
	const struct lane_gc_type *t;
	uintptr_t end = start + bytes - sizeof(uintptr_t);

	smp_rmb(); /* the slot was found taken before; pairs with forget_type() */
	t = type_of(start, bytes);
	if (!t || t->trace)
		return;
	for (uintptr_t at = start; at + t->size <= end; at += t->size) {
		for (u32 i = 0; i < t->nwords * 64; i++) {
			if (t->bitmap[i / 64] >> (i % 64) & 1)
				check_slot(o, at + i * sizeof(uintptr_t));
		}
	}
}

static void check_object(const struct gc_object *o)
{
	u64 bytes = gc_slot_bytes(o);

	if (!mark_test(o->start) || gc_slot_is_free(o->page, o->index) || was_freed(o))
		return;
	if (o->kind >= GC_LAYOUT) {
		for (u64 refs = layout_of(o->kind, o->cls); refs; refs &= refs - 1)
			check_slot(o, o->start + 8 * (u32)__builtin_ctzll(refs));
	}
	if (o->kind == GC_TYPED)
		check_typed(o, o->start, bytes);
	for (uintptr_t at = o->start; o->kind == GC_POINTERS && at < o->start + bytes; at += 8)
		check_slot(o, at);
}

static void check_span(struct gc_object *o, struct span *s, void *unused)
{
	uintptr_t start = o->start;

	(void)unused;
	for (o->index = 0; o->index < s->nobjects; o->index++) {
		o->start = start + (u64)o->index * (o->cls ? size_classes[o->cls].size : 0);
		check_object(o);
	}
}

static void check_unmarked(struct gc_object *o, struct span *s, void *unused)
{
	uintptr_t end = o->start + span_bytes(s);
	struct gc_object last;

	(void)unused;
	/* A large one may be freed just now, and be something longer that has no marks. */
	if (!gc_find(end - 1, &last) || last.page != o->page)
		return;
	for (uintptr_t at = o->start; at < end; at += 1 << GRANULE_SHIFT) {
		if (mark_test(at) && verify_faults++ < LINES)
			pr_err("verify: %p, of kind %u, is still marked from before", (void *)at,
			       o->kind);
	}
}

void verify_marks(void)
{
	gc_each_span(check_span, NULL);
}

void verify_no_marks(void)
{
	gc_each_span(check_unmarked, NULL);
}

LANE_API int lane_gc_verify(void)
{
	u64 before;
	int err;

	if (!READ_ONCE(gc.ready))
		return -EAGAIN;
	before = READ_ONCE(verify_faults);
	atomic_add_return(&gc.check, 1);
	err = lane_gc_collect();
	atomic_add_return(&gc.check, (u32)-1);
	if (err)
		return err;
	return (int)min(READ_ONCE(verify_faults) - before, (u64)INT32_MAX);
}
