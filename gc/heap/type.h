/* SPDX-License-Identifier: MIT */
/*
 * type.h - where objects hold references.
 *
 * A type is constant once it is made and lives as long as the process. Which kind its
 * objects are follows from its layout: no references, nothing but references, or both.
 *
 * Where it is both, and given by a bitmap, and the slot is small, the span knows: it has
 * objects of one layout alone, which is part of its kind. A class has room for some
 * layouts, for those who come first; types whose references lie in the same words share
 * one. So such an object costs no word, and a marker need not look at it to know it.
 *
 * Else, and in arrays, an object says what it is by the last word of its slot, which
 * points to the type: so an object keeps its alignment. A word that is still 0 belongs to
 * an object that has just been handed out and is all zeroes. So do objects by callback,
 * which must not be shown to their callback before somebody has them.
 *
 * layouts: written once, from 0, atomically (type.c); read without a lock by who has a
 * kind, which was made after it.
 */
#ifndef GC_TYPE_H
#define GC_TYPE_H

#include "gc.h"
#include "size_class.h"

#define TYPE_MAGIC 0x6c616e6574797065ULL

struct lane_gc_type {
	u64 magic;	/* TYPE_MAGIC */
	u64 size;	/* bytes of an object or element */
	u32 kind;	/* enum gc_kind, of single objects */
	u32 array_kind; /* of arrays; below GC_LAYOUT */
	u32 slot;	/* bytes of a single object's slot; 0: large */
	u32 cls;	/* its class; 0: large */
	u32 block;	/* its collected_block() */
	u32 nwords;	/* of a bitmap */
	const u64 *bitmap;
	void (*trace)(void *obj, size_t size, struct lane_gc_tracer *tracer);
	char name[40];
};

#define LAYOUTS (GC_KINDS - GC_LAYOUT) /* of each class */
#define LAYOUT_SLOT_MAX 512u	       /* bytes: so that a word has a bit for each of the slot's */

extern u64 layouts[LAYOUTS][NR_CLASSES]; /* which words are references; 0: none yet */

/* The words of a slot that are references; @kind from GC_LAYOUT on. */
static inline u64 layout_of(u32 kind, u32 cls)
{
	return READ_ONCE(layouts[kind - GC_LAYOUT][cls]);
}

/* Whether there can be objects of that kind and class. */
static inline bool layout_in_use(u32 kind, u32 cls)
{
	return kind < GC_LAYOUT || layout_of(kind, cls);
}

/* Words that the type itself takes at the end of a slot, bytes. */
static inline u64 type_extra(u32 kind)
{
	return kind == GC_TYPED ? sizeof(uintptr_t) : 0;
}

/* Where an object in a slot of @bytes at @start says what it is. */
static inline const struct lane_gc_type **type_word(uintptr_t start, u64 bytes)
{
	return (const struct lane_gc_type **)(start + bytes - sizeof(uintptr_t));
}

#define TYPE_FREED 1u

/* What the object says; NULL: it is still all zeroes. */
static inline const struct lane_gc_type *type_of(uintptr_t start, u64 bytes)
{
	/* Pairs with what allocation stores. */
	uintptr_t t = (uintptr_t)smp_load_acquire(type_word(start, bytes));

	return (const struct lane_gc_type *)(t & ~(uintptr_t)TYPE_FREED);
}

#endif
