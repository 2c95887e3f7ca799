// SPDX-License-Identifier: MIT
#include "quarantine_ring.h"

#include <errno.h>
#include <pthread.h>

#include "backoff.h"
#include "check.h"
#include "conf.h"
#include "cpu_cache.h"
#include "fence.h"
#include "lanes.h"
#include "meta.h"
#include "node_heap.h"
#include "release.h"
#include "slow_path.h"
#include "stat.h"

#define BATCH 64u /* objects let go at a time, at most */
#define AHEAD 4u  /* of them, prefetched before they are looked at */

static struct spinlock list_lock = SPINLOCK_INIT(RANK_QUARANTINE);
static struct quarantine *all;	/* only grows; list_lock, read without */
static struct quarantine *idle; /* list_lock */
u32 quarantine_closed;
static pthread_key_t key; /* its destructor ends a thread's quarantine */

__thread struct quarantine *quarantine_mine __attribute__((tls_model("initial-exec")));
static __thread bool gone __attribute__((tls_model("initial-exec"))); /* this thread is ending */

void quarantine_begin_slow(struct quarantine *q, u64 gen)
{
	u32 n = space.nr_homes * NR_CLASSES;

	for (u32 i = 0; i < n; i++) {
		WRITE_ONCE(q->base[i].frees, q->cur[i].frees);
		WRITE_ONCE(q->base[i].again, q->cur[i].again);
		WRITE_ONCE(q->base[i].out, q->cur[i].out);
	}
	smp_store_release(&q->gen, gen); /* pairs with read_home(): base before gen */
	smp_wmb();			 /* pairs with read_home(): gen before the changes */
}

/* Objects of @cls that leave; their homes may differ, and sampled ones have lists of their own. */
static void let_go(void **objs, u32 n, u32 cls)
{
	for (u32 i = 0; i < n; i++) {
		if (i + AHEAD < n)
			check_prefetch(objs[i + AHEAD], size_classes[cls].size);
		check_let_go(objs[i], size_classes[cls].size);
	}
	for (u32 from = 0, to; from < n; from = to) {
		u32 home = addr_to_home(objs[from]);
		bool sampled = !READ_ONCE(space.pagemap[addr_to_page(objs[from])]);

		for (to = from + 1; to < n; to++) {
			if (addr_to_home(objs[to]) != home ||
			    !READ_ONCE(space.pagemap[addr_to_page(objs[to])]) != sampled)
				break;
		}
		if (sampled)
			central_put(node_heaps[home], cls, objs + from, to - from,
				    CENTRAL_FROM_HELD);
		else
			cpu_cache_put(objs + from, to - from, cls, home);
	}
}

/* The oldest of a class. Inside a slow path. */
static void spill(struct quarantine *q, u32 cls, u32 most)
{
	struct ring *r = &q->ring[cls];
	void *objs[BATCH];
	u32 n;

	quarantine_begin(q);
	n = min(min(r->head - r->tail, BATCH), most);
	for (u32 i = 0; i < n; i++) {
		struct held *h;

		objs[i] = r->slot[(r->tail + i) & (r->cap - 1)];
		h = &q->cur[addr_to_home(objs[i]) * NR_CLASSES + cls];
		WRITE_ONCE(h->out, h->out + 1);
	}
	r->tail += n;
	quarantine_end(q);
	let_go(objs, n, cls);
}

static void drain(struct quarantine *q)
{
	for (u32 cls = 1; cls < NR_CLASSES; cls++) {
		while (q->ring[cls].head != q->ring[cls].tail)
			spill(q, cls, BATCH);
	}
}

static bool make_ring(struct ring *r, u32 cls)
{
	u64 n = clamp(conf.check_quarantine / size_classes[cls].size, (u64)RING_MIN, (u64)RING_MAX);
	u32 cap = (u32)(roundup_pow_of_two(n + 1) / 2);

	if (!r->slot)
		r->slot = meta_alloc(cap * sizeof(*r->slot), CACHE_LINE);
	if (!r->slot)
		return false;
	r->cap = cap;
	r->keep = cap / 4 * 3;
	return true;
}

/* The ring of @cls is full or not there. */
static enum quarantine_result make_room(struct quarantine *q, u32 cls, bool inside)
{
	struct ring *r = &q->ring[cls];
	int saved_errno = errno;
	bool room = true;

	if (!inside && !slow_enter())
		return QUARANTINE_BUSY;
	if (!r->cap)
		room = make_ring(r, cls);
	else if (r->head - r->tail == r->cap)
		spill(q, cls, r->cap - r->keep);
	if (!inside) {
		release_poll(false);
		slow_exit();
	}
	errno = saved_errno;
	return room ? QUARANTINED : QUARANTINE_GONE;
}

static struct quarantine *make(void)
{
	size_t books = space.nr_homes * NR_CLASSES * sizeof(struct held);
	struct quarantine *q = meta_alloc(sizeof(*q), CACHE_LINE);

	if (!q)
		return NULL;
	q->cur = meta_alloc(books, CACHE_LINE);
	q->base = meta_alloc(books, CACHE_LINE);
	if (!q->cur || !q->base)
		return NULL;
	q->next = all;
	smp_store_release(&all, q); /* pairs with those who walk the list */
	return q;
}

/* One for this thread. */
static enum quarantine_result join(bool inside)
{
	struct quarantine *q;

