/* SPDX-License-Identifier: MIT */
/*
 * size_class.h - the sizes that small objects come in.
 *
 * 8, then multiples of 16 up to 128, eight steps a doubling up to 1 KiB and
 * four up to 32 KiB: at most 12.5% of an object is lost to rounding above
 * 128 bytes, 11% of a random size below. The table is generated at build
 * time by scripts/gen_size_classes.c, from the formula below.
 */
#ifndef PERCPU_SIZE_CLASS_H
#define PERCPU_SIZE_CLASS_H

#include "compiler.h"
#include "layout.h"

/* Small classes are 1..NR_SMALL; 0 is none. In statistics, NR_SMALL + 1 stands for large objects.
 */
#define NR_SMALL 53u
#define NR_CLASSES (NR_SMALL + 1)

struct size_class {
	u32 size;      /* bytes per object */
	u16 pages;     /* pages per span */
	u16 objects;   /* objects per span */
	u32 magic;     /* offset in span * magic >> 32 = index of the object, for all offsets */
	u16 batch;     /* objects that a young cache moves at a time */
	u16 cap_max;   /* objects that one CPU may ever cache */
	u16 block;     /* where its block lies in struct cpu_cache, in cache lines */
	u16 transfer;  /* objects that a node's transfer cache may hold */
	u32 span_tail; /* bytes at the end of a span that hold no object */
};

extern const struct size_class size_classes[NR_CLASSES];

/* By (size - 1) / 8: where the block of that size's class lies in its cache, bytes; for the fast
 * path. */
extern const u32 size_to_block[SMALL_MAX / 8];

/* Bytes of a cpu_cache: header, books and all blocks. */
extern const u32 cpu_cache_bytes;

/* Class of a size in 1..SMALL_MAX. */
static inline u32 size_to_class(u32 size)
{
	u32 lg, rest;

	if (size <= 8)
		return 1;
	if (size <= 128)
		return (size + 15) / 16 + 1;
	lg = 31 - (u32)__builtin_clz(size - 1);
	rest = size - 1 - (1u << lg);
	if (size <= 1024)
		return 10 + (lg - 7) * 8 + (rest >> (lg - 3));
	return 34 + (lg - 10) * 4 + (rest >> (lg - 2));
}

/* Bytes of @cls by the same formula; the generator's source. */
static inline u32 class_to_size(u32 cls)
{
	u32 lg, step;

	if (cls == 1)
		return 8;
	if (cls <= 9)
		return (cls - 1) * 16;
	if (cls < 34) {
		lg = 7 + (cls - 10) / 8;
		step = (cls - 10) % 8 + 1;
		return (1u << lg) + (step << (lg - 3));
	}
	lg = 10 + (cls - 34) / 4;
	step = (cls - 34) % 4 + 1;
	return (1u << lg) + (step << (lg - 2));
}

/*
 * The smallest class of at least @size bytes whose objects are all aligned to
 * @align, a power of two; 0 for none. Spans start at a page boundary. A multiple of
 * @align always has such a class: either classes there are no further apart than
 * @align, and the multiple is one of them, or all of them are multiples of it.
 */
static inline u32 aligned_class(size_t size, size_t align)
{
	if (align > PAGE_SIZE || size > SMALL_MAX)
		return 0;
	return size_to_class((u32)ALIGN_UP(max(size, (size_t)1), align));
}

#endif
