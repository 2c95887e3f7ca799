// SPDX-License-Identifier: MIT
#include "roots.h"

#include <errno.h>

#include "backoff.h"
#include "gc_inject.h"
#include "heap.h"
#include "mark.h"
#include "meta.h"
#include "queue.h"
#include "slow_path.h"
#include "threads.h"

#define PIECE (32u << 10) /* bytes scanned at a time */

struct spinlock roots_lock = SPINLOCK_INIT(RANK_GC_ROOTS);

struct range {
	struct range *next;
	uintptr_t start; /* 0: unused */
	uintptr_t end;
	uintptr_t next_piece; /* from here on it was not taken in this cycle; roots_lock */
	u64 scanned;	      /* cycle in which it was last queued; roots_lock, read without */
	u32 busy;	      /* pieces being scanned; atomic, rises under roots_lock only */
};

static struct range *ranges; /* roots_lock; never shrinks */
static struct cell_pool handles;
static struct cell_block *next_block; /* of handles, not taken in this cycle; roots_lock */

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

#ifdef LANE_DEBUG
bool roots_contain(uintptr_t p)
{
	/* Without the lock: ranges are never unlinked. */
	for (struct range *r = READ_ONCE(ranges); r; r = r->next)
		if (p >= READ_ONCE(r->start) && p < READ_ONCE(r->end))
			return true;
	return false;
}
#endif

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
		/* Until it is queued: a job of who had this place before finds nothing. */
		r->next_piece = r->end;
		WRITE_ONCE(r->scanned, 0);
		r->start = (uintptr_t)start;
	}
	spin_unlock(&roots_lock);
	slow_exit();
	return r ? 0 : -ENOMEM;
}

/*
 * The range vanishes as if it were overwritten: what it refers to is marked, for stacks that were
 * scanned before; once a cycle, *@marked. Where marking begins just now they will be scanned after.
 * Lock held.
 */
static void mark_range(const struct range *r, u64 *marked)
{
	u64 now = smp_load_acquire(&gc.cycle); /* before marking, which is on later */
	struct lane_gc_tracer m;

	if (!READ_ONCE(gc.marking) || *marked == now)
		return;
	*marked = now;
	mark_begin(&m);
	mark_words(&m, (uintptr_t *)r->start, (uintptr_t *)r->end);
	mark_end(&m);
}

/* False: some marker still reads a piece of it. Lock held. */
static bool remove_range(struct range *r, u64 *marked)
{
	/* Before the rest is taken off its job: the cycle may end as soon as the lock is free. */
	mark_range(r, marked);
	r->next_piece = r->end;
	if (smp_load_acquire(&r->busy)) /* pairs with scan_piece() */
		return false;
	r->start = r->end = r->next_piece = 0;
	return true;
}

LANE_API int lane_gc_remove_roots(void *start)
{
	struct range *r;
	u64 marked = 0; /* cycle: the first is 1 */
	bool removed;
	u32 turn = 0;

	if (!start)
		return -ENOENT;
	slow_enter_always();
	for (;;) {
		spin_lock(&roots_lock);
		r = find_range((uintptr_t)start);
		removed = !r || remove_range(r, &marked);
		spin_unlock(&roots_lock);
		if (removed)
			break;
		backoff(&turn);
	}
	slow_exit();
	return r ? 0 : -ENOENT;
}

/* Have roots scanned by whoever comes. Without memory for that: here and now. */
static void queue_job(void *what)
{
	struct lane_gc_tracer m;

	if (queue_put((uintptr_t)what | GREY_ROOTS))
		return;
	mark_begin(&m);
	roots_scan_piece(&m, (uintptr_t)what);
	mark_end(&m);
}

/*
 * One piece. The rest is queued again before, for others; true where it could not be, and is the
 * caller's.
 */