	if (gone)
		return QUARANTINE_GONE;
	if (!inside && !slow_enter())
		return QUARANTINE_BUSY;
	spin_lock(&list_lock);
	q = idle;
	if (q)
		idle = q->next_idle;
	else
		q = make();
	if (q)
		q->used = true;
	spin_unlock(&list_lock);
	quarantine_mine = q;
	if (!inside)
		slow_exit();
	if (!q)
		return QUARANTINE_GONE;
	pthread_setspecific(key, q); /* may allocate */
	return QUARANTINED;
}

/* Without a thread from now on. Inside a slow path. */
static void retire(struct quarantine *q)
{
	drain(q);
	spin_lock(&list_lock);
	q->used = false;
	q->next_idle = idle;
	idle = q;
	spin_unlock(&list_lock);
}

/* What the thread frees after this is not held any more. */
static void leave(void *arg)
{
	(void)arg;
	if (!quarantine_mine || !slow_enter())
		return;
	gone = true;
	retire(quarantine_mine);
	quarantine_mine = NULL;
	slow_exit();
}

int quarantine_init(void)
{
	return -pthread_key_create(&key, leave);
}

static enum quarantine_result await_fork(void)
{
	if (!slow_enter())
		return QUARANTINE_BUSY;
	slow_exit();
	return QUARANTINED;
}

enum quarantine_result quarantine_put(void *p, u32 cls, u32 home, bool inside)
{
	while (!quarantine_try_put(p, cls, home, inside)) {
		struct quarantine *q = quarantine_mine;
		enum quarantine_result ret = QUARANTINED;

		if (q && q->seq & 1)
			return QUARANTINE_BUSY;
		if (!q)
			ret = join(inside);
		else if (READ_ONCE(quarantine_closed) && !inside)
			ret = await_fork();
		else
			ret = make_room(q, cls, inside);
		if (ret != QUARANTINED)
			return ret;
	}
	return QUARANTINED;
}

static void read_home(const struct quarantine *q, u32 home, struct held *out)
{
	const struct held *cur = &q->cur[home * NR_CLASSES], *base = &q->base[home * NR_CLASSES];

	if (smp_load_acquire(&q->gen) != hot.gen) { /* pairs with quarantine_begin_slow() */
		for (u32 cls = 0; cls < NR_CLASSES; cls++) {
			out[cls].frees = READ_ONCE(cur[cls].frees);
			out[cls].again = READ_ONCE(cur[cls].again);
			out[cls].out = READ_ONCE(cur[cls].out);
		}
		smp_rmb(); /* pairs with quarantine_begin_slow(): a change is preceded by gen */
		if (READ_ONCE(q->gen) != hot.gen)
			return;
		smp_rmb();
	}
	for (u32 cls = 0; cls < NR_CLASSES; cls++) {
		out[cls].frees = READ_ONCE(base[cls].frees);
		out[cls].again = READ_ONCE(base[cls].again);
		out[cls].out = READ_ONCE(base[cls].out);
	}
}

static void add(struct tally *t, u32 home, const struct held *held)
{
	for (u32 cls = 1; cls < NR_CLASSES; cls++) {
		struct class_tally *c = &t->home[home].cls[cls];

		c->mallocs += held[cls].again;
		c->frees += held[cls].frees;
		c->quarantine += held[cls].frees - held[cls].again - held[cls].out;
		c->in_transit += held[cls].out;
		t->direct_mallocs += held[cls].again;
		t->direct_frees += held[cls].frees;
	}
}

void quarantine_read(struct tally *t)
{
	struct held held[NR_CLASSES];

	for (struct quarantine *q = smp_load_acquire(&all); q; q = q->next) {
		seq_settle(&q->seq);
		for (u32 h = 0; h < homes_made(); h++) {
			read_home(q, h, held);
			add(t, h, held);
		}
	}
}

void quarantine_walk(struct tally *t)
{
	for (struct quarantine *q = smp_load_acquire(&all); q; q = q->next) {
		for (u32 cls = 1; cls < NR_CLASSES; cls++) {
			struct ring *r = &q->ring[cls];

			for (u32 i = READ_ONCE(r->tail); i != READ_ONCE(r->head); i++)
				t->home[addr_to_home(r->slot[i & (r->cap - 1)])]
					.cls[cls]
					.quarantine++;
		}
	}
}

void quarantine_close(void)
{
	u32 turn = 0;

	if (!check.on)
		return;
	WRITE_ONCE(quarantine_closed, 1);
	smp_mb(); /* pairs with quarantine_begin() */
	if (!lanes_locked())
		rseq_fence();
	for (struct quarantine *q = all; q; q = q->next) {
		/* Our own: the fork is in a handler that interrupted us there, and we live on. */
		while (q != quarantine_mine &&
		       smp_load_acquire(&q->seq) & 1) /* pairs with quarantine_end() */
			backoff(&turn);
	}
}

void quarantine_open(void)
{
	WRITE_ONCE(quarantine_closed, 0);
}

void quarantine_fork_child(void)
{
	if (!check.on || !slow_enter())
		return;
	for (struct quarantine *q = all; q; q = q->next) {
		if (q == quarantine_mine || !q->used)
			continue;
		/* Odd only where membarrier is refused; the ring is whole all the same. */
		q->seq &= ~1u;
		retire(q);
	}
	slow_exit();
}
