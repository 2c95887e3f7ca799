/* SPDX-License-Identifier: MIT */
/*
 * meta.h - memory for Lane's own structures. Zeroed, never given back, in an
 * address range of its own, so that no overflow of an object reaches it.
 */
#ifndef PERCPU_META_H
#define PERCPU_META_H

#include "compiler.h"
#include "spinlock.h"
#include "stat.h"

/* Set the range aside; @bytes of address space. 0 or -ENOMEM. */
int meta_init(size_t bytes);

/*
 * @bytes aligned to @align (a power of two, at most the system's page).
 * NULL where the system has no memory. Takes RANK_META.
 */
void *meta_alloc(size_t bytes, size_t align);

/*
 * A zeroed bitmap of META_BITMAP_BYTES for a span of tiny objects, and its way
 * back. Takes RANK_META.
 */
#define META_BITMAP_BYTES 128u
u64 *meta_bitmap_get(void);
void meta_bitmap_put(u64 *map);

/* Count memory that others reserve or map for structures of Lane, bytes. */
void meta_account(u64 reserved, u64 mapped);

extern struct stat_book meta_book; /* enum meta_item */
extern struct spinlock meta_lock;  /* RANK_META; fork takes it */

#endif
