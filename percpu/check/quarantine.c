// SPDX-License-Identifier: MIT
#include "quarantine.h"

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

struct ring {
	void **slot;	/* cap of them; made at first use, never freed */
	u32 head, tail; /* objects put in and taken out, ever; owner, seq odd */
	u32 cap;	/* a power of two; 0: not made */
};

/* Objects of one home and class; cumulative. */
struct held {
	u64 frees; /* put in */
	u64 out;   /* let go */
};

struct quarantine {
	u32 seq;		      /* odd while the owner changes anything; owner */
	u64 gen;		      /* generation of the last change, as hot.gen; owner */
	struct held *cur, *base;      /* by home and class; owner */
	struct quarantine *next;      /* in the list of all; constant */
	struct quarantine *next_idle; /* in the list of those without a thread; lock */
	bool used;		      /* has a thread; lock */
	struct ring ring[NR_CLASSES];
} __aligned_to(CACHE_LINE);

static struct spinlock list_lock = SPINLOCK_INIT(RANK_QUARANTINE);
static struct quarantine *all;	/* only grows; list_lock, read without */
static struct quarantine *idle; /* list_lock */
static u32 closed;		/* by a fork; read without a lock */
static pthread_key_t key;	/* its destructor ends a thread's quarantine */

static __thread struct quarantine *mine __attribute__((tls_model("initial-exec")));
static __thread bool gone __attribute__((tls_model("initial-exec"))); /* this thread is ending */

static void begin_slow(struct quarantine *q, u64 gen)
{
	u32 n = space.nr_homes * NR_CLASSES;

	for (u32 i = 0; i < n; i++) {
		WRITE_ONCE(q->base[i].frees, q->cur[i].frees);
		WRITE_ONCE(q->base[i].out, q->cur[i].out);
	}
	smp_store_release(&q->gen, gen); /* pairs with read_home(): base before gen */
	smp_wmb();			 /* pairs with read_home(): gen before the changes */
}

static __always_inline void begin(struct quarantine *q)
{
	u64 gen;

	WRITE_ONCE(q->seq, q->seq + 1);
	if (lanes_locked())
		smp_mb(); /* pairs with snapshot_flip() and quarantine_close() */
	else
		barrier(); /* pairs with their rseq_fence() */
	gen = READ_ONCE(hot.gen);
	if (unlikely(q->gen != gen))
		begin_slow(q, gen);
}

static __always_inline void end(struct quarantine *q)
{
	smp_store_release(&q->seq, q->seq + 1); /* pairs with seq_settle() */
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

	begin(q);
	n = min(min(r->head - r->tail, BATCH), most);
	for (u32 i = 0; i < n; i++) {
		struct held *h;

		objs[i] = r->slot[(r->tail + i) & (r->cap - 1)];
		h = &q->cur[addr_to_home(objs[i]) * NR_CLASSES + cls];
		WRITE_ONCE(h->out, h->out + 1);
	}
	r->tail += n;
	end(q);
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
	return true;
}

/* The ring of @cls is full or not there. */
static enum quarantine_result make_room(struct quarantine *q, u32 cls, bool inside)
{
	int saved_errno = errno;
	bool room = true;

	if (!inside && !slow_enter())
		return QUARANTINE_BUSY;
	if (q->ring[cls].cap)
		spill(q, cls, q->ring[cls].cap / 2);
	else
		room = make_ring(&q->ring[cls], cls);
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
	mine = q;
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
	if (!mine || !slow_enter())
		return;
	gone = true;
	retire(mine);
	mine = NULL;
	slow_exit();
}

int quarantine_init(void)
{
	return -pthread_key_create(&key, leave);
}

enum quarantine_result quarantine_put(void *p, u32 cls, u32 home, bool inside)
{
	enum quarantine_result ret;

	for (;;) {
		struct quarantine *q = mine;
		struct ring *r;

		if (unlikely(!q)) {
			ret = join(inside);
			if (ret != QUARANTINED)
				return ret;
			continue;
		}
		if (unlikely(q->seq & 1))
			return QUARANTINE_BUSY;
		r = &q->ring[cls];
		begin(q);
		if (unlikely(READ_ONCE(closed) && !inside)) {
			end(q);
			if (!slow_enter()) /* waits for the fork */
				return QUARANTINE_BUSY;
			slow_exit();
			continue;
		}
		if (likely(r->head - r->tail < r->cap)) {
			struct held *h = &q->cur[home * NR_CLASSES + cls];

			r->slot[r->head & (r->cap - 1)] = p;
			r->head++;
			WRITE_ONCE(h->frees, h->frees + 1);
			end(q);
			return QUARANTINED;
		}
		end(q);
		ret = make_room(q, cls, inside);
		if (ret != QUARANTINED)
			return ret;
	}
}

static void read_home(const struct quarantine *q, u32 home, struct held *out)
{
	const struct held *cur = &q->cur[home * NR_CLASSES], *base = &q->base[home * NR_CLASSES];

	if (smp_load_acquire(&q->gen) != hot.gen) { /* pairs with begin_slow() */
		for (u32 cls = 0; cls < NR_CLASSES; cls++) {
			out[cls].frees = READ_ONCE(cur[cls].frees);
			out[cls].out = READ_ONCE(cur[cls].out);
		}
		smp_rmb(); /* pairs with begin_slow(): a change is preceded by gen */
		if (READ_ONCE(q->gen) != hot.gen)
			return;
		smp_rmb();
	}
	for (u32 cls = 0; cls < NR_CLASSES; cls++) {
		out[cls].frees = READ_ONCE(base[cls].frees);
		out[cls].out = READ_ONCE(base[cls].out);
	}
}

static void add(struct tally *t, u32 home, const struct held *held)
{
	for (u32 cls = 1; cls < NR_CLASSES; cls++) {
		struct class_tally *c = &t->home[home].cls[cls];

		c->frees += held[cls].frees;
		c->quarantine += held[cls].frees - held[cls].out;
		c->in_transit += held[cls].out;
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
	WRITE_ONCE(closed, 1);
	smp_mb(); /* pairs with begin() */
	if (!lanes_locked())
		rseq_fence();
	for (struct quarantine *q = all; q; q = q->next) {
		/* Our own: the fork is in a handler that interrupted us there, and we live on. */
		while (q != mine && smp_load_acquire(&q->seq) & 1) /* pairs with end() */
			backoff(&turn);
	}
}

void quarantine_open(void)
{
	WRITE_ONCE(closed, 0);
}

void quarantine_fork_child(void)
{
	if (!check.on || !slow_enter())
		return;
	for (struct quarantine *q = all; q; q = q->next) {
		if (q == mine || !q->used)
			continue;
		/* Odd only where membarrier is refused; the ring is whole all the same. */
		q->seq &= ~1u;
		retire(q);
	}
	slow_exit();
}
