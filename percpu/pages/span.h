/* SPDX-License-Identifier: MIT */
/*
 * span.h - a run of pages with one purpose, described outside the heap.
 *
 * The memmap holds one struct span per page, in the manner of the kernel's
 * struct page. The one of a span's first page (its head) describes the span;
 * those of the other pages of a small span say how far back the head is. Of a
 * large span only the head is kept.
 *
 *	state		who may change it, and its other fields
 *	SPAN_FREE	page heap's lock
 *	SPAN_SMALL	central list's lock of its home and class
 *	SPAN_LARGE	constant while the object lives, but for npages (the
 *			object's owner in realloc, page heap's lock) and sampled
 *			(the owner in malloc and realloc)
 *	SPAN_TAIL	constant while the span lives
 *	SPAN_COLLECTED	the collected heap's lock of its home, kind and class;
 *			gc/ knows its pages by a map of its own, so it has no tails
 *
 * A bit in the bitmap says that the object is in the central list; a clear bit
 * that it is with the program, in a CPU cache or in a transfer cache. No state
 * is kept inside free objects.
 */
#ifndef PERCPU_SPAN_H
#define PERCPU_SPAN_H

#include <urcu/list.h>

#include "bitmap.h"
#include "compiler.h"
#include "layout.h"
#include "size_class.h"

enum span_state { SPAN_FREE = 0, SPAN_SMALL, SPAN_LARGE, SPAN_TAIL, SPAN_COLLECTED };

#define SPAN_INLINE_WORDS 4u

struct prof_slot;

struct span {
	struct cds_list_head link; /* in the central list's list by fullness */
	u32 npages;
	union {
		u32 back;     /* SPAN_TAIL: pages to the head */
		u32 sweepgen; /* SPAN_COLLECTED: the class' when it was last swept */
	};
	u8 state; /* enum span_state */
	u8 cls;	  /* SPAN_SMALL, SPAN_COLLECTED: size class; 0: one large object */
	union {
		u8 list; /* SPAN_SMALL: which list, or SPAN_UNLISTED */
		u8 kind; /* SPAN_COLLECTED: enum gc_kind */
		u8 held; /* SPAN_LARGE: its object is free, in quarantine; page heap's lock */
	};
	bool zero : 1;	  /* SPAN_LARGE, SPAN_COLLECTED: free memory in it is known to be zero */
	bool sampled : 1; /* SPAN_SMALL: all its objects are; SPAN_LARGE: the object is */
	u8 nsampled : 6;  /* SPAN_COLLECTED: slots that are; SPAN_SAMPLED_MANY: or more */
	u16 nobjects;
	u16 nfree; /* bits set; of a large collected object 1: freed, and left to the sweep */
	union {
		u64 bits[SPAN_INLINE_WORDS]; /* bit per object; up to 256 of them, 192 if sampled */
		u64 *more_bits;		     /* from meta_bitmap_get() where there are more */
		struct {
			u64 fewer_bits[SPAN_INLINE_WORDS - 1];
			struct prof_slot *slots; /* SPAN_SMALL, sampled: one for each object */
		};
	};
};
BUILD_BUG_ON(sizeof(struct span) != 64);

#define SPAN_UNLISTED 0xff
#define SPAN_SAMPLED_MANY 63u

/* Whether the bitmap of a span of @nobjects lies outside. */
static inline bool span_bits_outside(u32 nobjects, bool sampled)
{
	return nobjects > (SPAN_INLINE_WORDS - sampled) * BITS_PER_WORD;
}

static inline bool span_has_more_bits(const struct span *s)
{
	return span_bits_outside(s->nobjects, s->sampled);
}

static inline u64 *span_bitmap(struct span *s)
{
	return span_has_more_bits(s) ? s->more_bits : s->bits;
}

/*
 * Index of the object at @offset bytes into a span of @cls; exact for every offset.
 * The low half of the product is below magic just where an object starts there; the
 * generator of the table holds both to every offset.
 */
static inline u32 span_object_index(u32 cls, u32 offset)
{
	return (u32)((u64)offset * size_classes[cls].magic >> 32);
}

#endif
