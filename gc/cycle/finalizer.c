// SPDX-License-Identifier: MIT
/*
 * finalizer.c - functions that run once after an object has become unreachable.
 *
 *	SET	the object is watched: at the end of marking, unmarked means unreachable
 *	QUEUED	it was unreachable; marked again, with all that it reaches, and a root from
 *		then on, until its function has it on the stack of the finalizers' thread
 *
 * A cell is found by its object in a hash table, whose buckets are lists through next, until its
 * function is called: so what is queued has its finalizer still, and it may be taken back. Then its
 * cell stays in the queue, without an object. roots_lock for all. The function is called without a
 * lock.
 *
 * The coordinator walks over all of them in pieces, between which who waits for the lock, or forks,
 * goes first.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "gc_inject.h"
#include "gc_map.h"
#include "mark.h"
#include "meta.h"
#include "roots.h"
#include "slow_path.h"
#include "thread.h"
#include "threads.h"

#define FIRST_BUCKETS 1024u
#define AT_ONCE 1024u /* buckets, or cells of the queue, that are looked at */
#define WAY_NS 50000L /* for who waits for the lock */

struct finalizer {
	struct finalizer *next;	  /* in its bucket or the list of free ones */
	struct finalizer *behind; /* in the queue */
	bool queued;
	void *obj; /* NULL: free, or queued and taken back */
	void (*fn)(void *obj, void *arg);
	void *arg;
};

/* All: roots_lock. */
static struct finalizer **buckets;
static u64 nbuckets; /* a power of two */
static u64 nset;     /* cells in them */
static struct finalizer *unused;
static struct finalizer *first, **last = &first; /* queued */
static struct finalizer *cursor;		 /* of them, the next to be scanned */

static u32 wanted; /* futex: grows with each wake */
u64 finalizers_run;

static u64 hash(const void *obj)
{
	return (uintptr_t)obj * 0x9e3779b97f4a7c15ULL >> 20;
}

static struct finalizer **find(const void *obj)
{
	struct finalizer **f;

	if (!nbuckets)
		return NULL;
	for (f = &buckets[hash(obj) & (nbuckets - 1)]; *f; f = &(*f)->next) {
		if ((*f)->obj == obj)
			return f;
	}
	return NULL;
}

/* Twice as many buckets; what is given up is small beside what the objects take. */
static bool grow_table(void)
{
	u64 n = nbuckets ? 2 * nbuckets : FIRST_BUCKETS;
	struct finalizer **fresh = meta_alloc(n * sizeof(*fresh), CACHE_LINE);

	if (!fresh)
		return nbuckets; /* longer lists */
	for (u64 i = 0; i < nbuckets; i++) {
		while (buckets[i]) {
			struct finalizer *f = buckets[i];

			buckets[i] = f->next;
			f->next = fresh[hash(f->obj) & (n - 1)];
			fresh[hash(f->obj) & (n - 1)] = f;
		}
	}
	buckets = fresh;
	nbuckets = n;
	return true;
}

static int set_locked(void *obj, void (*fn)(void *obj, void *arg), void *arg)
{
	struct finalizer *f;

	if (find(obj))
		return -EEXIST;
	if (nset >= nbuckets && !grow_table())
		return -ENOMEM;
	f = unused;
	if (f)
		unused = f->next;
	else
		f = meta_alloc(sizeof(*f), sizeof(void *));
	if (!f)
		return -ENOMEM;
	*f = (struct finalizer){.obj = obj, .fn = fn, .arg = arg};
	f->next = buckets[hash(obj) & (nbuckets - 1)];
	buckets[hash(obj) & (nbuckets - 1)] = f;
	nset++;
	return 0;
}

static void put_unused(struct finalizer *f)
{
	f->obj = NULL;
	f->next = unused;
	unused = f;
}

static void unlink_cell(struct finalizer **at)
{
	*at = (*at)->next;
	nset--;
}

static int clear_locked(void *obj)
{
	struct finalizer **at = find(obj), *f;

	if (!at)
		return -ENOENT;
	f = *at;
	unlink_cell(at);
	f->obj = NULL;
	if (!f->queued)
		put_unused(f);
	return 0;
}

LANE_API int lane_gc_set_finalizer(void *obj, void (*fn)(void *obj, void *arg), void *arg)
{
	int err;

	if (!obj || lane_gc_base(obj) != obj)
		return -EINVAL;
	if (!slow_enter())
		return -EDEADLK;
	spin_lock(&roots_lock);
	err = fn ? set_locked(obj, fn, arg) : clear_locked(obj);
	spin_unlock(&roots_lock);
	slow_exit();
	return err;
}

