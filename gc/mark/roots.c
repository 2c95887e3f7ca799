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
#define PIECES 128u	  /* that who removes a range scans before others may fork */

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
		smp_store_release(&pool->blocks, b); /* pairs with queue_handles(), weak_clear() */
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

/* The next piece that nobody has taken in this cycle; false where there is none. Lock held. */
static bool take_piece(struct range *r, uintptr_t *from, uintptr_t *to)
{
	*from = r->next_piece;
	*to = min(r->end, *from + PIECE);
	if (*from == *to)
		return false;
	r->next_piece = *to;
	atomic_add_return(&r->busy, 1);
	return true;
}

static void scan_words_of(struct range *r, struct lane_gc_tracer *m, uintptr_t from, uintptr_t to)
{
	GC_INJECT(AT_ROOT_PIECE);
	mark_words(m, (uintptr_t *)from, (uintptr_t *)to);
	atomic_add_return(&r->busy, (u32)-1); /* pairs with remove_step() */
}

/* Marking runs, and something of the range was not taken in this cycle. Lock held. */
static bool has_rest(const struct range *r)
{
	return READ_ONCE(gc.marking) &&
	       (r->scanned != READ_ONCE(gc.cycle) || r->next_piece != r->end);
}

/* A piece of that. Active, so the cycle does not end meanwhile. */
static bool take_rest(struct range *r, uintptr_t start, uintptr_t *from, uintptr_t *to)
{
	bool taken = false;

	spin_lock(&roots_lock);
	if (r->start == start && has_rest(r)) {
		if (r->scanned != READ_ONCE(gc.cycle)) {
			WRITE_ONCE(r->scanned, READ_ONCE(gc.cycle));
			r->next_piece = r->start;
		}
		taken = take_piece(r, from, to);
	}
	spin_unlock(&roots_lock);
	return taken;
}

/*
 * A range vanishes as if it were overwritten: what it refers to is marked, for stacks that were
 * scanned before. What was scanned is, so the rest will do. Where marking begins just now stacks
 * will be scanned after.
 */
static void mark_rest(struct range *r, uintptr_t start)
{
	struct lane_gc_tracer m;
	uintptr_t from, to;

	/* Before it is looked whether marking runs: the end of that waits for who is active. */
	mark_begin(&m);
	for (u32 i = 0; i < PIECES && take_rest(r, start, &from, &to); i++)
		scan_words_of(r, &m, from, to);
	mark_end(&m);
}

/* 0: it is gone; -ENOENT; -EAGAIN: there is more to do; -EBUSY: some marker still reads of it. */
static int remove_step(uintptr_t start)
{
	struct range *r;
	int err = 0;

	spin_lock(&roots_lock);
	r = find_range(start);
	if (!r)
		err = -ENOENT;
	else if (has_rest(r))
		err = -EAGAIN;
	else if (smp_load_acquire(&r->busy)) /* pairs with scan_words_of() */
		err = -EBUSY;
	else
		r->start = r->end = r->next_piece = 0;
	spin_unlock(&roots_lock);
	if (err == -EAGAIN)
		mark_rest(r, start);
	return err;
}

LANE_API int lane_gc_remove_roots(void *start)
{
	u32 turn = 0;
	int err;

	if (!start)
		return -ENOENT;
	do {
		slow_enter_always();
		err = remove_step((uintptr_t)start);
		slow_exit();
		if (err == -EBUSY)
			backoff(&turn);
	} while (err == -EBUSY || err == -EAGAIN);
	return err;
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
	bool taken, more;

	spin_lock(&roots_lock);
	taken = take_piece(r, &from, &to);
	more = to < r->end;
	spin_unlock(&roots_lock);
	if (!taken)
		return false; /* removed since it was queued */
	if (more && queue_put((uintptr_t)r | GREY_ROOTS))
		more = false;
	scan_words_of(r, m, from, to);
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
	u64 bytes;

	slow_enter_always();
	bytes = queue_handles();
	slow_exit();
	finalizers_scan();
	return bytes + queue_ranges();
}

bool roots_queue_new(void)
{
	u64 bytes = queue_ranges();

	heap.roots += bytes;
	return bytes;
}

void roots_after_fork(void)
{
	for (struct range *r = ranges; r; r = r->next)
		r->busy = 0;
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
