/* SPDX-License-Identifier: MIT */
/*
 * check_path.h - the common cases of malloc and free in check:full, for check.c and
 * check_wide.c. They call nothing but at their end, and whatever is not common, or looks
 * wrong, begins anew there.
 */
#ifndef PERCPU_CHECK_PATH_H
#define PERCPU_CHECK_PATH_H

#include "check.h"
#include "pattern.h"
#include "prof_arm.h"
#include "quarantine_ring.h"
#include "rseq_ops.h"

#define CHECK_ANY_SIZE SIZE_MAX /* for @size: a free that does not say it */

void *check_malloc_past(size_t size, size_t align, bool *zeroed); /* the quarantine has none */
void *check_malloc_again(void *p, size_t size, u64 bytes);	  /* what it had */
void *check_malloc_popped(void *p, size_t size, u64 bytes);	  /* from the CPU's cache */
void check_free_any(void *p, size_t size);
void check_hold(void *p, u32 ring); /* checked and poisoned */

/* As check_malloc_any() and check_free_sized(), where check.wide. */
void *check_malloc_aligned_wide(size_t size, size_t align);
void check_free_sized_wide(void *p, size_t size);

/* The home that malloc would take from. */
static __always_inline u32 own_home(void)
{
	return likely(space.nr_homes == 1) ? 0 : this_home();
}

/* From the quarantine, where its state is CHECK_HELD, or from the CPU's cache: CHECK_FREE. */
static __always_inline void *malloc_given(void *p, size_t size, u64 bytes, u32 state)
{
	u16 *entry = check_entry(p), e = READ_ONCE(*entry);

	if (unlikely(entry_state(e) != state || !poison_holds(p, bytes) ||
		     !poison_is_canary(size, bytes)))
		return state == CHECK_HELD ? check_malloc_again(p, size, bytes)
					   : check_malloc_popped(p, size, bytes);
	/* Pairs with look_before(). */
	smp_store_release(entry, entry_of(CHECK_LIVE, e, bytes - size));
	return p;
}

/* A function, as its registers would cost what is more common. */
static __noinline void *malloc_popped(size_t size, size_t align, const struct ring *r)
{
	void *p = rseq_pop(r->pop);

	if (likely(p))
		return malloc_given(p, size, r->bytes, CHECK_FREE);
	return check_malloc_past(size, align, NULL);
}

static __always_inline void *malloc_path(size_t size, size_t align)
{
	struct quarantine *q = quarantine_mine;

	/* Samples are drawn among pops, and never were. */
	if (likely(size < SMALL_MAX && align <= PAGE_SIZE && q && READ_ONCE(check.fast) &&
		   !READ_ONCE(prof_one_rate))) {
		size_t need = ALIGN_UP(max(size, (size_t)MIN_ALIGN) + 1, align);

		if (likely(need <= SMALL_MAX)) {
			u32 cls = check.class_by[(need - 1) / 8];
			struct ring *r = &q->ring[ring_of(own_home(), cls)];
			void *p = quarantine_again(q, r, false);

			if (p)
				return malloc_given(p, size, r->bytes, CHECK_HELD);
			return malloc_popped(size, align, r);
		}
	}
	return check_malloc_past(size, align, NULL);
}

static __always_inline void free_path(char *p, size_t size)
{
	struct quarantine *q = quarantine_mine;
	u64 offset = (uintptr_t)p - space.base, bytes;
	u32 block, ring;
	u16 *entry, e;

	if (unlikely(offset >= READ_ONCE(space.limit) || offset % CHECK_GRANULE || !q)) {
		check_free_any(p, size);
		return;
	}
	entry = &check.map[offset >> CHECK_GRANULE_SHIFT];
	e = READ_ONCE(*entry);
	/* What is not in a cache comes while the entry does. */
	__builtin_prefetch(p, 1);
	__builtin_prefetch(p + 63, 1);
	block = READ_ONCE(hot.pagemap[offset >> PAGE_SHIFT]);
	ring = check.ring_at[block / CACHE_LINE];
	bytes = q->ring[ring].bytes;
	__builtin_prefetch(p + bytes - 1, 1);
	__builtin_prefetch(p + bytes - 64, 1);
	if (unlikely(entry_state(e) != CHECK_LIVE || !block ||
		     (size != CHECK_ANY_SIZE && size != bytes - entry_slack(e)) ||
		     !canary_holds(p, bytes - entry_slack(e), bytes) ||
		     (!(e & CHECK_FIRST) && READ_ONCE(p[-1]) != (char)PATTERN_BYTE))) {
		check_free_any(p, size);
		return;
	}
	WRITE_ONCE(*entry, entry_with(e, CHECK_HELD));
	poison_write(p, bytes);
	if (unlikely(lanes_locked() || !quarantine_try_put(q, &q->ring[ring], p)))
		check_hold(p, ring);
}

#endif
