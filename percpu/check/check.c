// SPDX-License-Identifier: MIT
/*
 * check.c - malloc and free in check:full. The common case takes no lock and does not
 * pass the door: what is freed goes into the thread's quarantine, and malloc takes what
 * waited there longest, or pops from the CPU's cache as its own fast path does.
 */
#include "check_path.h"

#include <errno.h>

#include "cpu_cache.h"
#include "errors.h"
#include "malloc_slow.h"
#include "node_heap.h"
#include "prof_sample.h"
#include "reentry.h"
#include "release.h"
#include "rseq_ops.h"
#include "slow_path.h"

static __cold void die_poison(const char *p, u64 bytes, u16 e)
{
	die_used_after_free(poison_end(p, bytes), p, bytes - entry_slack(e));
}

/* Also for objects of a handler and guarded ones, which lie elsewhere and are as they are. */
static __always_inline void *made(char *p, size_t size, u64 bytes, bool large)
{
	u16 *entry = check_entry(p), e = READ_ONCE(*entry);
	bool poisoned = !large && entry_state(e) == CHECK_FREE;

	if (poisoned && unlikely(!poison_holds(p, bytes)))
		die_poison(p, bytes, e);
	if (!poisoned || !poison_is_canary(size, bytes))
		canary_write(p, size, bytes);
	/* Pairs with look_before(). */
	smp_store_release(entry, entry_of(CHECK_LIVE, e ? e : CHECK_FIRST, bytes - size));
	return p;
}

void *check_made(void *p, size_t size, size_t align)
{
	u32 cls;

	if (!p || (uintptr_t)p - space.base >= READ_ONCE(space.limit))
		return p;
	cls = aligned_class(check_need(size), align);
	if (cls)
		return made(p, size, size_classes[cls].size, false);
	return made(p, size, span_bytes(span_of(p)), true);
}

void *check_malloc_again(void *p, size_t size, u64 bytes)
{
	u16 *entry = check_entry(p), e = READ_ONCE(*entry);

	if (unlikely(entry_state(e) != CHECK_HELD))
		die_double_free(p);
	if (unlikely(!poison_holds(p, bytes)))
		die_poison(p, bytes, e);
	if (!poison_is_canary(size, bytes))
		canary_write(p, size, bytes);
	smp_store_release(entry, entry_of(CHECK_LIVE, e, bytes - size)); /* as made() */
	return p;
}

void *check_malloc_popped(void *p, size_t size, u64 bytes)
{
	return made(p, size, bytes, false);
}

void *check_malloc_past(size_t size, size_t align, bool *zeroed)
{
	u32 cls = aligned_class(check_need(size), align);
	struct quarantine *q = quarantine_mine;
	void *p;

	if (likely(cls && READ_ONCE(check.fast))) {
		u64 bytes = size_classes[cls].size;

		/* Samples are drawn among pops. */
		if (q && !READ_ONCE(prof_bytes)) {
			p = quarantine_again(q, &q->ring[ring_of(own_home(), cls)], true);
			if (p)
				return check_malloc_again(p, size, bytes);
		}
		p = rseq_pop(block_offset(cls));
		if (likely(p))
			return made(p, size, bytes, false);
	}
	return check_made(malloc_door(size, align, zeroed), size, align);
}

void *check_malloc(size_t size)
{
	return malloc_path(size, 1);
}

void *check_malloc_any(size_t size, size_t align, bool *zeroed)
{
	if (size >= SMALL_MAX)
		return check_malloc_past(size, align, zeroed);
	if (zeroed)
		*zeroed = false;
	return check.wide ? check_malloc_aligned_wide(size, align) : malloc_path(size, align);
}

/* The byte before @p, where it is known to be another object's last one. */
static __always_inline void look_before(const char *p, u16 e, u64 bytes, const char *what)
{
	u16 before;

	if (e & CHECK_FIRST || likely(READ_ONCE(p[-1]) == (char)PATTERN_BYTE))
		return;
	/* It may be handed out for the first time just now: its canary comes before its entry. */
	before = smp_load_acquire(check_entry(p - bytes)); /* pairs with made() */
	if (entry_state(before) != CHECK_NONE && READ_ONCE(p[-1]) != (char)PATTERN_BYTE)
		die_underflow(what, p, bytes - entry_slack(e), p - bytes,
			      bytes - entry_slack(before));
}

static __always_inline void look(const char *p, u16 e, u64 bytes, bool large, const char *what)
{
	u64 size = bytes - entry_slack(e);

	if (unlikely(!canary_holds(p, size, bytes)))
		die_overflow(what, p, size);
	if (!large)
		look_before(p, e, bytes, what);
}

/* From the program. Of two threads that free it now both come through; check_let_go() sees it. */
static __always_inline void take(char *p, u16 *entry, u16 e, u64 bytes, bool large, size_t size)
{
	if (unlikely(size != CHECK_ANY_SIZE && size != bytes - entry_slack(e)))
		die_wrong_size(p, size);
	look(p, e, bytes, large, "free");
	WRITE_ONCE(*entry, entry_with(e, CHECK_HELD));
	poison_write(p, bytes);
}

/* Past the quarantine. Inside a slow path. */
static void free_now(void *p, u32 cls, u32 home)
{
	u16 *entry = check_entry(p);

	WRITE_ONCE(*entry, entry_with(*entry, CHECK_FREE));
	if (READ_ONCE(space.pagemap[addr_to_page(p)]))
		cpu_cache_free(p, cls, home);
	else
		node_heap_free_sampled(node_heaps[home], cls, p);
}

