/* SPDX-License-Identifier: MIT */
/*
 * malloc_slow.h - what malloc.c's entry points do where the fast path cannot.
 */
#ifndef PERCPU_MALLOC_SLOW_H
#define PERCPU_MALLOC_SLOW_H

#include "compiler.h"

/*
 * @size bytes (0: the smallest class) aligned to @align, a power of two; NULL
 * with errno = ENOMEM. In *@zeroed, where not NULL, whether they are known to
 * be zero.
 */
void *malloc_slow(size_t size, size_t align, bool *zeroed);
void *malloc_slow_plain(size_t size); /* align 1, zeroed NULL */

/* Any pointer that free() was given, NULL too; _sized: and the size that came with it. */
void free_slow(void *p);
void free_slow_sized(void *p, size_t size);

/* Both without a look at whether objects are checked (check.h); @p not NULL. */
void *malloc_door(size_t size, size_t align, bool *zeroed);
void free_door(void *p);

/* free_slow() for a caller inside a slow path; @p not NULL. True where it was no small object. */
bool free_inside(void *p);

/* On the node heap @home; NULL with errno = ENOMEM. */
void *malloc_onhome(size_t size, u32 home);

/*
 * Bytes that the object at @p has; dies with a message naming @what where @p
 * is no object. In *@large whether it has a span of its own.
 */
size_t object_size(const void *p, const char *what, bool *large);

/* Resize a large object in place to hold @size > SMALL_MAX bytes; false where that fails. */
bool large_resize(void *p, size_t size);

/* Pages of a large object of @size bytes; 0 where it is too much for any heap. */
u32 large_pages(size_t size);

#endif
