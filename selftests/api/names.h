/* SPDX-License-Identifier: MIT */
/*
 * names.h - the plain names are Lane's, in every build. Where a sanitizer has
 * taken them (LANE_NO_INTERPOSE) they stand for the lane_ names. Include it
 * after the system's headers.
 */
#ifndef LANE_API_NAMES_H
#define LANE_API_NAMES_H

#include <lane/lane.h>

#ifdef LANE_NO_INTERPOSE
#define malloc(n) lane_malloc(n)
#define free(p) lane_free(p)
#define calloc(n, size) lane_calloc(n, size)
#define realloc(p, n) lane_realloc(p, n)
#define reallocarray(p, n, size) lane_reallocarray(p, n, size)
#define aligned_alloc(align, n) lane_aligned_alloc(align, n)
#define posix_memalign(out, align, n) lane_posix_memalign(out, align, n)
#define memalign(align, n) lane_memalign(align, n)
#define valloc(n) lane_valloc(n)
#define pvalloc(n) lane_pvalloc(n)
#define malloc_usable_size(p) lane_malloc_usable_size(p)
#define free_sized(p, n) lane_free_sized(p, n)
#define free_aligned_sized(p, align, n) lane_free_aligned_sized(p, align, n)
#define mallinfo() lane_mallinfo()
#define mallinfo2() lane_mallinfo2()
#define malloc_info(options, f) lane_malloc_info(options, f)
#define malloc_stats() lane_malloc_stats()
#define malloc_trim(pad) lane_malloc_trim(pad)
#define mallopt(param, value) lane_mallopt(param, value)
#else
/* glibc before 2.42 does not declare these. */
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);
#endif

/* What other C libraries than glibc do not declare. */
#if !defined(__GLIBC__) && !defined(LANE_NO_INTERPOSE)
#define pvalloc(n) lane_pvalloc(n)
#define malloc_trim(n) lane_malloc_trim(n)
#endif

#endif /* LANE_API_NAMES_H */
