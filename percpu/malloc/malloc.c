// SPDX-License-Identifier: MIT
/*
 * malloc.c - the allocation functions.
 *
 * The fast path of malloc: the size's block (one table), one restartable
 * sequence (rseq_ops.h, pop). Of free: the page's block for its home and class
 * (pagemap), one sequence (push). All else is in malloc_slow.c.
 */
#include <errno.h>
#include <lane/lane.h>
#include <string.h>

#include "check.h"
#include "errors.h"
#include "guard.h"
#include "interpose.h"
#include "lanes.h"
#include "malloc_slow.h"
#include "node_heap.h"
#include "os.h"
#include "rseq_ops.h"
#include "space.h"

static __always_inline void *fast_malloc(size_t size)
{
	/* size 0 wraps around and takes the slow path. */
	if (unlikely(size - 1 >= hot.small_limit))
		return NULL;
	return rseq_pop(size_to_block[(size - 1) / 8]);
}

LANE_API void *lane_malloc(size_t size)
{
	void *p = fast_malloc(size);

	return likely(p) ? p : malloc_slow_plain(size);
}

/* False: it is for the slow path. */
static __always_inline bool fast_free(void *p)
{
	u64 offset = (uintptr_t)p - hot.base;
	/* The low bits go to the top: one compare finds foreign, NULL and misaligned pointers. */
	u64 granule = offset >> MIN_ALIGN_SHIFT | offset << (64 - MIN_ALIGN_SHIFT);
	if (unlikely(granule >= hot.free_limit))
		return false;
	switch (rseq_push(hot.pagemap[granule >> (PAGE_SHIFT - MIN_ALIGN_SHIFT)], p)) {
	case RSEQ_PUSHED:
		return true;
	case RSEQ_PUSH_DOUBLE:
		die_double_free(p);
	}
	return false;
}

LANE_API void lane_free(void *p)
{
	if (unlikely(!fast_free(p)))
		free_slow(p);
}

LANE_API void *lane_calloc(size_t n, size_t size)
{
	size_t bytes;
	bool zeroed;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	p = fast_malloc(bytes);
	if (likely(p))
		return memset(p, 0, bytes);
	p = malloc_slow(bytes, 1, &zeroed);
	if (p && !zeroed)
		memset(p, 0, bytes);
	return p;
}

static void *realloc_moving(void *p, size_t size, size_t old)
{
	void *q = lane_malloc(size);

	if (q) {
		memcpy(q, p, min(size, old));
		lane_free(p);
	}
	return q;
}

/* At least half would still be used, or it is a large one that could not give its tail back. */
static bool stays(size_t size, size_t old, bool large)
{
	return size <= old && (size > SMALL_MAX || (size > old / 2 && !large));
}

LANE_API void *lane_realloc(void *p, size_t size)
{
	bool large;
	size_t old;

	if (!p)
		return lane_malloc(size);
	old = object_size(p, "realloc", &large);
	if (!size) {
		lane_free(p);
		return NULL;
	}
	if (large && size > SMALL_MAX && large_resize(p, size))
		return p;
	/* A guarded one lies where the end of just its size is guarded. */
	if (stays(size, old, large) && likely(!guard_has(p)) &&
	    (likely(!check.on) || check_resized(p, size)))
		return p;
	return realloc_moving(p, size, old);
}

LANE_API void *lane_reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return lane_realloc(p, bytes);
}

static void *malloc_aligned(size_t align, size_t size)
{
	void *p = NULL;

	/* A multiple of the alignment has a class that keeps it: aligned_class(). */
	if (likely(align <= PAGE_SIZE && size <= SMALL_MAX))
		p = fast_malloc(ALIGN_UP(size, align));
	return likely(p) ? p : malloc_slow(size, align, NULL);
}

LANE_API void *lane_aligned_alloc(size_t align, size_t size)
{
	if (!is_power_of_2(align)) {
		errno = EINVAL;
		return NULL;
	}
	return malloc_aligned(align, size);
}

LANE_API void *lane_memalign(size_t align, size_t size)
{
	if (align > SIZE_MAX / 2 + 1) { /* no power of two above it */
		errno = EINVAL;
		return NULL;
	}
	return malloc_aligned(roundup_pow_of_two(align), size);
}

LANE_API int lane_posix_memalign(void **out, size_t align, size_t size)
{
	int saved_errno = errno;
	void *p;

	if (!is_power_of_2(align) || align % sizeof(void *))
		return EINVAL;
	p = malloc_aligned(align, size);
	errno = saved_errno;
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

LANE_API void *lane_valloc(size_t size)
{
	return malloc_aligned(os_page_size, size);
}

LANE_API void *lane_pvalloc(size_t size)
{
	size_t bytes = ALIGN_UP(max(size, (size_t)1), os_page_size);

	if (bytes < size) {
		errno = ENOMEM;
		return NULL;
	}
	return malloc_aligned(os_page_size, bytes);
}

LANE_API size_t lane_malloc_usable_size(void *p)
{
	bool large;

	return p ? object_size(p, "malloc_usable_size", &large) : 0;
}

LANE_API void lane_free_sized(void *p, size_t size)
{
#ifdef LANE_DEBUG
	bool large;

	if (p && size > object_size(p, "free", &large))
		die_wrong_size(p, size);
#endif
	if (unlikely(!fast_free(p)))
		free_slow_sized(p, size);
}

LANE_API void lane_free_aligned_sized(void *p, size_t align, size_t size)
{
	(void)align;
	lane_free_sized(p, size);
}

LANE_API void *lane_malloc_onnode(size_t size, int node)
{
	for (u32 h = 0; h < homes_made(); h++) {
		if (node_heaps[h]->node == node)
			return malloc_onhome(size, h);
	}
	errno = EINVAL;
	return NULL;
}

LANE_API int lane_node_of(const void *p)
{
	return span_of(p) ? node_heaps[addr_to_home(p)]->node : -EINVAL;
}

LANE_API const char *lane_version(void)
{
	return LANE_VERSION;
}

INTERPOSE(malloc);
INTERPOSE(free);
INTERPOSE(calloc);
INTERPOSE(realloc);
INTERPOSE(reallocarray);
INTERPOSE(aligned_alloc);
INTERPOSE(posix_memalign);
INTERPOSE(memalign);
INTERPOSE(valloc);
INTERPOSE(pvalloc);
INTERPOSE(malloc_usable_size);
INTERPOSE(free_sized);
INTERPOSE(free_aligned_sized);
