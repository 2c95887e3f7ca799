/* SPDX-License-Identifier: MIT */
/*
 * span_slots.h - the slots of one small span: taking them and sweeping them, many at a time.
 *
 * A bit of span_bitmap() for each slot that is free, a bit of gc_marks (gc_map.h) for each that
 * is marked. Both are looked at by words: what it costs to take a slot is little beside the
 * use of the object, and so is what it costs to sweep one.
 *
 * Lock: that of the span's class (gc_span.h), but for slots_zero() and slots_gather().
 */
#ifndef GC_SPAN_SLOTS_H
#define GC_SPAN_SLOTS_H

#include "gc.h"
#include "node_heap.h"

/*
 * Up to @n free slots of @s, by rising address; how many. Marked where @black, before they count
 * as taken: a marker does not scan on a guess what is not zeroed yet.
 */
u32 slots_take(struct span *s, void **objs, u32 n, bool black);

/* Zero @n objects of @size bytes that were taken together: neighbours at once. No lock. */
void slots_zero(void **objs, u32 n, u64 size);

#define SPAN_SLOTS_MAX 512u /* of 16 bytes in a page; larger ones have fewer */

/* A bit for each slot of a small span. */
struct slot_marks {
	u64 word[SPAN_SLOTS_MAX / BITS_PER_WORD];
};

/* What is marked in a span that is not swept; no lock, the caller alone may sweep it. */
void slots_gather(const struct span *s, struct slot_marks *m);

/* Free what is neither in @m nor free, and clear the marks; how many objects. */
u32 slots_sweep(struct span *s, const struct slot_marks *m);

/* Of a large object's span, too. */
void slots_clear_marks(struct span *s);

#endif
