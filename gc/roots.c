// SPDX-License-Identifier: MIT
#include "roots.h"

#include <errno.h>

#include "heap.h"
#include "mark.h"
#include "meta.h"
#include "slow_path.h"
#include "threads.h"

#define PIECE (64u << 10) /* bytes scanned under the lock at once */

struct spinlock roots_lock = SPINLOCK_INIT(RANK_GC_ROOTS);

struct range {
	struct range *next;
	uintptr_t start; /* 0: unused */
	uintptr_t end;
	u64 scanned; /* cycle that it was last scanned in */
};

static struct range *ranges; /* roots_lock; never shrinks */
static struct cell_pool handles;

struct cell *cell_get(struct cell_pool *pool)
{
	struct cell *c = pool->free;

	if (!c) {
		struct cell_block *b = meta_alloc(sizeof(*b), CACHE_LINE);

		if (!b)
			return NULL;
		for (u32 i = 0; i < CELLS; i++) {
			b->cell[i].next_free = pool->free;
			pool->free = &b->cell[i];
		}
		b->next = pool->blocks;
		smp_store_release(&pool->blocks, b); /* pairs with cells_for_each() */
		c = pool->free;
	}
	pool->free = c->next_free;
	return c;
}

void cell_put(struct cell_pool *pool, struct cell *c)
{
	WRITE_ONCE(c->obj, NULL);
	c->next_free = pool->free;
	pool->free = c;
}

static struct range *find_range(uintptr_t start)
{
	struct range *r = ranges;

	while (r && r->start != start)
		r = r->next;
	return r;
}

bool roots_contain(uintptr_t p)
{
	/* Without the lock: ranges are never unlinked. */
	for (struct range *r = READ_ONCE(ranges); r; r = r->next)
		if (p >= READ_ONCE(r->start) && p < READ_ONCE(r->end))
			return true;
	return false;
}

LANE_API int lane_gc_add_roots(void *start, size_t bytes)
{
	struct range *r;

	if (!start || (uintptr_t)start % sizeof(void *) || bytes % sizeof(void *))
		return -EINVAL;
	if (!slow_enter())
		return -EDEADLK;
	spin_lock(&roots_lock);
	r = find_range(0);
	if (!r) {
		r = meta_alloc(sizeof(*r), sizeof(void *));
		if (r) {
			r->next = ranges;
			smp_store_release(&ranges, r); /* pairs with roots_contain() */
		}
	}
	if (r) {
		r->end = (uintptr_t)start + bytes;
		r->scanned = 0;
		r->start = (uintptr_t)start;
	}
	spin_unlock(&roots_lock);
	slow_exit();
	return r ? 0 : -ENOMEM;
}

/*
 * The range vanishes as if it were overwritten: what it refers to is marked, for stacks that were
 * scanned before. Where marking begins just now they will be scanned after. Lock held.
 */
static void mark_range(const struct range *r)
{
	struct lane_gc_tracer m;

	if (!READ_ONCE(gc.marking))
		return;
	mark_begin(&m);
	mark_words(&m, (uintptr_t *)r->start, (uintptr_t *)r->end);
	mark_end(&m);
}

LANE_API int lane_gc_remove_roots(void *start)
{
	struct range *r;

	if (!start)
		return -ENOENT;
	while (!slow_enter())
		;
	spin_lock(&roots_lock);
	r = find_range((uintptr_t)start);
	if (r) {
		mark_range(r);
		r->start = r->end = 0;
	}
	spin_unlock(&roots_lock);
	slow_exit();
	return r ? 0 : -ENOENT;
}

/* In pieces, the lock given back between them. */
static u64 scan_range(struct range *r)
{
	uintptr_t start = READ_ONCE(r->start), from = start, to;
	struct lane_gc_tracer m;

	do {
		while (!slow_enter())
			;
		mark_begin(&m);
		spin_lock(&roots_lock);
		/* Removed, or another range by now: roots_scan_new() finds that one. */
		to = r->start == start ? min(r->end, from + PIECE) : from;
		mark_words(&m, (uintptr_t *)from, (uintptr_t *)to);
		spin_unlock(&roots_lock);
		mark_end(&m);
		slow_exit();
		from = to;
	} while (from < READ_ONCE(r->end) && READ_ONCE(r->start) == start);
	return from - start;
}

static u64 scan_cells(void)
{
	struct lane_gc_tracer m;
	struct cell_block *b;
	u64 n = 0;
	u32 i;

	while (!slow_enter())
		;
	mark_begin(&m);
	cells_for_each(&handles, b, i)
	{
		void *obj = READ_ONCE(b->cell[i].obj);

		if (obj)
			mark_reference(&m, (uintptr_t)obj);
		n++;
	}
	finalizers_scan(&m);
	mark_end(&m);
	slow_exit();
	return n * sizeof(void *);
}

static u64 scan_ranges(void)
{
	u64 bytes = 0;

	for (struct range *r = smp_load_acquire(&ranges); r; r = r->next) {
		if (READ_ONCE(r->scanned) == gc.cycle || !READ_ONCE(r->start))
			continue;
		WRITE_ONCE(r->scanned, gc.cycle); /* before: it may become another one meanwhile */
		bytes += scan_range(r);
	}
	return bytes;
}

u64 roots_scan(void)
{
	u64 bytes = scan_cells();

	return bytes + scan_ranges();
}

bool roots_scan_new(void)
{
	u64 bytes = scan_ranges();

	heap.roots += bytes;
	return bytes;
}

LANE_API struct lane_gc_handle *lane_gc_handle_create(void *obj)
{
	struct cell *c = NULL;

	if (slow_enter()) {
		spin_lock(&roots_lock);
		c = cell_get(&handles);
		spin_unlock(&roots_lock);
		slow_exit();
	}
	if (!c) {
		errno = ENOMEM;
		return NULL;
	}
	lane_gc_write(&c->obj, obj);
	return (struct lane_gc_handle *)c;
}

LANE_API void *lane_gc_handle_get(struct lane_gc_handle *h)
{
	return smp_load_acquire(&((struct cell *)h)->obj); /* pairs with lane_gc_write() */
}

LANE_API void lane_gc_handle_set(struct lane_gc_handle *h, void *obj)
{
	lane_gc_write(&((struct cell *)h)->obj, obj);
}

LANE_API void lane_gc_handle_destroy(struct lane_gc_handle *h)
{
	struct cell *c = (struct cell *)h;

	if (!h)
		return;
	lane_gc_write(&c->obj, NULL);
	while (!slow_enter())
		;
	spin_lock(&roots_lock);
	cell_put(&handles, c);
	spin_unlock(&roots_lock);
	slow_exit();
}
