// SPDX-License-Identifier: MIT
/*
 * write.c - stores of references: the barrier.
 *
 * While no marking runs it is a restartable sequence that stores unless gc.barrier is
 * set. So setting it and one fence (cycle.c) leave no store in flight that has not seen
 * it: the phase flips with no handshake.
 *
 * While marking runs a store shades what it overwrites and what it stores. The first
 * keeps what a stack that was scanned before has loaded from the slot, or will. The
 * second keeps what a stack that was not scanned yet hands over to one that was. Both
 * always, as it is not known whether all stacks were scanned by the time of the store.
 *
 * Shading and the store lie inside gc_enter(), so that the end of marking waits for
 * what a thread has found and not queued yet.
 *
 * Where both are marked already, or NULL, there is nothing to shade and nothing to queue, and
 * such are most stores: what is new is handed out marked, and its fields are NULL. Then a
 * restartable sequence stores if gc.barrier is still what it was before the marks were looked
 * at. It is another number in each cycle, so no such store is left when the next one marks:
 * it restarts at the fence, and sees the other number. And not before gc.flipped: between the look
 * and the store one that does not shade might still put there what nobody has marked.
 */
#include <string.h>

#include "gc_inject.h"
#include "gc_map.h"
#include "gc_span.h"
#include "mark.h"
#include "roots.h"
#include "threads.h"

static __noinline void write_slow(void *slot, void *value)
{
	struct gc_thread *t = thread_self("write of a reference");
	void **p = slot;

	if (unlikely(!t)) {
		/* No marker may rely on it, but the program's data are its own. */
		smp_store_release(p, value);
		return;
	}
	gc_enter(t);
	if (READ_ONCE(gc.marking)) {
		GC_INJECT(AT_SHADE);
		if (!GC_TWIN(no_deletion_shade))
			mark_shade((uintptr_t)READ_ONCE(*p));
		GC_INJECT(AT_SHADED_OLD);
		if (!GC_TWIN(no_insertion_shade))
			mark_shade((uintptr_t)value);
		GC_INJECT(AT_SHADED_NEW);
	}
	smp_store_release(p, value);
	gc_exit(t);
}

#ifdef LANE_DEBUG
static void check_slot(const void *slot)
{
	struct gc_thread *t = gc_self;
	uintptr_t at = (uintptr_t)slot;
	struct gc_object o;

	if (at % sizeof(void *))
		panic("write of a reference to %p, which is not aligned", slot);
	if (gc_find(at, &o) && gc_object_exists(&o) && !gc_slot_is_free(o.page, o.index))
		return;
	if (roots_contain(at) || (t && at >= t->low && at < t->base))
		return;
	panic("write of a reference to %p, which is no collected object", slot);
}
#else
#define check_slot(slot) ((void)(slot))
#endif

/* It is marked, or nothing to mark; a mark is where an object starts. No guess. */
static bool is_known(uintptr_t p)
{
	u64 offset = p - space.base;

	/* Marks can be read where the map has something; pairs with gc_map_set(). */
	return offset >= gc.limit || !smp_load_acquire(&gc_map[offset >> PAGE_SHIFT]) ||
	       mark_test(p);
}

static __noinline void write_marking(void *slot, void *value)
{
	u32 barrier = smp_load_acquire(&gc.barrier); /* marks after it: those of its cycle */

	if (smp_load_acquire(&gc.flipped) && /* pairs with turn_on() */
	    is_known((uintptr_t)value) && is_known((uintptr_t)READ_ONCE(*(void **)slot))) {
		GC_INJECT(AT_KNOWN);
		if (rseq_store_if(&gc.barrier, barrier, slot, value))
			return;
	}
	write_slow(slot, value);
}

static __always_inline void write_reference(void *slot, void *value)
{
	if (likely(rseq_store_if(&gc.barrier, 0, slot, value)))
		return;
	write_marking(slot, value);
}

void write_own(void *slot, void *value)
{
	write_reference(slot, value);
}

LANE_API void lane_gc_write(void *slot, void *value)
{
	check_slot(slot);
	write_reference(slot, value);
}

LANE_API void *lane_gc_cmpxchg(void *slot, void *old, void *value)
{
	struct gc_thread *t = thread_self("write of a reference");
	void **p = slot, *found;

	check_slot(slot);
	if (t)
		gc_enter(t);
	if (t && READ_ONCE(gc.marking)) {
		/*
		 * What is overwritten, if anything is, is @old. It is kept alive although the
		 * exchange may fail: floating garbage at worst.
		 */
		if (!GC_TWIN(no_deletion_shade))
			mark_shade((uintptr_t)old);
		GC_INJECT(AT_SHADED_OLD);
		if (!GC_TWIN(no_insertion_shade))
			mark_shade((uintptr_t)value);
		GC_INJECT(AT_SHADED_NEW);
	}
	GC_INJECT(AT_STORE);
	found = atomic_cmpxchg(p, old, value);
	if (t)
		gc_exit(t);
	return found;
}

/* Words of a copy shaded and stored within one gc_enter(): it is not to last. */
#define BULK_WORDS 512u

/* Shade what @n words at @dst hold and, unless NULL, what those at @src do. */
static void shade_words(void **dst, void *const *src, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		mark_shade((uintptr_t)READ_ONCE(dst[i]));
		if (src)
			mark_shade((uintptr_t)READ_ONCE(src[i]));
	}
}

static void store_words(void **dst, void *const *src, size_t n, bool down)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = down ? n - 1 - i : i;

		smp_store_release(&dst[at], src ? READ_ONCE(src[at]) : NULL);
	}
}

static void write_words(void **dst, void *const *src, size_t n, bool down)
{
	struct gc_thread *t = thread_self("write of references");
	size_t done = 0;

	while (done < n) {
		size_t len = min(n - done, (size_t)BULK_WORDS);
		size_t at = down ? n - done - len : done;

		if (t)
			gc_enter(t);
		if (t && READ_ONCE(gc.marking))
			shade_words(dst + at, src ? src + at : NULL, len);
		GC_INJECT(AT_STORE);
		store_words(dst + at, src ? src + at : NULL, len, down);
		if (t)
			gc_exit(t);
		done += len;
	}
}

/* What is less than a word at the end of @bytes is no reference. */
static void move_tail(void *dst, const void *src, size_t bytes)
{
	size_t whole = ALIGN_DOWN(bytes, sizeof(void *));

	memmove((char *)dst + whole, (const char *)src + whole, bytes - whole);
}

LANE_API void lane_gc_memmove(void *dst, const void *src, size_t bytes)
{
	/* Downwards where the end of the source would be overwritten before it is read. */
	bool down = (uintptr_t)dst - (uintptr_t)src < bytes;

	if (down)
		move_tail(dst, src, bytes);
	write_words(dst, src, bytes / sizeof(void *), down);
	if (!down)
		move_tail(dst, src, bytes);
}

LANE_API void lane_gc_clear(void *dst, size_t bytes)
{
	size_t whole = ALIGN_DOWN(bytes, sizeof(void *));

	write_words(dst, NULL, bytes / sizeof(void *), false);
	memset((char *)dst + whole, 0, bytes - whole);
}
