// SPDX-License-Identifier: MIT
#include "malloc_slow.h"

#include <errno.h>

#include "check.h"
#include "cpu_cache.h"
#include "errors.h"
#include "guard.h"
#include "init.h"
#include "lanes.h"
#include "node_heap.h"
#include "prof_sample.h"
#include "reentry.h"
#include "release.h"
#include "slow_path.h"
#include "space.h"

u32 large_pages(size_t size)
{
	if (size > space.home_bytes)
		return 0;
	return (u32)DIV_ROUND_UP(max(size, (size_t)1), PAGE_SIZE);
}

static void *large_malloc(u32 home, size_t size, size_t align, bool *zeroed)
{
	u32 npages = large_pages(check_need(size));
	struct span *s;

	if (!npages || align >> PAGE_SHIFT > UINT32_MAX / 2)
		return NULL;
	s = page_heap_alloc(&node_heaps[home]->pages, npages,
			    (u32)max(align >> PAGE_SHIFT, (size_t)1), USE_LARGE);
	if (!s)
		return NULL;
	if (zeroed)
		*zeroed = s->zero;
	prof_large_made(s);
	return span_start(s);
}

/* From the caller's node; NULL where it has no memory left. */
static void *malloc_local(size_t size, size_t align, bool *zeroed)
{
	u32 cls = aligned_class(check_need(size), align);

	return cls ? cpu_cache_malloc(cls, size, align)
		   : large_malloc(this_home(), size, align, zeroed);
}

static void *malloc_from(u32 home, size_t size, size_t align, bool *zeroed)
{
	u32 cls = aligned_class(check_need(size), align);

	return cls ? prof_malloc_direct(node_heaps[home], cls, size, align)
		   : large_malloc(home, size, align, zeroed);
}

/* The node is out of memory: free what caches hold, then look on the other nodes. */
static void *malloc_short(size_t size, size_t align, bool *zeroed)
{
	u32 home = this_home(), homes = homes_made();
	void *p = NULL;

	if (size <= space.home_bytes) {
		release_caches();
		p = malloc_from(home, size, align, zeroed);
	}
	for (u32 i = 1; !p && i < homes; i++)
		p = malloc_from((home + i) % homes, size, align, zeroed);
	return p;
}

void *malloc_door(size_t size, size_t align, bool *zeroed)
{
	void *p = NULL;

	if (zeroed)
		*zeroed = false;
	if (unlikely(!slow_enter())) {
		p = reentry_malloc(size, align);
		if (zeroed)
			*zeroed = true;
	} else {
		if (likely(lane_started() || !lane_start())) {
			p = malloc_local(size, align, zeroed);
			if (unlikely(!p))
				p = malloc_short(size, align, zeroed);
			release_poll(size > SMALL_MAX);
		}
		slow_exit();
	}
	if (unlikely(!p))
		errno = ENOMEM;
	return p;
}

void *malloc_slow(size_t size, size_t align, bool *zeroed)
{
	if (unlikely(check.on))
		return check_malloc_any(size, align, zeroed);
	return malloc_door(size, align, zeroed);
}

void *malloc_slow_plain(size_t size)
{
	if (unlikely(check.wide))
		return check_malloc_wide(size);
	if (unlikely(check.on))
		return check_malloc(size);
	return malloc_door(size, 1, NULL);
}

void *malloc_onhome(size_t size, u32 home)
{
	void *p;

	if (!slow_enter())
		return malloc_slow(size, 1, NULL);
	p = malloc_from(home, size, 1, NULL);
	if (unlikely(!p) && size <= space.home_bytes) {
		release_caches();
		p = malloc_from(home, size, 1, NULL);
	}
	slow_exit();
	if (unlikely(check.on))
		check_made(p, size, 1);
	if (!p)
		errno = ENOMEM;
	return p;
}

/* The large span that starts at @p, or NULL. */
static struct span *large_span(const void *p)
{
	struct span *s = span_of(p);

	return s && s->state == SPAN_LARGE && span_start(s) == p ? s : NULL;
}

/* The span of the small object at @p; NULL where none is there. Dies inside an object. */
static struct span *small_span(const void *p, const char *what)
{
	struct span *s = span_of(p);
	u32 offset;

	if (!s || s->state != SPAN_SMALL)
		return NULL;
	offset = (u32)((uintptr_t)p - (uintptr_t)span_start(s));
	if (span_object_index(s->cls, offset) * size_classes[s->cls].size != offset)
		die_not_an_object(what, p);
	return s;
}

static void die_of(const char *what, const void *p)
{
	if (span_of(p))
		die_not_an_object(what, p);
	die_foreign(what, p);
}

static void free_small(void *p, struct span *s)
{
	u32 home = addr_to_home(p), cls = s->cls;

	if (likely(!s->sampled)) {
		cpu_cache_free(p, cls, home);
		return;
	}
	prof_small_freed(s, p);
	node_heap_free_sampled(node_heaps[home], cls, p);
}

bool free_inside(void *p)
{
	struct span *s;

	if (unlikely(check.on) && check_free_deferred(p))
		return true;
	s = small_span(p, "free");
	if (s) {
		free_small(p, s);
		return false;
	}
	s = large_span(p);
	if (s) {
		if (s->sampled)
			prof_freed(p);
		page_heap_free(&node_heaps[addr_to_home(p)]->pages, s, USE_LARGE);
	} else if (guard_has(p)) {
		prof_freed(p);
		guard_free(p);
	} else if (!reentry_free(p)) {
		die_of("free", p);
	}
	return true;
}

void free_door(void *p)
{
	int saved_errno = errno;

	span_prefetch(p);
	if (!slow_enter()) {
		if (!reentry_free(p)) {
			if (!small_span(p, "free") && !large_span(p) &&
			    !(guard_has(p) && guard_size(p, "free")))
				die_of("free", p);
			reentry_defer(p);
		}
	} else {
		release_poll(free_inside(p));
		slow_exit();
	}
	errno = saved_errno;
}

void free_slow(void *p)
{
	if (unlikely(check.wide))
		check_free_wide(p);
	else if (unlikely(check.on))
		check_free(p);
	else if (p)
		free_door(p);
}

void free_slow_sized(void *p, size_t size)
{
	if (unlikely(check.on))
		check_free_sized(p, size);
	else if (p)
		free_door(p);
}

size_t object_size(const void *p, const char *what, bool *large)
{
	struct span *s;
	size_t bytes;

	*large = false;
	if (unlikely(check.on) && check_size(p, what, &bytes, large))
		return bytes;
	s = small_span(p, what);
	if (s)
		return size_classes[s->cls].size;
	s = large_span(p);
	if (s) {
		*large = true;
		return span_bytes(s);
	}
	if (guard_has(p))
		return guard_size(p, what);
	if (!reentry_owns(p, &bytes))
		die_of(what, p);
	return bytes;
}

bool large_resize(void *p, size_t size)
{
	u32 npages = large_pages(check_need(size));
	struct span *s;
	bool done;
	u64 was;

	if (!npages || !slow_enter())
		return false;
	s = span_of(p);
	was = span_bytes(s);
	done = page_heap_resize(&node_heaps[addr_to_home(p)]->pages, s, npages);
	if (done)
		prof_large_resized(s, was);
	if (unlikely(check.on) && done)
		check_resized(p, size);
	release_poll(true);
	slow_exit();
	return done;
}
