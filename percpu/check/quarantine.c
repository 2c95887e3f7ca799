// SPDX-License-Identifier: MIT
#include "quarantine_ring.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backoff.h"
#include "check.h"
#include "conf.h"
#include "cpu_cache.h"
#include "fence.h"
#include "lanes.h"
#include "meta.h"
#include "node_heap.h"
#include "os.h"
#include "release.h"
#include "slow_path.h"
#include "stat.h"

#define BATCH 64u /* objects let go at a time, at most */
#define PASS 16u  /* likewise, without the door */
#define AHEAD 4u  /* of them, prefetched before they are looked at */
#define LOOKS 4u  /* quarantines, whether they have lost their thread, before one more is made */

static struct spinlock list_lock = SPINLOCK_INIT(RANK_QUARANTINE);
static struct quarantine *all;	  /* only grows; list_lock, read without */
static struct quarantine *idle;	  /* list_lock */
static struct quarantine *looked; /* the last that was looked at by abandoned(); list_lock */
u32 quarantine_closed;
static pthread_key_t key; /* its destructor ends a thread's quarantine */

__thread struct quarantine *quarantine_mine __attribute__((tls_model("initial-exec")));
static __thread bool gone __attribute__((tls_model("initial-exec"))); /* this thread is ending */

void quarantine_roll(struct quarantine *q, u64 gen)
{
	u32 n = space.nr_homes * NR_CLASSES;

	for (u32 i = 0; i < n; i++) {
		WRITE_ONCE(q->base[i].head, q->ring[i].head);
		WRITE_ONCE(q->base[i].tail, q->ring[i].tail);
		WRITE_ONCE(q->base[i].out, q->ring[i].out);
	}
	smp_store_release(&q->gen, gen); /* pairs with read_home(): base before gen */
	smp_wmb();			 /* pairs with read_home(): gen before the changes */
}

static void look_at(void **objs, u32 n, u64 bytes)
{
	for (u32 i = 0; i < n; i++) {
		if (i + AHEAD < n)
			check_prefetch(objs[i + AHEAD], bytes);
		check_let_go(objs[i], bytes);
	}
}

/* Objects of one ring that leave; sampled ones have lists of their own. */
static void let_go(void **objs, u32 n, u32 home, u32 cls)
{
	look_at(objs, n, size_classes[cls].size);
	for (u32 from = 0, to; from < n; from = to) {
		bool sampled = !READ_ONCE(space.pagemap[addr_to_page(objs[from])]);

		for (to = from + 1; to < n; to++) {
			if (!READ_ONCE(space.pagemap[addr_to_page(objs[to])]) != sampled)
				break;
		}
		if (sampled)
			central_put(node_heaps[home], cls, objs + from, to - from,
				    CENTRAL_FROM_HELD);
		else
			cpu_cache_put(objs + from, to - from, cls, home);
	}
}

/* The oldest of a ring. Inside a slow path. */
static void spill(struct quarantine *q, u32 home, u32 cls, u32 most)
{
	struct ring *r = &q->ring[ring_of(home, cls)];
	u32 seq = quarantine_begin(q);
	u32 n = min(min(ring_waits(r), BATCH), most);
	void *objs[BATCH];

	for (u32 i = 0; i < n; i++)
		objs[i] = r->slot[(r->tail + i) & (r->cap - 1)];
	WRITE_ONCE(r->tail, r->tail + n);
	WRITE_ONCE(r->out, r->out + n);
	quarantine_end(q, seq);
	let_go(objs, n, home, cls);
}

/*
 * From a full ring into the CPU's cache as far as they fit there, past the door, which a
 * small ring would pass often. They are not the ring's any more when they are in the
 * cache, and a fork, which waits for us, finds them in one of them. Not in lock mode.
 */
