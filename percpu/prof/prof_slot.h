/* SPDX-License-Identifier: MIT */
/*
 * prof_slot.h - what is known of each sampled small object that lives: a slot for each
 * object of a span for sampled ones, found by the object's number in it.
 *
 * A slot is its object's owner's: written before the program gets the object, emptied
 * before the object is given back. So it needs no lock, and of two frees of one object
 * only the first finds it. An empty one is zero, also where a sample was lost.
 *
 * The slots of a span come with it and stay with its list afterwards, for the next span
 * (central.c).
 *
 * Context: inside a slow path.
 */
#ifndef PERCPU_PROF_SLOT_H
#define PERCPU_PROF_SLOT_H

#include "space.h"
#include "span.h"

struct prof_site_book;

struct prof_slot {
	struct prof_site_book
		*site; /* NULL: empty. In spare slots the first one's leads to the next */
	u64 weight;    /* objects that it stands for (struct prof_sample) */
};

/* Empty slots for a span of @n objects; NULL where there is no memory. Takes RANK_META. */
struct prof_slot *prof_slots_make(u32 n);

/* Bytes that all slots take. */
u64 prof_slots_memory(void);

/* The slot of @object, which lies in the sampled span @s. */
static inline struct prof_slot *prof_slot_of(const struct span *s, const void *object)
{
	u32 offset = (u32)((uintptr_t)object - (uintptr_t)span_start(s));

	return &s->slots[span_object_index(s->cls, offset)];
}

#endif