static bool scan_piece(struct lane_gc_tracer *m, struct range *r)
{
	uintptr_t from, to;
	bool more;

	spin_lock(&roots_lock);
	from = r->next_piece;
	to = min(r->end, from + PIECE);
	more = to < r->end;
	r->next_piece = to;
	if (from < to)
		atomic_add_return(&r->busy, 1);
	spin_unlock(&roots_lock);
	if (from == to)
		return false; /* removed since it was queued */
	if (more && queue_put((uintptr_t)r | GREY_ROOTS))
		more = false;
	GC_INJECT(AT_ROOT_PIECE);
	mark_words(m, (uintptr_t *)from, (uintptr_t *)to);
	atomic_add_return(&r->busy, (u32)-1); /* pairs with remove_range() */
	return more;
}

/* Likewise a block of handles. */
static bool scan_block(struct lane_gc_tracer *m)
{
	struct cell_block *b;
	bool more;

	spin_lock(&roots_lock);
	b = next_block;
	next_block = b ? b->next : NULL;
	more = next_block;
	spin_unlock(&roots_lock);
	if (more && queue_put((uintptr_t)&handles | GREY_ROOTS))
		more = false;
	for (u32 i = 0; b && i < CELLS; i++) {
		void *obj = READ_ONCE(b->cell[i].obj);

		if (obj)
			mark_reference(m, (uintptr_t)obj);
		m->work += sizeof(obj);
	}
	return more;
}

void roots_scan_piece(struct lane_gc_tracer *m, uintptr_t job)
{
	if (job == (uintptr_t)&handles) {
		while (scan_block(m))
			;
		return;
	}
	while (scan_piece(m, (struct range *)job))
		;
}

static u64 queue_handles(void)
{
	struct cell_block *blocks = smp_load_acquire(&handles.blocks), *b;
	u64 n = 0;

	for (b = blocks; b; b = b->next)
		n += CELLS;
	if (!n)
		return 0;
	spin_lock(&roots_lock);
	next_block = blocks;
	spin_unlock(&roots_lock);
	queue_job(&handles);
	return n * sizeof(void *);
}

static u64 queue_range(struct range *r)
{
	u64 bytes = 0;

	spin_lock(&roots_lock);
	if (r->start && r->scanned != gc.cycle) {
		WRITE_ONCE(r->scanned, gc.cycle);
		r->next_piece = r->start;
		bytes = r->end - r->start;
	}
	spin_unlock(&roots_lock);
	if (bytes)
		queue_job(r);
	return bytes;
}

/* Those that were not, in this cycle. */
static u64 queue_ranges(void)
{
	u64 bytes = 0;

	slow_enter_always();
	for (struct range *r = smp_load_acquire(&ranges); r; r = r->next) {
		if (READ_ONCE(r->scanned) != gc.cycle && READ_ONCE(r->start))
			bytes += queue_range(r);
	}
	slow_exit();
	return bytes;
}

u64 roots_queue(void)
{
	struct lane_gc_tracer m;
	u64 bytes;

	slow_enter_always();
	bytes = queue_handles();
	mark_begin(&m);
	finalizers_scan(&m);
	mark_end(&m);
	slow_exit();
	return bytes + queue_ranges();
}

bool roots_queue_new(void)
{
	u64 bytes = queue_ranges();

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
	write_own(&c->obj, obj);
	return (struct lane_gc_handle *)c;
}

LANE_API void *lane_gc_handle_get(struct lane_gc_handle *h)
{
	return smp_load_acquire(&((struct cell *)h)->obj); /* pairs with write_own() */
}

LANE_API void lane_gc_handle_set(struct lane_gc_handle *h, void *obj)
{
	write_own(&((struct cell *)h)->obj, obj);
}

LANE_API void lane_gc_handle_destroy(struct lane_gc_handle *h)
{
	struct cell *c = (struct cell *)h;

	if (!h)
		return;
	write_own(&c->obj, NULL);
	slow_enter_always();
	spin_lock(&roots_lock);
	cell_put(&handles, c);
	spin_unlock(&roots_lock);
	slow_exit();
}