static bool pass_on(struct quarantine *q, u32 home, u32 cls)
{
	struct ring *r = &q->ring[ring_of(home, cls)];
	u32 seq = quarantine_begin(q), most = min(r->limit - r->keep, PASS), n = 0, put = 0;
	void *objs[PASS];

	if (ring_waits(r) == r->limit && !READ_ONCE(quarantine_closed)) {
		for (; n < most; n++) {
			objs[n] = r->slot[(r->tail + n) & (r->cap - 1)];
			if (READ_ONCE(space.pagemap[addr_to_page(objs[n])]) != r->block)
				break;
		}
	}
	if (n) {
		look_at(objs, n, r->bytes);
		WRITE_ONCE(r->tail, r->tail + n);
		WRITE_ONCE(r->out, r->out + n);
		put = cpu_cache_try_put(objs, n, cls, home);
		for (u32 i = put; i < n; i++)
			check_take_back(objs[i]);
		/* Out first: at no point are there more let go than have left. */
		WRITE_ONCE(r->out, r->out - (n - put));
		WRITE_ONCE(r->tail, r->tail - (n - put));
	}
	quarantine_end(q, seq);
	return put;
}

static void drain(struct quarantine *q)
{
	for (u32 home = 0; home < homes_made(); home++) {
		for (u32 cls = 1; cls < NR_CLASSES; cls++) {
			while (ring_waits(&q->ring[ring_of(home, cls)]))
				spill(q, home, cls, BATCH);
		}
	}
}

static void set_limit(struct ring *r, u32 limit)
{
	r->keep = limit - limit / 4;
	r->limit = limit;
}

/* The home, but for @home, whose ring of @cls may hold most; @home where none may hold any. */
static u32 home_of_most(const struct quarantine *q, u32 home, u32 cls)
{
	u32 most = 0, found = home;

	for (u32 h = 0; h < space.nr_homes; h++) {
		u32 limit = q->ring[ring_of(h, cls)].limit;

		if (h != home && limit > most) {
			most = limit;
			found = h;
		}
	}
	return found;
}

/* A ring that is full may hold more, and another one of its class less. False: they are even. */
static bool take_room(struct quarantine *q, u32 home, u32 cls)
{
	u32 from = home_of_most(q, home, cls), step;
	struct ring *r = &q->ring[ring_of(home, cls)], *most = &q->ring[ring_of(from, cls)];

	if (most->limit < r->limit + (r->limit ? 2 : 1))
		return false;
	step = r->limit ? min(r->limit, (most->limit - r->limit) / 2) : 1;
	/* Less first: together they hold no more than the class may at any time. */
	set_limit(most, most->limit - step);
	while (ring_waits(most) > most->limit)
		spill(q, from, cls, ring_waits(most) - most->limit);
	set_limit(r, r->limit + step);
	return true;
}

static bool make_ring(struct quarantine *q, u32 home, u32 cls)
{
	struct ring *r = &q->ring[ring_of(home, cls)];
	u64 n = clamp(conf.check_quarantine / r->bytes, (u64)RING_MIN, (u64)RING_MAX);
	u32 cap = (u32)(roundup_pow_of_two(n + 1) / 2);

	if (!r->slot)
		r->slot = meta_alloc(cap * sizeof(*r->slot), CACHE_LINE);
	if (!r->slot)
		return false;
	r->cap = cap;
	set_limit(r, home_of_most(q, home, cls) == home ? cap : 0);
	return true;
}

/* The ring is full or not there. */
static enum quarantine_result make_room(struct quarantine *q, u32 home, u32 cls, bool inside)
{
	struct ring *r = &q->ring[ring_of(home, cls)];
	int saved_errno = errno;
	bool room = true;

	if (r->limit && r->limit - r->keep <= PASS && !lanes_locked() && pass_on(q, home, cls))
		return QUARANTINED;
	if (!inside && !slow_enter())
		return QUARANTINE_BUSY;
	if (!r->cap)
		room = make_ring(q, home, cls);
	else if (ring_waits(r) == r->limit && !take_room(q, home, cls))
		spill(q, home, cls, max(r->limit - r->keep, 1u));
	if (!inside) {
		release_poll(false);
		slow_exit();
	}
	errno = saved_errno;
	return room ? QUARANTINED : QUARANTINE_GONE;
}

static struct quarantine *make(void)
{
	u32 n = space.nr_homes * NR_CLASSES;
	struct quarantine *q =
		meta_alloc(sizeof(*q) + n * (sizeof(q->ring[0]) + sizeof(*q->base)), CACHE_LINE);