static __noinline void hold_slow(void *p, u32 cls, u32 home, enum quarantine_result why)
{
	int saved_errno = errno;

	if (why == QUARANTINE_BUSY || !slow_enter()) {
		reentry_defer(p);
		return;
	}
	free_now(p, cls, home);
	release_poll(false);
	slow_exit();
	errno = saved_errno;
}

/* A small object that take() took. Inside a slow path. */
static void hold_inside(void *p, u32 cls)
{
	u32 home = addr_to_home(p);

	if (quarantine_put(p, cls, home, true) != QUARANTINED)
		free_now(p, cls, home);
}

/* A live checked object that is large or sampled; taken. Inside a slow path. */
static void hold_special(void *p, struct span *s)
{
	if (s->state == SPAN_LARGE) {
		if (s->sampled)
			prof_freed(p);
		quarantine_large(s);
	} else {
		if (s->sampled)
			prof_small_freed(s, p);
		hold_inside(p, s->cls);
	}
}

static u64 object_bytes(const struct span *s)
{
	return s->state == SPAN_LARGE ? span_bytes(s) : size_classes[s->cls].size;
}

static void free_special(void *p, u16 *entry, u16 e, size_t size)
{
	struct span *s = span_of(p);
	int saved_errno = errno;

	take(p, entry, e, object_bytes(s), s->state == SPAN_LARGE, size);
	if (!slow_enter()) {
		reentry_defer(p);
		return;
	}
	hold_special(p, s);
	release_poll(s->state == SPAN_LARGE);
	slow_exit();
	errno = saved_errno;
}

/* What is not a live checked object. */
static __noinline void free_other(void *p, size_t size)
{
	if (check_covers(p)) {
		u16 *entry = check_entry(p), e = READ_ONCE(*entry);

		if (entry_state(e) == CHECK_LIVE) {
			free_special(p, entry, e, size);
			return;
		}
		if (entry_state(e) != CHECK_NONE || (check.strict && (e & ~CHECK_FIRST)))
			die_double_free(p);
	}
	free_door(p);
}

void check_hold(void *p, u32 ring)
{
	u32 home = ring / NR_CLASSES, cls = ring % NR_CLASSES;
	enum quarantine_result ret = quarantine_put(p, cls, home, false);

	if (unlikely(ret != QUARANTINED))
		hold_slow(p, cls, home, ret);
}

void check_free_any(void *p, size_t size)
{
	if (!p)
		return;
	if (check_covers(p)) {
		u16 *entry = check_entry(p), e = READ_ONCE(*entry);
		u32 block = READ_ONCE(hot.pagemap[addr_to_page(p)]);

		if (entry_state(e) == CHECK_LIVE && block) {
			u32 ring = check.ring_at[block / CACHE_LINE];

			take(p, entry, e, size_classes[ring % NR_CLASSES].size, false, size);
			check_hold(p, ring);
			return;
		}
	}
	free_other(p, size);
}

void check_free(void *p)
{
	free_path(p, CHECK_ANY_SIZE);
}

void check_free_sized(void *p, size_t size)
{
	if (check.wide)
		check_free_sized_wide(p, size);
	else
		free_path(p, size);
}

bool check_free_deferred(void *p)
{
	struct span *s;

	if (!check_covers(p) || entry_state(READ_ONCE(*check_entry(p))) != CHECK_HELD)
		return false;
	s = span_of(p);
	poison_write(p, object_bytes(s)); /* it held a link */
	hold_special(p, s);
	return true;
}

bool check_size(const void *p, const char *what, size_t *size, bool *large)
{
	struct span *s;
	u16 e;

	if (!check_covers(p))
		return false;
	e = READ_ONCE(*check_entry(p));
	if (entry_state(e) == CHECK_HELD || entry_state(e) == CHECK_FREE ||
	    (check.strict && !entry_state(e) && (e & ~CHECK_FIRST)))
		die_freed(what, p);
	if (entry_state(e) != CHECK_LIVE)
		return false;
	s = span_of(p);
	look(p, e, object_bytes(s), s->state == SPAN_LARGE, what);
	*size = object_bytes(s) - entry_slack(e);
	/* The canary may have made it large: it stays where any of its size would. */
	*large = *size > SMALL_MAX;
	return true;
}

bool check_resized(void *p, size_t size)
{
	u16 *entry, e;
	u64 bytes;

	if (!check_covers(p))
		return true;
	entry = check_entry(p);
	e = READ_ONCE(*entry);
	if (entry_state(e) != CHECK_LIVE)
		return true;
	bytes = object_bytes(span_of(p));
	if (size + CHECK_SLACK_MAX < bytes)
		return false;
	canary_write(p, size, bytes);
	WRITE_ONCE(*entry, entry_of(CHECK_LIVE, e, bytes - size));
	return true;
}

void check_let_go(void *p, u64 bytes)
{
	u16 *entry = check_entry(p), e = *entry;

	if (unlikely(entry_state(e) != CHECK_HELD))
		die_double_free(p);
	if (unlikely(!poison_holds(p, bytes)))
		die_poison(p, bytes, e);
	WRITE_ONCE(*entry, entry_with(e, CHECK_FREE));
}

void check_take_back(void *p)
{
	u16 *entry = check_entry(p);

	WRITE_ONCE(*entry, entry_with(*entry, CHECK_HELD));
}