static void begin_piece(void)
{
	slow_enter_always();
	spin_lock(&roots_lock);
}

static void end_piece(void)
{
	struct timespec ts = {.tv_nsec = WAY_NS};
	bool wanted_by_others = spin_is_contended(&roots_lock);

	spin_unlock(&roots_lock);
	slow_exit();
	GC_INJECT(AT_PIECE);
	/* Or this thread would have it again before one that sleeps is awake. */
	if (wanted_by_others)
		nanosleep(&ts, NULL);
}

static void queue_cell(struct finalizer *f)
{
	f->queued = true;
	f->behind = NULL;
	*last = f;
	last = &f->behind;
}

/* Lock held. */
static bool queue_bucket(struct finalizer *f)
{
	bool any = false;

	for (; f; f = f->next) {
		if (f->queued || mark_test((uintptr_t)f->obj))
			continue;
		queue_cell(f);
		any = true;
	}
	return any;
}

/*
 * What is set meanwhile is of an object that is in use, and so marked. Where the table grows a
 * bucket's cells go to two, neither of them before it.
 */
bool finalizers_queue(void)
{
	bool any = false, more = true;

	for (u64 i = 0; more;) {
		begin_piece();
		for (u64 end = min(i + AT_ONCE, nbuckets); i < end; i++)
			any |= queue_bucket(buckets[i]);
		more = i < nbuckets;
		end_piece();
	}
	if (any)
		finalizers_scan();
	return any;
}

/* What is taken from the queue before it is scanned is shaded by who takes it. */
void finalizers_scan(void)
{
	struct lane_gc_tracer m;
	bool begun = false, more = true;

	while (more) {
		begin_piece();
		cursor = begun ? cursor : first;
		begun = true;
		mark_begin(&m);
		for (u32 i = 0; cursor && i < AT_ONCE; i++, cursor = cursor->behind) {
			if (cursor->obj)
				mark_reference(&m, (uintptr_t)cursor->obj);
		}
		more = cursor;
		mark_end(&m);
		end_piece();
	}
}

void finalizers_wake(void)
{
	if (!READ_ONCE(first))
		return;
	atomic_add_return(&wanted, 1);
	syscall(SYS_futex, &wanted, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* The first one that was not taken back, into *@out; false: there is none. Lock held. */
static bool take_first(struct finalizer *out)
{
	struct finalizer *f;

	out->obj = NULL;
	while (!out->obj && (f = first) != NULL) {
		*out = *f;
		first = f->behind;
		if (!first)
			last = &first;
		if (cursor == f)
			cursor = first;
		if (f->obj)
			unlink_cell(find(f->obj));
		put_unused(f);
	}
	return out->obj;
}

/*
 * Take the next one. From the moment that it is no root any more its object is on this
 * stack; the stack may have been scanned before, so it is shaded, too.
 */
static bool next(struct finalizer *out)
{
	bool any;

	slow_enter_always();
	gc_enter(gc_self);
	spin_lock(&roots_lock);
	any = take_first(out);
	spin_unlock(&roots_lock);
	if (any && READ_ONCE(gc.marking))
		mark_shade((uintptr_t)out->obj);
	gc_exit(gc_self);
	slow_exit();
	return any;
}

/* Not inlined: what waits holds nothing of it, neither in its frame nor in registers. */
static __noinline bool run_one(void)
{
	struct finalizer f;

	if (!next(&f))
		return false;
	f.fn(f.obj, f.arg);
	lane_gc_keep(f.obj); /* until it has returned */
	WRITE_ONCE(finalizers_run, finalizers_run + 1);
	return true;
}

static void *finalizers_thread(void *arg)
{
	thread_set_name("lane-final");
	/* Blocked, a finalizer that waits for a collection would wait for ever. */
	threads_unblock_signal();
	thread_attach_reserved(arg);
	for (;;) {
		u32 seen = READ_ONCE(wanted);

		while (run_one())
			;
		lane_gc_enter_blocking();
		syscall(SYS_futex, &wanted, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
		lane_gc_leave_blocking();
	}
	return NULL;
}

int finalizers_start(void)
{
	struct gc_thread *self = thread_reserve();
	pthread_t thread;
	int err;

	if (!self)
		return -ENOMEM;
	err = thread_start(&thread, finalizers_thread, self);
	if (err)
		thread_unreserve(self);
	else
		pthread_detach(thread);
	return err;
}
