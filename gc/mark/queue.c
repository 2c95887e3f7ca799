// SPDX-License-Identifier: MIT
#include "queue.h"

#include <errno.h>

#include "gc_inject.h"
#include "lanes.h"
#include "meta.h"
#include "slow_path.h"

struct queue {
	struct spinlock lock;
	struct gc_buffer *full; /* lock; read without as a hint */
	struct gc_buffer *open; /* lock; NULL or not empty */
	u64 seq;		/* puts and takes; lock, read without */
} __aligned_to(2 * CACHE_LINE);

static struct queue *queues; /* by lane */
static u32 lost;	     /* atomic */
static struct spinlock pool_lock = SPINLOCK_INIT(RANK_GC_QUEUE);
static struct gc_buffer *pool; /* empty ones; pool_lock */

int queue_init(void)
{
	struct gc_buffer *first;

	if (queues)
		return 0;
	/* Without any, a cycle for which there is no memory would begin anew for ever. */
	first = buffer_get();
	if (!first)
		return -ENOMEM;
	buffer_put(first);
	queues = meta_alloc(nr_lanes * sizeof(*queues), sizeof(*queues));
	if (!queues)
		return -ENOMEM;
	for (u32 i = 0; i < nr_lanes; i++)
		spin_lock_init(&queues[i].lock, RANK_GC_QUEUE);
	return 0;
}

/* Signals blocked, whoever needs one: a handler that allocates may need meta_lock. */
static struct gc_buffer *make_buffer(void)
{
	struct gc_buffer *b;

	slow_read_begin();
	b = meta_alloc(sizeof(*b), CACHE_LINE);
	slow_read_end();
	return b;
}

struct gc_buffer *buffer_get(void)
{
	struct gc_buffer *b;

	spin_lock(&pool_lock);
	b = pool;
	if (b)
		pool = b->next;
	spin_unlock(&pool_lock);
	if (!b)
		b = make_buffer();
	if (b) {
		b->next = NULL;
		b->n = 0;
	}
	return b;
}

void buffer_put(struct gc_buffer *b)
{
	spin_lock(&pool_lock);
	b->next = pool;
	pool = b;
	spin_unlock(&pool_lock);
}

static struct queue *my_queue(void)
{
	struct lane *l = this_lane();

	return &queues[l ? l->index : 0];
}

void queue_lose(void)
{
	atomic_xchg(&lost, 1);
}

bool queue_has_lost(void)
{
	return READ_ONCE(lost);
}

bool queue_take_lost(void)
{
	return atomic_xchg(&lost, 0);
}

void queue_put_buffer(struct gc_buffer *b)
{
	struct queue *q = my_queue();

	spin_lock(&q->lock);
	b->next = q->full;
	WRITE_ONCE(q->full, b);
	WRITE_ONCE(q->seq, q->seq + 1);
	spin_unlock(&q->lock);
}

bool queue_put(uintptr_t entry)
{
	struct queue *q = my_queue();
	struct gc_buffer *fresh = NULL;
	bool put;

	spin_lock(&q->lock);
	if (!q->open) {
		spin_unlock(&q->lock);
		fresh = buffer_get();
		spin_lock(&q->lock);
		if (!q->open) {
			WRITE_ONCE(q->open, fresh);
			fresh = NULL;
		}
	}
	put = q->open;
	if (put)
		q->open->entry[q->open->n++] = entry;
	GC_INJECT(AT_QUEUE);
	if (q->open && q->open->n == BUFFER_ENTRIES) {
		q->open->next = q->full;
		WRITE_ONCE(q->full, q->open);
		WRITE_ONCE(q->open, NULL);
	}
	WRITE_ONCE(q->seq, q->seq + 1);
	spin_unlock(&q->lock);
	if (fresh)
		buffer_put(fresh);
	return put;
}

/*
 * Outside of slow paths, and must not go into one inside gc_enter(). So no handler is to come
 * between: one that forks waits for markers in slow paths, which may wait for these locks.
 */
bool queue_put_shaded(uintptr_t entry)
{
	bool put;

	slow_read_begin();
	put = queue_put(entry);
	slow_read_end();
	return put;
}

static struct gc_buffer *take_from(struct queue *q)
{
	struct gc_buffer *b;

	if (!READ_ONCE(q->full) && !READ_ONCE(q->open))
		return NULL;
	spin_lock(&q->lock);
	b = q->full;
	if (b) {
		WRITE_ONCE(q->full, b->next);
	} else if (q->open) {
		b = q->open;
		WRITE_ONCE(q->open, NULL);
	}
	if (b)
		WRITE_ONCE(q->seq, q->seq + 1);
	spin_unlock(&q->lock);
	if (b)
		b->next = NULL;
	return b;
}

struct gc_buffer *queue_take(void)
{
	u32 own = (u32)(my_queue() - queues);

	for (u32 i = 0; i < nr_lanes; i++) {
		struct gc_buffer *b = take_from(&queues[(own + i) % nr_lanes]);

		if (b)
			return b;
	}
	return NULL;
}

bool queue_has_work(void)
{
	for (u32 i = 0; i < nr_lanes; i++) {
		if (READ_ONCE(queues[i].full) || READ_ONCE(queues[i].open))
			return true;
	}
	return false;
}

bool queue_is_fed(void)
{
	struct queue *q = my_queue();

	return READ_ONCE(q->full) || READ_ONCE(q->open);
}

/* Each only rises, so the sum is the same just where all are. */
static u64 sum_of_seqs(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < nr_lanes; i++)
		sum += READ_ONCE(queues[i].seq);
	return sum;
}

bool queue_is_quiet(u64 *number)
{
	*number = sum_of_seqs();

	/*
	 * Looks at the queues after their numbers. A put's number may be seen before its buffer:
	 * the putter is in a section or active then, and the caller waits for it between two looks.
	 */
	smp_mb();
	if (queue_has_work())
		return false;
	smp_mb(); /* likewise before them */
	return sum_of_seqs() == *number;
}

void queue_drop(void)
{
	struct gc_buffer *b;

	while ((b = queue_take()) != NULL)
		buffer_put(b);
}

void queue_forget_locks(void)
{
	pool_lock.word = 0;
	for (u32 i = 0; i < nr_lanes; i++)
		queues[i].lock.word = 0;
}

void queue_reset(void)
{
	for (u32 i = 0; i < nr_lanes; i++) {
		struct gc_buffer *b = queues[i].open;

		/* A store of another thread may have been about to make it a full one. */
		if (b && b != queues[i].full)
			buffer_put(b);
		queues[i].open = NULL;
		while ((b = queues[i].full) != NULL) {
			queues[i].full = b->next;
			buffer_put(b);
		}
	}
	lost = 0;
}