	if (!q)
		return NULL;
	q->base = (struct held *)&q->ring[n];
	for (u32 home = 0; home < space.nr_homes; home++) {
		for (u32 cls = 1; cls < NR_CLASSES; cls++) {
			struct ring *r = &q->ring[ring_of(home, cls)];

			r->bytes = size_classes[cls].size;
			r->block = block_of(home, cls);
			r->pop = block_offset(cls);
		}
	}
	q->next = all;
	smp_store_release(&all, q); /* pairs with those who walk the list */
	return q;
}

static void own(struct quarantine *q)
{
	q->pid = getpid();
	q->tid = (s32)syscall(SYS_gettid);
	WRITE_ONCE(q->thread, (uintptr_t)__builtin_thread_pointer());
}

/*
 * One whose thread is gone without leave(): its first free came behind its destructors, as the C
 * library frees what belonged to other threads at the end of a detached one; or it was a thread of
 * the parent, of a fork that could not let it go. NULL: none among the next few. Lock held.
 */
static struct quarantine *abandoned(void)
{
	for (u32 i = 0; i < LOOKS && all; i++) {
		looked = looked && looked->next ? looked->next : all;
		if (looked->used &&
		    (looked->pid != getpid() || os.signal_thread(looked->tid, 0) == -ESRCH))
			return looked;
	}
	return NULL;
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
		q = abandoned();
	if (!q)
		q = make();
	if (q) {
		q->used = true;
		q->seq &= ~1u; /* as in quarantine_fork_child() */
		own(q);
	}
	spin_unlock(&list_lock);
	quarantine_mine = q;
	if (!inside)
		slow_exit();
	if (!q)
		return QUARANTINE_GONE;
	pthread_setspecific(key, q); /* may allocate */
	return QUARANTINED;
}

/* Without a thread from now on: the next one may have it. Inside a slow path. */
static void retire(struct quarantine *q)
{
	spin_lock(&list_lock);
	q->used = false;
	q->next_idle = idle;
	idle = q;
	spin_unlock(&list_lock);
}

/* What the thread frees after this is not held any more. */
static void leave(void *arg)
{
	struct quarantine *q = quarantine_mine;

	(void)arg;
	if (!q || !slow_enter())
		return;
	gone = true;
	drain(q);
	quarantine_mine = NULL;
	barrier(); /* a signal handler from here on has none; what one freed before stays in it */
	retire(q);
	slow_exit();
}

int quarantine_init(void)
{
	return -pthread_key_create(&key, leave);
}

/* The long form of quarantine_try_put(). */
static bool try_put(struct quarantine *q, struct ring *r, void *p, bool inside)
{
	u32 seq = quarantine_begin(q);
	bool room = ring_waits(r) < r->limit && (inside || !READ_ONCE(quarantine_closed));

	if (room) {
		r->slot[r->head & (r->cap - 1)] = p;
		WRITE_ONCE(r->head, r->head + 1);
	}
	quarantine_end(q, seq);
	return room;
}

/* A fork has it closed: others wait for its end at the door, its own thread passes that. */
static enum quarantine_result put_inside(void *p, u32 cls, u32 home)
{
	enum quarantine_result ret;

	if (!slow_enter())
		return QUARANTINE_BUSY;
	ret = quarantine_put(p, cls, home, true);
	slow_exit();
	return ret;
}

enum quarantine_result quarantine_put(void *p, u32 cls, u32 home, bool inside)
{
	for (;;) {
		struct quarantine *q = quarantine_mine;
		enum quarantine_result ret = QUARANTINED;

		if (q && q->seq & 1)
			return QUARANTINE_BUSY;
		if (q && try_put(q, &q->ring[ring_of(home, cls)], p, inside))
			return QUARANTINED;
		if (!q)
			ret = join(inside);
		else if (READ_ONCE(quarantine_closed) && !inside)
			return put_inside(p, cls, home);
		else
			ret = make_room(q, home, cls, inside);
		if (ret != QUARANTINED)
			return ret;
	}
}

