/* SPDX-License-Identifier: MIT */
/*
 * type.h - where objects hold references.
 *
 * A type is constant once it is made and lives as long as the process. Which kind its
 * objects are follows from its layout: no references, nothing but references, or both.
 * Only in the last case does an object say what it is, by the last word of its slot,
 * which points to the type: so an object keeps its alignment, and small types of
 * references alone cost nothing. A word that is still 0 belongs to an object that has
 * just been handed out and is all zeroes.
 */
#ifndef GC_TYPE_H
#define GC_TYPE_H

#include "gc.h"

#define TYPE_MAGIC 0x6c616e6574797065ULL

struct lane_gc_type {
	u64 magic;  /* TYPE_MAGIC */
	u64 size;   /* bytes of an object or element */
	u32 kind;   /* enum gc_kind */
	u32 slot;   /* bytes of a single object's slot; 0: large */
	u32 cls;    /* its class; 0: large */
	u32 block;  /* its collected_block() */
	u32 nwords; /* of a bitmap */
	const u64 *bitmap;
	void (*trace)(void *obj, size_t size, struct lane_gc_tracer *tracer);
	char name[40];
};

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

#endif