static void read_home(const struct quarantine *q, u32 home, struct held *out)
{
	const struct ring *ring = &q->ring[ring_of(home, 0)];
	const struct held *base = &q->base[ring_of(home, 0)];

	if (smp_load_acquire(&q->gen) != hot.gen) { /* pairs with quarantine_roll() */
		for (u32 cls = 0; cls < NR_CLASSES; cls++) {
			out[cls].head = READ_ONCE(ring[cls].head);
			out[cls].tail = READ_ONCE(ring[cls].tail);
			out[cls].out = READ_ONCE(ring[cls].out);
		}
		smp_rmb(); /* pairs with quarantine_roll(): a change is preceded by gen */
		if (READ_ONCE(q->gen) != hot.gen)
			return;
		smp_rmb();
	}
	for (u32 cls = 0; cls < NR_CLASSES; cls++) {
		out[cls].head = READ_ONCE(base[cls].head);
		out[cls].tail = READ_ONCE(base[cls].tail);
		out[cls].out = READ_ONCE(base[cls].out);
	}
}

static void add(struct tally *t, u32 home, const struct held *held)
{
	for (u32 cls = 1; cls < NR_CLASSES; cls++) {
		struct class_tally *c = &t->home[home].cls[cls];
		u64 again = held[cls].tail - held[cls].out;

		c->mallocs += again;
		c->frees += held[cls].head;
		c->quarantine += held[cls].head - held[cls].tail;
		c->in_transit += held[cls].out;
		t->direct_mallocs += again;
		t->direct_frees += held[cls].head;
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
		for (u32 i = 0; i < space.nr_homes * NR_CLASSES; i++) {
			struct ring *r = &q->ring[i];

			for (u64 n = READ_ONCE(r->tail); n != READ_ONCE(r->head); n++) {
				void *p = r->slot[n & (r->cap - 1)];

				t->home[addr_to_home(p)].cls[span_of(p)->cls].quarantine++;
			}
		}
	}
}

bool quarantine_interrupted(void)
{
	return quarantine_mine && READ_ONCE(quarantine_mine->seq) & 1;
}

/* At any point of a change the ring is whole. */
void quarantine_abandon(void)
{
	struct quarantine *q = quarantine_mine;

	if (quarantine_interrupted())
		smp_store_release(&q->seq, q->seq + 1); /* pairs with quarantine_close() */
}

bool quarantine_close(u32 patience_ms)
{
	bool forker = slow_interrupted();
	u64 until = os.now_ms() + (forker ? EXIT_PATIENCE_MS : patience_ms);
	u32 turn = 0;

	if (!check.on)
		return true;
	WRITE_ONCE(quarantine_closed, 1);
	smp_mb(); /* pairs with quarantine_begin() */
	if (!lanes_locked())
		rseq_fence();
	for (struct quarantine *q = all; q; q = q->next) {
		/* Our own: the fork is in a handler that interrupted us there, and we live on. */
		while (q != quarantine_mine &&
		       smp_load_acquire(&q->seq) & 1) { /* pairs with quarantine_end() */
			bool late = os.now_ms() >= until;

			/* It waits for us; or calls exit(), and wants a lock of ours. */
			if (forker && (late || slow_is_forker(READ_ONCE(q->thread))))
				break;
			if (!forker && (late || slow_forkers())) {
				quarantine_open();
				return false;
			}
			backoff(&turn);
		}
	}
	return true;
}

void quarantine_open(void)
{
	WRITE_ONCE(quarantine_closed, 0);
}

void quarantine_fork_child(void)
{
	if (!check.on)
		return;
	if (quarantine_mine)
		own(quarantine_mine); /* or it would look abandoned */
	/* Odd: another forker's, or membarrier is refused; the ring is whole all the same. */
	for (struct quarantine *q = all; q; q = q->next) {
		if (q != quarantine_mine)
			WRITE_ONCE(q->seq, READ_ONCE(q->seq) & ~1u);
	}
	if (!slow_enter())
		return; /* they look abandoned, and are taken over one by one */
	for (struct quarantine *q = all; q; q = q->next) {
		if (q == quarantine_mine || !q->used)
			continue;
		drain(q);
		retire(q);
	}
	slow_exit();
}
